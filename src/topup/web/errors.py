"""The one table from error to HTTP status, and the one shape in which an error leaves the house.

Every error answer of the JSON interface is `application/problem+json` (RFC 9457) with the contract's own fields beside.
An error that nobody foresaw says nothing of itself: it is logged under the request id, and the answer carries that id.
Called by `topup.web.app`; flows raise `topup.errors`, they never know a status.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, cast

import psycopg
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from topup import errors
from topup.web import validation

PROBLEM_JSON = "application/problem+json"
_UNAUTHENTICATED = 401
RETRY_UNAVAILABLE_SECONDS = 5

STATUSES: Mapping[type[errors.TopupError], int] = {
    errors.TopupError: 500,
    errors.Refused: 422,
    errors.Unreadable: 400,
    errors.Unauthenticated: 401,
    errors.InsufficientCredits: 402,
    errors.NotAllowed: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.TooLarge: 413,
    errors.Invalid: 422,
    errors.SlowDown: 429,
    errors.GatewayError: 503,
    errors.Unavailable: 503,
    errors.Broken: 500,
}
TITLES: Mapping[int, str] = {
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
_ROUTER_REFUSALS: Mapping[int, tuple[str, str]] = {
    400: ("unreadable", "The request could not be read."),
    404: ("not_found", "Not found."),
    405: ("method_not_allowed", "This address does not take that method."),
    413: ("too_large", "The body is larger than this address takes."),
    415: ("unsupported_media_type", "This address does not take a body of that type."),
}

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Problem:
    """One error answer. `more` holds extension members such as `available`."""

    status: int
    code: str
    detail: str
    faults: tuple[errors.FieldFault, ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self, request_id: str) -> dict[str, Any]:
        """The members of the answer, in the contract's order."""
        return {
            "type": "about:blank",
            "title": TITLES.get(self.status, "Refused"),
            "status": self.status,
            "detail": self.detail,
            "error": self.detail.removesuffix("."),
            "code": self.code,
            "requestId": request_id,
            "errors": [{"pointer": fault.pointer, "detail": fault.detail} for fault in self.faults],
            **self.more,
        }


def status_of(kind: type[errors.TopupError]) -> int:
    """The status of an error class; a class that the table does not name has its parent's."""
    return next(STATUSES[ancestor] for ancestor in kind.__mro__ if ancestor in STATUSES)


def problem_of(error: errors.TopupError) -> Problem:
    """What an error of ours looks like from outside. Errors that are our own fault keep their sentence to the log."""
    status = status_of(type(error))
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return INTERNAL
    faults = error.faults if isinstance(error, errors.Invalid) else ()
    return Problem(status, error.code, error.detail, faults, _more(error), _headers(error, status))


def text_of(problem: Problem, request_id: str) -> str:
    """The problem as JSON. Escaped to ASCII, so that even a lone surrogate in a field's name can be sent back."""
    return json.dumps(problem.body(request_id), separators=(",", ":"))


def answer(problem: Problem, request_id: str) -> Response:
    """The problem as an HTTP answer."""
    return Response(text_of(problem, request_id), problem.status, dict(problem.headers), media_type=PROBLEM_JSON)


def request_id_of(scope: Mapping[str, Any]) -> str:
    """The id that `topup.web.request_ids` gave this request."""
    return cast("str", scope.get("state", {}).get("request_id", ""))


def register(app: FastAPI) -> None:
    """Answer with problems wherever the framework would answer in its own way."""
    app.add_exception_handler(errors.TopupError, _on_ours)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_router)
    app.add_exception_handler(psycopg.OperationalError, _on_database)
    app.add_exception_handler(psycopg.InterfaceError, _on_database)
    app.add_exception_handler(psycopg.errors.ReadOnlySqlTransaction, _on_database)


INTERNAL = Problem(500, "internal", "We could not do this because of a fault of ours. Quote the request id to support.")
UNAVAILABLE = Problem(
    503,
    "unavailable",
    "The database is not answering. Nothing was changed that you were not told of; try again shortly.",
    headers={"Retry-After": str(RETRY_UNAVAILABLE_SECONDS)},
)


def _more(error: errors.TopupError) -> dict[str, Any]:
    if isinstance(error, errors.InsufficientCredits):
        return {"available": error.available, "required": error.required}
    return {}


def _headers(error: errors.TopupError, status: int) -> dict[str, str]:
    if isinstance(error, errors.SlowDown):
        return {"Retry-After": str(max(1, error.retry_after_seconds))}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return {"Retry-After": str(RETRY_UNAVAILABLE_SECONDS)}
    if status == HTTPStatus.UNAUTHORIZED:
        return {"WWW-Authenticate": "Bearer"}
    return {}


async def _on_ours(request: Request, error: Exception) -> Response:
    error = cast("errors.TopupError", error)
    problem = problem_of(error)
    if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.error("broken", exc_info=error)
    elif problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
        _log.warning("unavailable", code=error.code, detail=error.detail)
    return render(request, problem)


async def _on_invalid(request: Request, error: Exception) -> Response:
    error = cast("RequestValidationError", error)
    verdict = validation.judge(error.errors(), request.headers.get("content-type", ""))
    if verdict.status in _ROUTER_REFUSALS:
        code, detail = _ROUTER_REFUSALS[verdict.status]
        return render(request, Problem(verdict.status, code, verdict.detail or detail))
    return render(request, Problem(422, "invalid", verdict.detail, verdict.faults))


async def _on_router(request: Request, error: Exception) -> Response:
    error = cast("HTTPException", error)
    code, detail = _ROUTER_REFUSALS.get(error.status_code, ("refused", "The request was refused."))
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED and is_api_path(request.url.path):
        # The router names the methods of the first route at the address; the others are routes of their own.
        headers["Allow"] = ", ".join(request.app.methods_at(request.url.path)) or headers.get("Allow", "")
    return render(request, Problem(error.status_code, code, detail, headers=headers))


async def _on_database(request: Request, error: Exception) -> Response:
    _log.error("database_unavailable", kind=type(error).__name__, sqlstate=getattr(error, "sqlstate", None))
    return render(request, UNAVAILABLE)


def render(request: Request, problem: Problem) -> Response:
    """A problem for programs; for a person looking at a page, whatever `app.state.render_error_page` makes of it."""
    page = getattr(request.app.state, "render_error_page", None)
    if page is not None and not is_api_path(request.url.path) and _is_for_a_person(request, problem):
        return cast("Response", page(request, problem))
    return answer(problem, request_id_of(request.scope))


def _is_for_a_person(request: Request, problem: Problem) -> bool:
    """A browser says that it wants a page; whoever only looks, or asks for a part of a page, is sent to sign in too."""
    is_looking = request.method == "GET" or request.headers.get("hx-request") == "true"
    return (is_looking and problem.status == _UNAUTHENTICATED) or "text/html" in request.headers.get("accept", "")


def is_api_path(path: str) -> bool:
    """Whether programs, not people, ask here."""
    return path.startswith("/api/") or path in {"/api", "/openapi.json", "/health", "/ready", "/metrics"}


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For `responses=`: the refusals of one operation. `topup.web.openapi` adds those that every operation has."""
    return {status: problem_response(status) for status in statuses}


def problem_response(status: int) -> dict[str, Any]:
    """The OpenAPI response object of one error status."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": TITLES[status], "content": {PROBLEM_JSON: {"schema": schema}}}


def tree(root: type[errors.TopupError] = errors.TopupError) -> Iterable[type[errors.TopupError]]:
    """Every error class from `root` down."""
    yield root
    for child in root.__subclasses__():
        yield from tree(child)
