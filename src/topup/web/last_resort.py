"""Catches what nobody foresaw: logs it with its trace, answers 500 and says nothing of the cause (fault 87).

It stands inside the layers that set headers, so that even this answer carries the request id and the security headers.
"""

import structlog
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from topup.web import errors

_log = structlog.get_logger()


class LastResort:
    """Pure ASGI."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; an error after the answer has begun can only be logged and the connection dropped."""
        is_started = False

        async def watched(message: Message) -> None:
            nonlocal is_started
            is_started = is_started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except Exception:
            _log.exception("unforeseen", path=scope.get("path"))
            if is_started or scope["type"] != "http":
                raise
            await errors.render(Request(scope), errors.INTERNAL)(scope, receive, send)
