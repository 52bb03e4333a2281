"""Gives each request an id, says it in the answer and binds it to every log line of the request.

A caller's own `X-Request-Id` is kept when it looks like an id, so that a trace can span systems; anything else is
replaced rather than repeated into logs (fault 88).
"""

import re
import uuid

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = "X-Request-Id"
_SANE = re.compile(r"[A-Za-z0-9._-]{8,64}")


class RequestIds:
    """Pure ASGI; outermost, so that every other layer can name the request."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request under an id."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = choose(scope)
        scope.setdefault("state", {})["request_id"] = request_id

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        structlog.contextvars.clear_contextvars()
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            await self.app(scope, receive, send_with_id)


def choose(scope: Scope) -> str:
    """The caller's own id if it looks like one, else a new one."""
    offered = Headers(scope=scope).get(HEADER, "")
    return offered if _SANE.fullmatch(offered) else uuid.uuid4().hex
