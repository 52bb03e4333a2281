"""How lists are paged: `limit` and an opaque `cursor` that says where the last page ended.

A cursor is the sort key of the last row, so that rows that come or go in between neither repeat nor hide others.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

from fastapi import Query
from pydantic import BaseModel

from topup import errors

LIMIT_MAX = 100
LIMIT_DEFAULT = 20
_CURSOR_LENGTH_MAX = 512

Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX, description="How many at most.")]
Cursor = Annotated[str | None, Query(max_length=_CURSOR_LENGTH_MAX, description="The `nextCursor` of the page before.")]
T = TypeVar("T")
Key = TypeVar("Key", bound=BaseModel)


def read(kind: type[Key], cursor: str | None) -> Key | None:
    """The sort key in a cursor of ours; anything else is not valid (422)."""
    if cursor is None:
        return None
    try:
        return kind.model_validate_json(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError as error:
        fault = errors.FieldFault("query:cursor", "This is not a cursor of ours.")
        raise errors.Invalid("cursor: This is not a cursor of ours.", faults=[fault]) from error


def cut(rows: Sequence[T], limit: int, key_of: Callable[[T], BaseModel]) -> tuple[Sequence[T], str | None]:
    """One page of `limit + 1` rows asked for, and the cursor of the next page when there is one."""
    if len(rows) <= limit:
        return rows, None
    shown = rows[:limit]
    return shown, write(key_of(shown[-1]))


def write(key: BaseModel) -> str:
    """A sort key as a cursor."""
    text = json.dumps(key.model_dump(mode="json"), separators=(",", ":"))
    return urlsafe_b64encode(text.encode()).rstrip(b"=").decode()
