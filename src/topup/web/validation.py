"""Turns what pydantic found wrong with a request into the contract's words: 400, 415, or 422 naming each field.

Pure. It never repeats what was sent, which may be a password.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from topup.errors import FieldFault
from topup.web.api import models

FAULTS_SHOWN_MAX = 50
_NOT_AN_OBJECT = {"model_attributes_type", "model_type", "dict_type"}
_SENTENCES: Mapping[str, str] = {
    "missing": "This field is required.",
    "extra_forbidden": "This field is not known here.",
    "string_type": "This must be a string.",
    "string_unicode": "This is not well-formed Unicode.",
    "int_type": "This must be a whole number.",
    "int_from_float": "This must be a whole number.",
    "int_parsing": "This must be a whole number.",
    "bool_type": "This must be true or false.",
    "bool_parsing": "This must be true or false.",
    "list_type": "This must be a list.",
    "model_attributes_type": "This must be an object.",
    "json_invalid": "This is not JSON.",
}

_LIMITS: Mapping[str, tuple[str, str, str, str]] = {
    "string_too_short": ("min_length", "This must have at least", "character", "characters"),
    "string_too_long": ("max_length", "This must have at most", "character", "characters"),
    "too_short": ("min_length", "This must have at least", "item", "items"),
    "too_long": ("max_length", "This must have at most", "item", "items"),
    "greater_than_equal": ("ge", "This must be at least", "", ""),
    "less_than_equal": ("le", "This must be at most", "", ""),
}
"""For each kind of limit: its name at pydantic, the words before the figure, and what is counted."""

_PATTERNS: Mapping[str, str] = {
    models.LINE_PATTERN: "This must be one line without control characters.",
    models.NAME_PATTERN: "This must be one line with at least one visible character.",
    models.TEXT_PATTERN: "This must not have control characters.",
    models.ID_PATTERN: "This must be one line of well-formed text with at least one visible character.",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to answer."""

    status: int
    detail: str = ""
    faults: tuple[FieldFault, ...] = ()


def judge(found: Sequence[Mapping[str, Any]], content_type: str) -> Verdict:
    """Decide between a body that cannot be read, one of another type, and fields that are wrong."""
    kinds = {str(fault["type"]) for fault in found}
    if "json_invalid" in kinds:
        return Verdict(400, "The body is not JSON.")
    for fault in found:
        if tuple(fault["loc"]) == ("body",) and fault["type"] == "missing":
            return Verdict(400, "A JSON body is required.")
        if tuple(fault["loc"]) == ("body",) and fault["type"] in _NOT_AN_OBJECT and not _is_json(content_type):
            return Verdict(415)
    faults = tuple(_fault(fault) for fault in found[:FAULTS_SHOWN_MAX])
    return Verdict(422, _summary(faults), faults)


def _is_json(content_type: str) -> bool:
    media = content_type.partition(";")[0].strip().lower()
    return media == "application/json" or (media.startswith("application/") and media.endswith("+json"))


def _fault(fault: Mapping[str, Any]) -> FieldFault:
    return FieldFault(_pointer(tuple(fault["loc"])), _sentence(fault))


def _pointer(place: tuple[str | int, ...]) -> str:
    """A JSON pointer (RFC 6901) into the body; outside the body the place and the name, as in `query:limit`."""
    where, names = str(place[0]), place[1:]
    if where != "body":
        return ":".join([where, *(str(name) for name in names)])
    return "".join("/" + str(name).replace("~", "~0").replace("/", "~1") for name in names)


def _sentence(fault: Mapping[str, Any]) -> str:
    kind = str(fault["type"])
    if kind == "string_pattern_mismatch":
        return _PATTERNS.get(fault["ctx"]["pattern"], "This does not have the form that is asked for here.")
    if kind in _SENTENCES:
        return _SENTENCES[kind]
    if kind in _LIMITS:
        return _limit(kind, fault["ctx"])
    text = str(fault["msg"]).removeprefix("Value error, ").removeprefix("Input should be ")
    if text != fault["msg"] and kind != "value_error":
        text = f"This must be {text}"
    return text if text.endswith(".") else text + "."


def _limit(kind: str, limits: Mapping[str, Any]) -> str:
    name, words, one, many = _LIMITS[kind]
    limit = limits[name]
    return f"{words} {limit} {one if limit == 1 else many}".rstrip() + "."


def _summary(faults: tuple[FieldFault, ...]) -> str:
    first = faults[0]
    name = first.pointer.removeprefix("/") or "body"
    return (
        f"{name}: {first.detail}"
        if len(faults) == 1
        else f"{len(faults)} fields are not valid; first, {name}: {first.detail}"
    )
