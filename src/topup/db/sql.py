"""How the functions of this ring talk to psycopg: text in, frozen dataclasses out.

Statements are constants; values always travel as parameters.
"""

from collections.abc import Mapping, Sequence
from typing import Any, LiteralString, TypeVar

import psycopg
from psycopg.rows import class_row, scalar_row

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


async def value(conn: Connection, text: LiteralString, parameters: Parameters = ()) -> Any:
    """The first column of the first row, or None."""
    async with conn.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(text, parameters)
        return await cursor.fetchone()


async def values(conn: Connection, text: LiteralString, parameters: Parameters = ()) -> list[Any]:
    """The first column of every row."""
    async with conn.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(text, parameters)
        return await cursor.fetchall()


async def run(conn: Connection, text: LiteralString, parameters: Parameters = ()) -> int:
    """Run a statement; the number of rows it touched."""
    async with conn.cursor() as cursor:
        await cursor.execute(text, parameters)
        return cursor.rowcount


def columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    """Rows turned into one list per column, for `unnest`; there must be at least one row."""
    return [list(column) for column in zip(*rows, strict=True)]
