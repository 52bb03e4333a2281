"""Refuses bodies over their limit, by the announced length at once and by counting when none is announced (fault 83).

uvicorn has no such limit of its own. Never buffers: memory stays flat however much is sent.
"""

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from topup.web import errors

LIMIT_BYTES = 1024 * 1024
ROSTER_LIMIT_BYTES = 5 * 1024 * 1024
ROSTER_PATHS = ("/api/sessions/rosters", "/sessions/roster")
_DIGITS_MAX = 18
_TOO_LARGE = errors.Problem(
    413, "too_large", "The body is larger than this address takes.", headers={"Connection": "close"}
)


class BodyLimit:
    """Pure ASGI; innermost of ours, so that its refusal gets every header."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, cutting its body off at the limit."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit_bytes = ROSTER_LIMIT_BYTES if scope["path"].startswith(ROSTER_PATHS) else LIMIT_BYTES
        if _announced_bytes(scope) > limit_bytes:
            await errors.answer(_TOO_LARGE, errors.request_id_of(scope))(scope, receive, send)
            return
        seen_bytes = 0

        async def counted() -> Message:
            nonlocal seen_bytes
            message = await receive()
            seen_bytes += len(message.get("body", b""))
            if seen_bytes > limit_bytes:
                # The framework passes an HTTPException on and turns any other error while reading into a 400.
                raise HTTPException(413, headers={"Connection": "close"})
            return message

        await self.app(scope, counted, send)


def _announced_bytes(scope: Scope) -> int:
    announced = Headers(scope=scope).get("content-length", "")
    return int(announced) if announced.isdecimal() and len(announced) <= _DIGITS_MAX else 0
