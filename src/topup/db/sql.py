"""How the functions of this ring talk to psycopg: text in, frozen dataclasses out.

Statements are constants; values always travel as parameters.
"""

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Generic, LiteralString, TypeVar
from uuid import UUID

import psycopg
from psycopg.rows import BaseRowFactory, args_row, class_row, scalar_row, tuple_row

T = TypeVar("T")
Connection = psycopg.AsyncConnection[Any]
Parameters = Sequence[Any] | Mapping[str, Any]


async def rows(conn: Connection, kind: type[T], text: LiteralString, parameters: Parameters = ()) -> list[T]:
    """All rows, each as one `kind`, whose fields are named like the columns."""
    async with conn.cursor(row_factory=class_row(kind)) as cursor:
        await cursor.execute(text, parameters)
        return await cursor.fetchall()


async def row(conn: Connection, kind: type[T], text: LiteralString, parameters: Parameters = ()) -> T | None:
    """The first row, or None."""
    async with conn.cursor(row_factory=class_row(kind)) as cursor:
        await cursor.execute(text, parameters)
        return await cursor.fetchone()


async def value(conn: Connection, text: LiteralString, parameters: Parameters = ()) -> Any:  # noqa: ANN401 - the statement decides
    """The first column of the first row, or None."""
    async with conn.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(text, parameters)
        return await cursor.fetchone()


async def values(conn: Connection, text: LiteralString, parameters: Parameters = ()) -> list[Any]:
    """The first column of every row."""
    async with conn.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(text, parameters)
        return await cursor.fetchall()


async def pairs(conn: Connection, text: LiteralString, parameters: Parameters = ()) -> list[tuple[Any, Any]]:
    """The two columns of every row."""
    async with conn.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(text, parameters)
        return [(first, second) for first, second in await cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class Asked(Generic[T]):
    """A statement that was sent. Within a pipeline several are, and wait for the database once."""

    cursor: psycopg.AsyncCursor[T]

    async def rows(self) -> list[T]:
        """All rows. The first to be read waits for all that were sent."""
        return await self.cursor.fetchall()


async def ask(conn: Connection, kind: BaseRowFactory[T], text: LiteralString, parameters: Parameters = ()) -> Asked[T]:
    """Send a statement whose rows are read later."""
    cursor = conn.cursor(row_factory=kind)
    await cursor.execute(text, parameters)
    return Asked(cursor)


def each(kind: Callable[..., T]) -> BaseRowFactory[T]:
    """Every row as one `kind`, whose fields stand in the order of the columns."""
    return args_row(kind)


def first_column() -> BaseRowFactory[Any]:
    """The first column of every row."""
    return scalar_row


async def send(conn: Connection, text: LiteralString, parameters: Parameters = ()) -> None:
    """Send a statement that only has to succeed; within a pipeline that shows when the pipeline ends."""
    async with conn.cursor() as cursor:
        await cursor.execute(text, parameters)


@contextlib.asynccontextmanager
async def together(conn: Connection) -> AsyncIterator[None]:
    """A pipeline: statements are sent without waiting for each other. Within another one it ends when that one does."""
    if conn.pgconn.pipeline_status:
        yield
    else:
        async with conn.pipeline():
            yield


async def run(conn: Connection, text: LiteralString, parameters: Parameters = ()) -> int:
    """Run a statement; the number of rows it touched, for which a pipeline has to wait: there, `send` is quicker."""
    async with conn.cursor() as cursor:
        await cursor.execute(text, parameters)
        if conn.pgconn.pipeline_status:
            async with conn.pipeline():  # on entering, everything sent so far is waited for
                pass
        return cursor.rowcount


def columns(rows: Sequence[tuple[Any, ...]]) -> list[str]:
    """Rows turned into one array literal per column, for `unnest`; there must be at least one row."""
    return [array(column) for column in zip(*rows, strict=True)]


def array(values: Sequence[Any]) -> str:
    """PostgreSQL's text form of an array, to be cast where it is used (`%s::uuid[]`).

    The driver's own way escapes element by element in Python and was a fifth of the work of a batch (bench/README.md).
    """
    kind = next((type(value) for value in values if value is not None), int)
    element = _ELEMENTS.get(kind, _quoted)
    return "{" + ",".join(["NULL" if value is None else element(value) for value in values]) + "}"


def _quoted(value: object) -> str:
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _bytes(value: bytes) -> str:
    return '"\\\\x' + value.hex() + '"'


# A UUID without its hyphens is read as well, and written in half the time.
_ELEMENTS: dict[type, Callable[[Any], str]] = {int: str, bool: str, UUID: attrgetter("hex"), bytes: _bytes}
