"""Answers HEAD like GET, without the body: what monitors and proxies ask to see whether something is there.

The framework answers 405 instead. Nothing is lost by running the GET: no GET of ours changes anything.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Heads:
    """Pure ASGI; innermost, so that everything outside still sees the method that was sent."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def headers_only(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        inner = {**scope, "method": "GET"}
        try:
            await self.app(inner, receive, headers_only)
        finally:
            scope.update({**inner, "method": "HEAD"})  # the layers outside read which route it was
