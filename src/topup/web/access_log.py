"""Writes one log line and two figures for each request: what was asked by route, what was answered, how long it took.

Never the query string, a header or a body (fault 87).
"""

import time

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from topup.web import metrics

UNROUTED = "(none)"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_QUIET = frozenset({"/health", "/ready", "/metrics"})

_log = structlog.get_logger()


class AccessLog:
    """Pure ASGI; directly inside `RequestIds`."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request and write it down."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, watched)
        finally:
            write_down(scope, status, time.perf_counter() - started)


def route_of(scope: Scope) -> str:
    """The template of the route that served the request."""
    path = getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) and path else UNROUTED


def write_down(scope: Scope, status: int, seconds: float) -> None:
    """Count and log a request that was answered."""
    route = route_of(scope)
    method = scope["method"] if scope["method"] in _METHODS else "OTHER"
    metrics.REQUESTS.labels(method, route, str(status)).inc()
    metrics.SECONDS.labels(route).observe(seconds)
    if route in _QUIET:
        return
    state = scope.get("state", {})
    _log.info(
        "request",
        method=method,
        route=route,
        status=status,
        ms=round(seconds * 1000, 1),
        user_id=state.get("user_id"),
        application_id=state.get("application_id"),
    )
