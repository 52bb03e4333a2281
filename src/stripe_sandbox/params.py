"""Checks a request against the SDK's own parameter types, so that they are the one list of what Stripe accepts.

Walks the TypedDicts generically: unknown names, missing required ones, numbers, booleans, enumerations and nested
lists. Never looks at what the values mean; each noun does that. Called by the door before a handler runs.
"""

import decimal
import functools
import operator
import re
import sys
import types
import typing
from typing import Any, Final

import typing_extensions
from stripe import StripeContext
from stripe._request_options import RequestOptions

from stripe_sandbox import errors
from stripe_sandbox.forms import Nested

OPTIONS: Final = frozenset(RequestOptions.__annotations__)
INTEGER: Final = re.compile(r"-?\d{1,19}")
REMOVED: Final = {"payment_method_types": "payment_method_types_no_longer_supported"}
"""Names that Stripe once took, and the code with which it now refuses them."""

METADATA_KEYS_MAX: Final = 50
METADATA_KEY_LENGTH_MAX: Final = 40
METADATA_VALUE_LENGTH_MAX: Final = 500
TEXT_LENGTH_MAX: Final = 5000
NAMED_MAX: Final = 40


def check(shape: type | None, raw: Nested, also: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the typed parameters, or raise the refusal Stripe would give. `also` names extra plain strings."""
    fields, required = _fields(shape) if shape else ({}, frozenset())
    extra = dict.fromkeys(also, str)
    return _mapping({**fields, **extra}, required, raw, "")


def _mapping(fields: dict[str, Any], required: frozenset[str], raw: Nested, path: str) -> dict[str, Any]:
    checked: dict[str, Any] = {}
    for name, value in raw.items():
        where = f"{path}[{name}]" if path else name
        if name not in fields:
            raise errors.unknown_parameter(where, REMOVED.get(where))
        checked[name] = _value(fields[name], value, where)
    for name in sorted(required - checked.keys()):
        raise errors.missing_parameter(f"{path}[{name}]" if path else name)
    return checked


def _value(annotation: object, raw: "str | Nested", path: str) -> object:
    choices = _choices(annotation)
    if isinstance(raw, dict):
        return _nested(choices, raw, path)
    words = [word for choice in choices for word in _words(choice)]
    if raw == "" and "" in words:
        return ""
    if raw in words:
        return raw
    plain = [choice for choice in choices if choice in {int, bool, float, decimal.Decimal}]
    if plain:
        return _scalar(plain[0], raw, path)
    if any(word != "" for word in words):
        raise errors.invalid(f"Invalid {path}: must be one of {_sentence(words)}", param=path)
    if str in choices:
        return _text(raw, path)
    if any(_is_metadata(choice) for choice in choices) and raw == "":
        return ""
    kind = "array" if any(typing.get_origin(choice) is list for choice in choices) else "object"
    raise errors.invalid(f"Invalid {kind}", code="parameter_invalid_string_empty" if not raw else None, param=path)


def _nested(choices: list[Any], raw: Nested, path: str) -> object:
    for choice in choices:
        if typing.get_origin(choice) is list:
            return _items(typing.get_args(choice)[0], raw, path)
        if _is_metadata(choice):
            return _metadata(raw, path)
        if typing_extensions.is_typeddict(choice):
            fields, required = _fields(choice)
            return _mapping(fields, required, raw, path)
    raise errors.invalid("Invalid string: a hash was given", param=path)


def _items(item: object, raw: Nested, path: str) -> list[Any]:
    if not all(name.isdigit() for name in raw):
        raise errors.invalid("Invalid array", param=path)
    return [_value(item, raw[name], f"{path}[{name}]") for name in sorted(raw, key=int)]


def _scalar(kind: type, raw: str, path: str) -> object:
    if kind is bool:
        if raw not in {"true", "false"}:
            raise errors.invalid(f"Invalid boolean: {raw}", param=path)
        return raw == "true"
    if kind is int:
        if not INTEGER.fullmatch(raw):
            raise errors.invalid(f"Invalid integer: {raw}", code="parameter_invalid_integer", param=path)
        return int(raw)
    try:
        number = decimal.Decimal(raw)
    except decimal.InvalidOperation:
        number = decimal.Decimal("nan")
    if not number.is_finite():
        raise errors.invalid(f"Invalid decimal: {raw}", param=path)
    return raw if kind is decimal.Decimal else float(number)


def _text(raw: str, path: str) -> str:
    if raw == "":
        message = f"You passed an empty string for '{path}'. An empty value unsets, and '{path}' cannot be unset."
        raise errors.invalid(message, code="parameter_invalid_empty", param=path)
    if len(raw) > TEXT_LENGTH_MAX:
        message = f"Invalid string: must be at most {TEXT_LENGTH_MAX} characters"
        raise errors.invalid(message, code="string_invalid_length", param=path)
    return raw


def _metadata(raw: Nested, path: str) -> dict[str, str]:
    if len(raw) > METADATA_KEYS_MAX:
        raise errors.invalid(f"You can have up to {METADATA_KEYS_MAX} keys in {path}.", param=path)
    for name, value in raw.items():
        where = f"{path}[{name}]"
        if len(name) > METADATA_KEY_LENGTH_MAX or "[" in name or "]" in name:
            message = f"Metadata keys may hold {METADATA_KEY_LENGTH_MAX} characters and no square brackets: {name}"
            raise errors.invalid(message, param=where)
        if not isinstance(value, str):
            raise errors.invalid("Metadata values must be strings.", param=where)
        if len(value) > METADATA_VALUE_LENGTH_MAX:
            message = f"Metadata values can have up to {METADATA_VALUE_LENGTH_MAX} characters; {name} has {len(value)}."
            raise errors.invalid(message, param=where)
    return {name: str(value) for name, value in raw.items()}


@functools.cache
def _fields(shape: type) -> tuple[dict[str, Any], frozenset[str]]:
    """Return the resolved annotation of each parameter, and the names that must be given."""
    scope = {**vars(typing), **vars(typing_extensions), **vars(sys.modules[shape.__module__])}
    names = {name: note for name, note in shape.__annotations__.items() if name not in OPTIONS}
    required = frozenset(getattr(shape, "__required_keys__", ())) & names.keys()
    return {name: _resolved(note, scope) for name, note in names.items()}, required


def _resolved(note: object, scope: dict[str, Any]) -> object:
    """Replace forward references, which the SDK writes as strings, by the types they name."""
    if isinstance(note, typing.ForwardRef):
        note = note.__forward_arg__
    if isinstance(note, str):
        # The text is the SDK's own source, read from the installed package; nothing of a request reaches it.
        return _resolved(eval(note, {"StripeContext": StripeContext, **scope}), scope)  # noqa: S307
    origin, args = typing.get_origin(note), typing.get_args(note)
    if origin in {typing_extensions.NotRequired, typing_extensions.Required}:
        return _resolved(args[0], scope)
    if origin in {typing.Union, types.UnionType}:
        return functools.reduce(operator.or_, [_resolved(arg, scope) for arg in args])
    if origin is list:
        return types.GenericAlias(list, (_resolved(args[0], scope),))
    return note


def _choices(annotation: object) -> list[Any]:
    if typing.get_origin(annotation) in {typing.Union, types.UnionType}:
        return [choice for arg in typing.get_args(annotation) for choice in _choices(arg)]
    return [annotation]


def _words(choice: object) -> tuple[Any, ...]:
    return typing.get_args(choice) if typing.get_origin(choice) in {typing.Literal, typing_extensions.Literal} else ()


def _is_metadata(choice: object) -> bool:
    return typing.get_origin(choice) is dict


def _sentence(words: list[str]) -> str:
    named = [word for word in words if word]
    if len(named) > NAMED_MAX:
        return f"the {len(named)} values in the API reference"
    return " or ".join([", ".join(named[:-1]), named[-1]]) if len(named) > 1 else named[0]
