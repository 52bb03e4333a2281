"""How JSON bodies look: camelCase, strict types, no unknown field in, no surprise out.

`Body` is for what is sent to us, `Answer` for what we send. Every string of a `Body` has one of the types below, which
refuse NUL, control characters and broken Unicode, so that nothing of the kind reaches a table, a log or a mail
(faults 62, 65, 68, 82, 84).
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

from topup import errors
from topup.core import money

WHOLE_MAX = 2**53 - 1
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
# Controls, line separators, and marks that turn the direction of the text around them.
_REFUSED = r"\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069"
_INVISIBLE = r"\s\xad\u115f\u1160\u180e\u200b-\u200f\u2060-\u206f\u3164\ufeff\uffa0"


LINE_PATTERN = f"^[^{_REFUSED}]*$"
NAME_PATTERN = f"^[^{_REFUSED}]*[^{_REFUSED}{_INVISIBLE}][^{_REFUSED}]*$"
ID_PATTERN = NAME_PATTERN.replace("[^", r"[^\ufffd")
"""A name in an address: bytes there that are no UTF-8 arrive as U+FFFD, and two names must not become one."""
TEXT_PATTERN = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$"


class Body(BaseModel):
    """What a caller sends."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", strict=True, frozen=True)


class Answer(BaseModel):
    """What we answer."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, frozen=True)


def without_defaults(schema: dict[str, Any]) -> None:
    """For bodies where a field that is not sent has no value at all."""
    for described in schema["properties"].values():
        described.pop("default", None)


class Fault(Answer):
    """What is wrong with one field."""

    pointer: str = Field(description="A JSON pointer into the body, or the place and name outside it (`query:limit`).")
    detail: str


class Problem(Answer):
    """An error (RFC 9457). `error` is the short sentence that older clients show; `code` is stable."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    error: str
    code: str = Field(pattern=r"^[a-z0-9_]+$")
    request_id: str
    errors: list[Fault]
    available: int | None = Field(default=None, description="With `insufficient_credits`: what a spend would get now.")
    required: int | None = Field(default=None, description="With `insufficient_credits`: what this act needs.")


def _row_id(value: object) -> UUID:
    """Ids are opaque to callers, so one that cannot be ours is simply not there (404), never badly formed."""
    if not isinstance(value, str | UUID):
        raise ValueError("This must be a string.")  # noqa: TRY004 - what pydantic makes a 422 of
    try:
        return value if isinstance(value, UUID) else UUID(str(value))
    except ValueError:
        raise errors.NotFound from None


def _currency(code: str) -> str:
    if code not in money.CURRENCIES:
        raise ValueError("This must be a currency that Stripe takes, in lower case, such as gbp.")
    return code


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _clean(value: object) -> object:
    """Free JSON without what cannot be stored: NUL, broken Unicode, numbers that JavaScript would change."""
    if isinstance(value, str) and _UNSTORABLE.search(value):
        raise ValueError("This must be well-formed text without NUL.")
    if isinstance(value, int) and abs(value) > WHOLE_MAX:
        raise ValueError(f"Numbers must be within {WHOLE_MAX}.")
    if isinstance(value, float) and value - value != 0:
        raise ValueError("Numbers must be finite.")
    if isinstance(value, dict):
        return {_clean(key): _clean(item) for key, item in value.items()}
    return [_clean(item) for item in value] if isinstance(value, list) else value


Whole = Annotated[int, Field(strict=True, ge=-WHOLE_MAX, le=WHOLE_MAX)]
"""A whole number that every JSON reader keeps exact."""

Line = Annotated[str, Field(pattern=LINE_PATTERN)]
"""One line of text; may be empty."""

Text = Annotated[str, Field(pattern=TEXT_PATTERN)]
"""Text of several lines; may be empty."""

Name = Annotated[str, Field(min_length=1, max_length=100, pattern=NAME_PATTERN), AfterValidator(str.strip)]
"""What a person or a thing is called: trimmed, 1..100 code points, at least one of them visible."""

Secret = Annotated[str, Field(min_length=1, max_length=8192, pattern=LINE_PATTERN)]
"""A token that is only looked up or compared."""

Currency = Annotated[
    str,
    AfterValidator(_currency),
    WithJsonSchema({"type": "string", "enum": sorted(money.CURRENCIES), "description": "ISO 4217, lower case."}),
]
"""A currency that a price may be in."""

FreeJson = Annotated[dict[str, Any], AfterValidator(_clean)]
"""A caller's own object, kept as it is."""

RowId = Annotated[UUID, BeforeValidator(_row_id), WithJsonSchema({"type": "string"})]
"""An id in a path or a body. One that cannot be ours answers 404."""

Moment = Annotated[datetime, PlainSerializer(_rfc3339, return_type=str, when_used="json")]
"""A time, answered as RFC 3339 in UTC."""
