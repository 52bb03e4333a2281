"""Makes `/openapi.json` say the whole truth: every status an operation can answer, each error in its one schema.

The framework knows the answers that a handler declares. This adds what holds for all of them (a database may be away, a
body may be unreadable or too large, a caller may be unknown) and takes the framework's own error schemas out.
"""

import re
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.routing import compile_path
from typing_extensions import override

from topup.web import errors
from topup.web.api import models

_EVERY_OPERATION = (500, 503)
_WITH_BODY = (400, 413, 415, 422)
_WITH_PARAMETERS = (422,)
_WITH_CALLER = (401, 403)
_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
NEEDED = "x-needed"
_FOREIGN_SCHEMAS = ("HTTPValidationError", "ValidationError")


class Application(FastAPI):
    """The framework's application with the completed description."""

    _methods: list[tuple[re.Pattern[str], list[str]]] | None = None

    def methods_at(self, path: str) -> list[str]:
        """Which methods the described operations at an address take."""
        paths = self.openapi()["paths"]
        if path in paths:
            return sorted(method.upper() for method in paths[path])
        if self._methods is None:
            self._methods = [(compile_path(template)[0], [*operations]) for template, operations in paths.items()]
        found = {method.upper() for pattern, methods in self._methods if pattern.match(path) for method in methods}
        return sorted(found)

    @override
    def openapi(self) -> dict[str, Any]:
        """Describe every route; made once."""
        if self.openapi_schema is None:
            self.openapi_schema = complete(
                get_openapi(title=self.title, version=self.version, description=self.description, routes=self.routes)
            )
        return self.openapi_schema


def complete(description: dict[str, Any]) -> dict[str, Any]:
    """Add the answers that every operation shares."""
    for path in description["paths"].values():
        for operation in path.values():
            _complete_operation(operation)
    schemas = description.setdefault("components", {}).setdefault("schemas", {})
    for name in _FOREIGN_SCHEMAS:
        schemas.pop(name, None)
    problem = models.Problem.model_json_schema(by_alias=True, ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs", {}))
    schemas["Problem"] = problem
    for schema in schemas.values():
        _drop_made_up_titles(schema)
    _make_bounds_whole(description)
    description["components"]["schemas"] = dict(sorted(schemas.items()))
    return description


def _complete_operation(operation: dict[str, Any]) -> None:
    statuses = set(_EVERY_OPERATION)
    if "requestBody" in operation:
        statuses.update(_WITH_BODY)
    if operation.get("parameters"):
        statuses.update(_WITH_PARAMETERS)
    if operation.get("security"):
        statuses.update(_WITH_CALLER)
    if any("apiKey" in scheme for scheme in operation.get("security", ())):
        statuses.add(429)
    for parameter in operation.get("parameters", ()):
        _complete_parameter(parameter)
    responses = operation["responses"]
    if _is_frameworks(responses.get("422")):
        del responses["422"]
        statuses.add(422)
    for status in statuses:
        responses.setdefault(str(status), errors.problem_response(status))
    operation["responses"] = dict(sorted(responses.items()))


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter that is optional is left out; it cannot be sent as null."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    if len(kinds) != 1:
        return schema
    rest = {name: value for name, value in schema.items() if name not in {"anyOf", "title"}}
    return {**kinds[0], **rest}


def _drop_made_up_titles(schema: dict[str, Any]) -> None:
    """Pydantic makes a title of each field's name, which says nothing more and reads worse."""
    for described in schema.get("properties", {}).values():
        described.pop("title", None)


def _make_bounds_whole(described: Any) -> None:  # noqa: ANN401 - any JSON
    """The framework writes the bounds of whole numbers as fractions (100.0), which invites clients to send those."""
    if isinstance(described, dict):
        for name, value in described.items():
            if name in _BOUNDS and isinstance(value, float) and value.is_integer():
                described[name] = int(value)
            else:
                _make_bounds_whole(value)
    elif isinstance(described, list):
        for item in described:
            _make_bounds_whole(item)


def _complete_parameter(parameter: dict[str, Any]) -> None:
    """A header that we demand in our own words is optional to the framework, which would refuse in its own."""
    if parameter["schema"].pop(NEEDED, False):
        parameter["required"] = True
    if parameter["in"] == "header":
        parameter["schema"].pop("default", None)
    parameter["schema"] = _without_null(parameter["schema"])
    parameter["schema"].pop("title", None)


def _is_frameworks(response: dict[str, Any] | None) -> bool:
    return response is not None and "HTTPValidationError" in str(response)
