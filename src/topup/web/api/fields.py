"""The fields that calls of the machine door share: how many, why, what for, until when.

Numbers are JSON integers from 1 to 2^53 - 1; a fraction, a string or a boolean is refused and never rounded
(faults 62, 65).
"""

import json
import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

from topup.web.api import models

METADATA_BYTES_MAX = 8192
METADATA_DEPTH_MAX = 8
_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,12})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_BELOW_MICROSECONDS = re.compile(r"(?<=\.[0-9]{6})[0-9]+")


def _small(value: object) -> object:
    """Metadata is for a few ids and words; depth is looked at first, since writing JSON goes down as deep as it is."""
    level = [value]
    for _ in range(METADATA_DEPTH_MAX):
        level = [inner for outer in level for inner in _inside(outer)]
    if any(_inside(inner) for inner in level):
        raise ValueError(f"This must not be nested deeper than {METADATA_DEPTH_MAX}.")
    if len(json.dumps(value)) > METADATA_BYTES_MAX:
        raise ValueError(f"This must be at most {METADATA_BYTES_MAX} bytes of JSON.")
    return value


def _inside(outer: object) -> list[object]:
    if isinstance(outer, dict):
        return list(outer.values())
    return outer if isinstance(outer, list) else []


def _moment(value: object) -> datetime:
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        raise ValueError("This must be a time with its offset, such as 2030-01-31T23:59:59Z.")
    try:
        return datetime.fromisoformat(_BELOW_MICROSECONDS.sub("", value).upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("There is no such time.") from None


Credits = Annotated[int, Field(strict=True, ge=1, le=models.WHOLE_MAX, description="Whole credits (or sessions).")]
Description = Annotated[models.Text, Field(max_length=500)]
Reason = Annotated[models.Text, Field(min_length=1, max_length=500)]
SourceId = Annotated[models.Line, Field(max_length=255, description="Your own id of what it was for.")]
Metadata = Annotated[models.FreeJson, BeforeValidator(_small), Field(description="Kept as it is and shown again.")]
Time = Annotated[datetime, BeforeValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})]
"""A time with its offset from UTC."""
