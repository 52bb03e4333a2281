"""A route that says all about itself in its handler's signature, as every route does, and is called without detours.

The framework walks the signature at each request, which cost more than a spend itself (docs/decisions/0010).
Here it is read once; checks and answers are the same, and the description of the API comes from the framework as ever.
A handler may take what depends on the request alone, ids from the path and one JSON body. Handlers that do not answer a
`Response` of their own are left to the framework.
"""

import inspect
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, get_args, get_origin

from fastapi import APIRouter, Request, params
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from typing_extensions import override

Fill = Callable[[Request], Awaitable[Any]]


def router(tag: str) -> APIRouter:
    """A router of such routes. They belong into the application's own list: included, they would be matched twice."""
    return APIRouter(tags=[tag], route_class=Route, generate_unique_id_function=lambda route: route.name)


class Route(APIRoute):
    """Made by `router`."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        signature = inspect.signature(endpoint)
        self.lean_methods = frozenset(self.methods or () if signature.return_annotation is Response else ())
        if not self.lean_methods:
            return
        fills = [_fill(self, name, parameter) for name, parameter in signature.parameters.items()]
        # Who is asking comes before what is asked, so that strangers learn nothing of either.
        self._fills = [(name, fill) for _, name, fill in sorted(fills, key=lambda fill: fill[0])]

    @override
    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["method"] not in self.lean_methods:
            await super().handle(scope, receive, send)
            return
        response = await self.answer(Request(scope, receive, send))
        await response(scope, receive, send)

    async def answer(self, request: Request) -> Response:
        """What the handler answers, or raises."""
        response: Response = await self.endpoint(**{name: await fill(request) for name, fill in self._fills})
        return response


def _fill(route: APIRoute, name: str, parameter: inspect.Parameter) -> tuple[int, str, Fill]:
    """In which turn and how a parameter of a handler gets its value."""
    kind, *notes = get_args(parameter.annotation) if _is_annotated(parameter) else (parameter.annotation,)
    depends = next((note for note in notes if isinstance(note, params.Depends)), None)
    if depends is not None and depends.dependency is not None:
        return 0, name, depends.dependency
    if kind is Request:
        return 0, name, _itself
    if name in route.param_convertors:
        return 1, name, _from_path(name, TypeAdapter(parameter.annotation))
    models = [one for one in (kind, *get_args(kind)) if isinstance(one, type) and issubclass(one, BaseModel)]
    if len(models) == 1:
        return 2, name, _from_body(models[0], is_required=parameter.default is inspect.Parameter.empty)
    raise TypeError(f"A lean route cannot fill the parameter {name} of {route.path}.")


def _is_annotated(parameter: inspect.Parameter) -> bool:
    return get_origin(parameter.annotation) is Annotated


async def _itself(request: Request) -> Request:
    return request


def _from_path(name: str, adapter: TypeAdapter[Any]) -> Fill:
    async def fill(request: Request) -> object:
        try:
            return adapter.validate_python(request.scope["path_params"][name])
        except ValidationError as error:
            raise _refused(error, ("path", name)) from error

    return fill


def _from_body(model: type[BaseModel], *, is_required: bool) -> Fill:
    async def fill(request: Request) -> BaseModel | None:
        raw = await request.body()
        if not raw:
            if is_required:
                raise RequestValidationError([{"type": "missing", "loc": ("body",), "msg": "Field required"}])
            return None
        if not is_required and raw == b"null":
            return None
        if not _is_json(request.headers.get("content-type", "")):
            raise RequestValidationError([{"type": "model_type", "loc": ("body",), "msg": "Not JSON"}])
        try:
            return model.model_validate_json(raw)
        except ValidationError as error:
            raise _refused(error, ("body",)) from error

    return fill


def _is_json(content_type: str) -> bool:
    if content_type == "application/json":
        return True
    media = content_type.partition(";")[0].strip().lower()
    return media == "application/json" or (media.startswith("application/") and media.endswith("+json"))


def _refused(error: ValidationError, place: tuple[str, ...]) -> RequestValidationError:
    """What is wrong, in the words and places of the framework, so that one handler words all refusals."""
    return RequestValidationError([{**fault, "loc": (*place, *fault["loc"])} for fault in error.errors()])
