"""Replaces ids in an answer by the objects they name, up to four levels deep, as `expand` asks.

What may be expanded is read from the SDK's own classes. Lists that Stripe leaves out unless asked (a session's line
items, a charge's refunds) are added by the functions the nouns register. Called by the door on each answer.
"""

import functools
import importlib
import typing
from typing import Any, Final

from stripe._list_object import ListObject
from stripe._object_classes import OBJECT_CLASSES

from stripe_sandbox import errors
from stripe_sandbox.routing import Include
from stripe_sandbox.store import Body
from stripe_sandbox.work import Work

LEVELS_MAX: Final = 4


def apply(work: Work, body: Body, paths: list[str], includes: dict[tuple[str, str], Include]) -> Body:
    """Return the answer with every path expanded."""
    for path in paths:
        steps = path.split(".")
        levels = [step for step in steps if step != "data"]
        if len(levels) > LEVELS_MAX:
            message = f"You cannot expand more than {LEVELS_MAX} levels of a property. Property: {path}"
            raise errors.invalid(message, param="expand")
        body = _expanded(work, body, steps, path, includes)
    return body


def _expanded(work: Work, body: Body, steps: list[str], path: str, includes: dict[tuple[str, str], Include]) -> Body:
    step, rest = steps[0], steps[1:]
    if step == "data" and body.get("object") == "list":
        return {
            **body,
            "data": [_expanded(work, item, rest, path, includes) if rest else item for item in body["data"]],
        }
    include = includes.get((body.get("object", ""), step))
    if include and step not in body:
        body = {**body, step: include(work, body)}
    elif "object" in body and step not in _expandable(body["object"]):
        message = f"This property cannot be expanded ({path})."
        raise errors.invalid(message, param="expand")
    value = body.get(step)
    if isinstance(value, str):
        value = work.find(value) or value
    if isinstance(value, dict) and rest:
        value = _expanded(work, value, rest, path, includes)
    return {**body, step: value} if step in body else body


@functools.cache
def _expandable(object_name: str) -> frozenset[str]:
    """Return the fields of an object that hold ids, lists or further objects."""
    if object_name == "list":
        return frozenset({"data"})
    module, name = OBJECT_CLASSES[object_name]
    annotations = getattr(importlib.import_module(module), name).__annotations__
    return frozenset(field for field, note in annotations.items() if _holds_objects(note))


def _holds_objects(note: Any) -> bool:  # noqa: ANN401 - any annotation
    origin = typing.get_origin(note)
    if origin is ListObject or (isinstance(note, type) and note.__module__.startswith("stripe.")):
        return True
    if isinstance(note, typing.ForwardRef):
        return note.__forward_arg__.isidentifier()
    return origin in {typing.Union, list} and any(_holds_objects(arg) for arg in typing.get_args(note))
