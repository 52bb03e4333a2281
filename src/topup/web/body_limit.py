"""Refuses bodies over their limit, by the announced length at once and by counting when none is announced (fault 83).

A body that stops coming, or drips for minutes, is not waited for. uvicorn has no such limits of its own. Never buffers:
memory stays flat however much is sent.
"""

import asyncio
import re

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from topup.web import errors

LIMIT_BYTES = 1024 * 1024
ROSTER_LIMIT_BYTES = 5 * 1024 * 1024
_SENTENCE = "The body is larger than this address takes."
ROSTER_PATHS = re.compile(r"/api/sessions/rosters.*|/institutions/[^/]+/rosters")
# What is sent beyond the limit is read and thrown away up to here, so that the sender gets to read the refusal.
DISCARDED_BYTES_MAX = 16 * 1024 * 1024
DIGITS_MAX = 18
# A roster of five megabytes over a poor line takes a minute.
PAUSE_SECONDS_MAX = 20.0
BODY_SECONDS_MAX = 120.0
_CLOSE = {"Connection": "close"}


class BodyLimit:
    """Pure ASGI; innermost of ours, so that its refusal gets every header."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, cutting its body off at the limit."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit_bytes = ROSTER_LIMIT_BYTES if ROSTER_PATHS.fullmatch(scope["path"]) else LIMIT_BYTES
        announced_bytes = _announced_bytes(scope)
        if announced_bytes > limit_bytes:
            is_read = announced_bytes <= DISCARDED_BYTES_MAX and await _discard(receive)
            problem = errors.Problem(413, "too_large", _SENTENCE, headers={} if is_read else _CLOSE)
            await errors.render(Request(scope), problem)(scope, receive, send)
            return
        await self.app(scope, counted(receive, limit_bytes), send)


def counted(receive: Receive, limit_bytes: int) -> Receive:
    """The same body, refused where it grows beyond the limit or does not come in time."""
    seen_bytes, is_whole = 0, False
    ends_at = asyncio.get_running_loop().time() + BODY_SECONDS_MAX

    async def receive_counted() -> Message:
        nonlocal seen_bytes, is_whole
        message = await receive() if is_whole else await _patiently(receive, ends_at)
        is_whole = is_whole or not message.get("more_body")
        seen_bytes += len(message.get("body", b""))
        if seen_bytes > limit_bytes:
            is_read = not message.get("more_body") or await _discard(receive)
            # The framework passes an HTTPException on and turns any other error while reading into a 400.
            raise HTTPException(413, headers={} if is_read else _CLOSE)
        return message

    return receive_counted


async def _patiently(receive: Receive, ends_at: float) -> Message:
    """The next part of a body, if it comes in time."""
    now = asyncio.get_running_loop().time()
    try:
        async with asyncio.timeout_at(min(now + PAUSE_SECONDS_MAX, ends_at)):
            return await receive()
    except TimeoutError:
        raise HTTPException(400, headers=_CLOSE) from None


async def _discard(receive: Receive) -> bool:
    """Read the rest and keep nothing of it; whether it came to its end."""
    seen_bytes = 0
    while seen_bytes <= DISCARDED_BYTES_MAX:
        message = await receive()
        if message["type"] == "http.disconnect":
            return False
        if not message.get("more_body"):
            return True
        seen_bytes += len(message.get("body", b""))
    return False


def _announced_bytes(scope: Scope) -> int:
    announced = Headers(scope=scope).get("content-length", "")
    return int(announced) if announced.isdecimal() and len(announced) <= DIGITS_MAX else 0
