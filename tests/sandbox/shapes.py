"""Holds an object of the sandbox against the SDK's class for it: no unknown key, none missing, each value of its type.

The SDK's classes are generated from Stripe's description of its API, so they are the best list of what is right that
an offline test can have. `faults(body)` returns sentences; a test wants none.
"""

import decimal
import importlib
import inspect
import typing
from collections.abc import Iterator
from typing import Any, TypeAlias

from stripe._list_object import ListObject
from stripe._object_classes import OBJECT_CLASSES
from stripe._stripe_object import StripeObject, UntypedStripeObject

Note: TypeAlias = Any
"""An annotation of the SDK, or a value from JSON: anything."""

RENAMED = {"CardResource": "Card", "DisputeResource": "Dispute", "DiscountResource": "Discount"}
SCALARS = {str: str, int: int, bool: bool, float: (int, float)}


def faults(body: dict[str, Any]) -> list[str]:
    """Return what is wrong with an object that carries its own `object` name."""
    return list(_object_faults(body, class_of(body["object"]), body["object"]))


def partial_faults(body: dict[str, Any], object_name: str) -> list[str]:
    """Return the keys of previous attributes that the object's class does not have."""
    known = declared(class_of(object_name))
    return [f"{object_name}.{key} is not declared" for key in body if key not in known]


def class_of(object_name: str) -> Note:
    module, name = OBJECT_CLASSES[object_name]
    return getattr(importlib.import_module(module), name)


def declared(cls: Note) -> dict[str, Any]:
    notes: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        if issubclass(base, StripeObject) and base is not StripeObject:
            notes |= inspect.get_annotations(base)
    return {name: note for name, note in notes.items() if name != "OBJECT_NAME" and not name.startswith("_")}


def is_required(note: Note) -> bool:
    """Tell whether the SDK's class promises that a field is never absent."""
    return not _may_be_absent(note)


def _object_faults(body: dict[str, Any], cls: Note, path: str) -> Iterator[str]:
    notes = declared(cls)
    for name in body.keys() - notes.keys():
        yield f"{path}.{name} is not declared on {cls.__qualname__}"
    for name, note in notes.items():
        if name in body:
            yield from _value_faults(body[name], note, f"{path}.{name}")
        elif not _may_be_absent(note):
            yield f"{path}.{name} is missing"


def _may_be_absent(note: Note) -> bool:
    return type(None) in typing.get_args(note)


def _value_faults(value: Note, note: Note, path: str) -> Iterator[str]:
    choices = list(typing.get_args(note)) if typing.get_origin(note) is typing.Union else [note]
    if value is None:
        if type(None) not in choices and typing.Any not in choices:
            yield f"{path} is null"
        return
    literals = [choice for choice in choices if typing.get_origin(choice) is typing.Literal]
    words = [word for literal in literals for word in typing.get_args(literal)]
    if words and isinstance(value, str):
        # An enumeration is written Literal | str, so that unknown values parse; the sandbox must not make any.
        if value not in words:
            yield f"{path} is {value!r}, none of {words[:12]}"
        return
    verdicts = [list(_choice_faults(value, choice, path)) for choice in choices if choice is not type(None)]
    if all(verdicts):
        yield from min(verdicts, key=len)


def _choice_faults(value: Note, choice: Note, path: str) -> Iterator[str]:
    origin = typing.get_origin(choice)
    if choice is typing.Any:
        return
    if origin is typing.Literal:
        if value not in typing.get_args(choice):
            yield f"{path} is {value!r}"
    elif origin is list:
        yield from _list_faults(value, typing.get_args(choice)[0], path)
    elif origin is ListObject or choice is ListObject or _names_list(choice):
        yield from _page_faults(value, path)
    elif isinstance(choice, (typing.ForwardRef, str)):
        yield from _named_faults(value, choice if isinstance(choice, str) else choice.__forward_arg__, path)
    elif origin in {dict, UntypedStripeObject} or (isinstance(choice, type) and issubclass(choice, StripeObject)):
        yield from _hash_faults(value, choice, path)
    elif choice is decimal.Decimal:
        if not (isinstance(value, str) and decimal.Decimal(value).is_finite()):
            yield f"{path} is no decimal string"
    elif not isinstance(value, SCALARS[choice]) or (isinstance(value, bool) and choice is not bool) or value == "":
        yield f"{path} is {value!r}, no {choice.__name__}"


def _hash_faults(value: Note, choice: Note, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path} is no hash"
    elif isinstance(choice, type) and choice not in {dict, UntypedStripeObject}:
        yield from _object_faults(value, choice, path)


def _names_list(choice: Note) -> bool:
    return isinstance(choice, typing.ForwardRef) and choice.__forward_arg__.startswith("ListObject[")


def _list_faults(value: Note, item: Note, path: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{path} is no list"
        return
    for place, one in enumerate(value):
        yield from _value_faults(one, item, f"{path}[{place}]")


def _page_faults(value: Note, path: str) -> Iterator[str]:
    if not (isinstance(value, dict) and value.get("object") == "list" and {"data", "has_more", "url"} <= value.keys()):
        yield f"{path} is no list object"
        return
    for place, one in enumerate(value["data"]):
        yield from _object_faults(one, class_of(one["object"]), f"{path}.data[{place}]")


def _named_faults(value: Note, name: str, path: str) -> Iterator[str]:
    if not isinstance(value, dict) or "object" not in value:
        yield f"{path} is no {name}"
        return
    cls = class_of(value["object"])
    if cls.__name__ != RENAMED.get(name, name):
        yield f"{path} is a {cls.__name__}, no {name}"
    yield from _object_faults(value, cls, path)
