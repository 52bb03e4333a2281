"""The express lane: routes that move credits are answered in one step, as all the layers would have answered.

A layer costs a wrapped `send` and a coroutine, and together they cost more than a spend (docs/decisions/0022). Here go
only calls by programs in their plain form: to a lean route, with no origin and no cookie, and a body whose announced
length is within the limit. Everything else goes through the layers, and a test sends the same calls both ways.
"""

import time
from collections.abc import Sequence
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from topup.settings import Settings
from topup.web import access_log, body_limit, errors, lean, request_ids, security_headers

# Of a browser, or of a body that must be counted while it is read.
_LONG_WAY = frozenset({b"origin", b"cookie", b"transfer-encoding"})
_VARY = (b"vary", b"Origin")

_log = structlog.get_logger()


class Express:
    """Pure ASGI; outermost, since it does the work of the layers inside it."""

    def __init__(self, app: ASGIApp, settings: Settings, routes: Sequence[lean.Route]) -> None:
        self.app = app
        self.routes = routes
        self.headers = [_VARY, *security_headers.for_programs(settings)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, here or by the layers."""
        route = self._route(scope) if scope["type"] == "http" and _is_plain(scope) else None
        if route is None:
            await self.app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500
        request_id = request_ids.choose(scope)
        scope["state"] = {**scope.get("state", {}), "request_id": request_id}
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            response = await _answer(route, Request(scope, body_limit.counted(receive, body_limit.LIMIT_BYTES)))
            status = response.status_code
            headers = [*response.raw_headers, *self.headers, (b"x-request-id", request_id.encode())]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": response.body})
        finally:
            access_log.write_down(scope, status, time.perf_counter() - started)

    def _route(self, scope: Scope) -> lean.Route | None:
        for route in self.routes:
            if scope["method"] in route.lean_methods and (found := route.path_regex.match(scope["path"])):
                scope["route"], scope["endpoint"], scope["path_params"] = route, route.endpoint, found.groupdict()
                return route
        return None


def _is_plain(scope: Scope) -> bool:
    announced = b""
    for name, value in scope["headers"]:
        if name in _LONG_WAY:
            return False
        if name == b"content-length":
            announced = value
    if scope.get("root_path") or not announced.isdigit():
        return False
    return len(announced) <= body_limit.DIGITS_MAX and int(announced) <= body_limit.LIMIT_BYTES


async def _answer(route: lean.Route, request: Request) -> Response:
    """What the handler answers, or what the application's error handlers make of its refusal."""
    try:
        return await route.answer(request)
    except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets an answer
        handlers: dict[Any, Any] = request.app.exception_handlers
        handler = next((handlers[kind] for kind in type(error).__mro__ if kind in handlers), None)
        if handler is not None:
            answered: Response = await handler(request, error)
            return answered
        _log.exception("unforeseen", path=request.scope["path"])
        return errors.render(request, errors.INTERNAL)
