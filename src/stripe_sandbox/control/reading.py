"""How control calls are read and answered: JSON in, JSON out, no key, and unknown fields refused by name.

Each body is read into a dataclass whose annotations are checked. Every module of this package uses it; it decides
nothing about what the calls do.
"""

import json
import types
import typing
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from stripe_sandbox import errors, signatures
from stripe_sandbox.sandbox import Sandbox
from stripe_sandbox.store import Body

Shape = TypeVar("Shape")
Handler: TypeAlias = Callable[[Sandbox, Request, Body], Awaitable[Body]]
Call: TypeAlias = tuple[str, str, Handler]
"""A method, an address and what answers there."""


class Wrong(Exception):
    """A control call that makes no sense, with the reason."""


def route(sandbox: Sandbox, call: Call) -> Route:
    """Return the route of a call."""
    method, path, handler = call
    return Route(path, _endpoint(sandbox, handler), methods=[method])


def read(shape: type[Shape], given: Body) -> Shape:
    """Return the body as what it should be, refusing unknown, missing and mistyped fields."""
    hints = typing.get_type_hints(shape)
    unknown = given.keys() - hints.keys()
    if unknown:
        raise Wrong(f"Unknown: {', '.join(sorted(unknown))}. Known: {', '.join(sorted(hints))}.")
    for name, value in given.items():
        if not _fits(value, hints[name]):
            raise Wrong(f"{name} is of the wrong type.")
    try:
        return shape(**given)
    except TypeError as missing:
        raise Wrong(str(missing)) from missing


def check_manner(manner: str) -> None:
    """Refuse a way of signing that does not exist."""
    if manner not in signatures.MANNERS:
        raise Wrong(f"manner must be one of {', '.join(signatures.MANNERS)}.")


def _endpoint(sandbox: Sandbox, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        origin = request.headers.get("origin")
        if origin and origin != sandbox.settings.public_url:
            # Some website in the developer's browser, which has no business here.
            return JSONResponse({"error": {"message": "Control calls are not for websites."}}, 403)
        raw = await request.body()
        try:
            return JSONResponse(await handler(sandbox, request, _given(raw)))
        except errors.Refusal as refusal:
            return JSONResponse({"error": refusal.error}, refusal.status)
        except (Wrong, json.JSONDecodeError) as wrong:
            return JSONResponse({"error": {"message": str(wrong)}}, 400)

    return answer


def _given(raw: bytes) -> Body:
    given = json.loads(raw) if raw else {}
    if not isinstance(given, dict):
        raise Wrong("The body must be a JSON object.")
    return given


def _fits(value: object, hint: Any) -> bool:  # noqa: ANN401 - any annotation
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in {typing.Union, types.UnionType}:
        return any(_fits(value, arg) for arg in args)
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, origin or hint)
