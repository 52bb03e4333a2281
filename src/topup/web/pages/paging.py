"""Long lists on pages: which part is shown, and the address of the next one.

Pure. The cursor is the id of the last row shown; one that is none shows the newest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Generic, Protocol, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Query

ROWS = 25
Cursor = Annotated[str, Query(max_length=40)]


class Row(Protocol):
    """Whatever has an id."""

    @property
    def id(self) -> UUID:
        """Its id; newer rows have greater ones."""
        ...


R = TypeVar("R", bound=Row)


@dataclass(frozen=True, slots=True)
class Part(Generic[R]):
    """Some rows of a list, and the query of the page with older ones; empty on the last."""

    rows: Sequence[R]
    older: str
    is_newest: bool


def cut(found: Sequence[R], cursor: str, **kept: str) -> Part[R]:
    """The part that fits; `found` is one row more where there are older ones. `kept` is what the query also says."""
    shown = found[:ROWS]
    older = {**{name: value for name, value in kept.items() if value}, "cursor": str(shown[-1].id)} if shown else {}
    return Part(shown, "?" + urlencode(older) if len(found) > ROWS else "", not cursor)


def before(cursor: str) -> UUID | None:
    """The row that the page before ended with."""
    try:
        return UUID(cursor)
    except ValueError:
        return None
