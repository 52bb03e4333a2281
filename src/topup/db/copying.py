"""Whole tables out of a database and into one: for `topup backup` and `topup restore`.

By COPY and the catalogue alone, so that it needs no program of PostgreSQL's and goes from any version to any other.
The caller has the transaction: one moment on the way out, all or nothing on the way in.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter

from psycopg import sql as composing
from typing_extensions import Buffer

from topup.db import sql

# A worker makes its timers' jobs anew, and the dead worker of another time has no heart to show.
LEFT_OUT = ["alembic_version", "heartbeats", "procrastinate_%"]


@dataclass(frozen=True, slots=True)
class Table:
    """A table and those of its columns that are written, not computed."""

    name: str
    columns: list[str]


TABLES = """
    SELECT c.relname::text AS name,
        (SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute a
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '') AS columns
    FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
        AND NOT c.relname LIKE ANY(%s)
    ORDER BY c.relname
"""
REFERENCES = """
    SELECT DISTINCT conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint
    WHERE contype = 'f' AND conrelid <> confrelid AND connamespace = 'public'::regnamespace
"""


async def tables(conn: sql.Connection) -> list[Table]:
    """All tables with something to keep, those first that others refer to."""
    found = {table.name: table for table in await sql.rows(conn, Table, TABLES, [LEFT_OUT])}
    sorter = TopologicalSorter({name: set[str]() for name in found})
    for referring, referred in await sql.pairs(conn, REFERENCES):
        if referring in found and referred in found:
            sorter.add(referring, referred)
    return [found[name] for name in sorter.static_order()]


# Numbers are given out at once, whatever becomes of the transaction that asked: one read late is no harm.
SEQUENCES = """
    SELECT sequencename::text, last_value FROM pg_sequences
    WHERE schemaname = 'public' AND last_value IS NOT NULL AND NOT sequencename LIKE ANY(%s)
"""
SET_SEQUENCE = "SELECT setval(quote_ident(%s)::regclass, %s)"


async def sequences(conn: sql.Connection) -> dict[str, int]:
    """The last value that each sequence gave out."""
    return dict(await sql.pairs(conn, SEQUENCES, [LEFT_OUT]))


async def set_sequence(conn: sql.Connection, name: str, value: int) -> None:
    """Go on after that value."""
    await sql.value(conn, SET_SEQUENCE, [name, value])


OUT = composing.SQL("COPY {table} ({columns}) TO STDOUT")
IN = composing.SQL("COPY {table} ({columns}) FROM STDIN")


async def out(conn: sql.Connection, table: Table, write: Callable[[Buffer], None]) -> int:
    """Write a table's rows, one by one; how many there were."""
    async with conn.cursor() as cursor:
        async with cursor.copy(OUT.format(**_names(table.name, table.columns))) as copy:
            while row := await copy.read():
                write(row)
        return cursor.rowcount


async def into(conn: sql.Connection, name: str, columns: Sequence[str], chunks: Iterable[bytes]) -> int:
    """Fill a table; how many rows it took."""
    async with conn.cursor() as cursor:
        async with cursor.copy(IN.format(**_names(name, columns))) as copy:
            for chunk in chunks:
                await copy.write(chunk)
        return cursor.rowcount


GUARDS_OFF = composing.SQL("ALTER TABLE {table} DISABLE TRIGGER USER")
GUARDS_ON = composing.SQL("ALTER TABLE {table} ENABLE TRIGGER USER")
EMPTY = composing.SQL("TRUNCATE {tables}")


async def drop_guards(conn: sql.Connection, names: Iterable[str]) -> None:
    """Let history be written as it was. Nothing else sees it: the tables are locked until the caller commits."""
    for statement in _each(GUARDS_OFF, names):
        await conn.execute(statement)


async def raise_guards(conn: sql.Connection, names: Iterable[str]) -> None:
    """The same triggers as before; foreign keys were checked all the time."""
    for statement in _each(GUARDS_ON, names):
        await conn.execute(statement)


async def empty(conn: sql.Connection, names: Iterable[str]) -> None:
    """Take out what the migrations put there."""
    await conn.execute(EMPTY.format(tables=composing.SQL(", ").join(map(composing.Identifier, names))))


# A loaded database plans by guesses until somebody counts.
COUNT = "ANALYZE"
HAS_TABLES = (
    "SELECT EXISTS (SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v'))"
)
OTHERS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
ERASE = "DROP SCHEMA public CASCADE; CREATE SCHEMA public"


async def analyse(conn: sql.Connection) -> None:
    """Let PostgreSQL count what there is."""
    await sql.run(conn, COUNT)


async def has_tables(conn: sql.Connection) -> bool:
    """Whether there is anything here."""
    return bool(await sql.value(conn, HAS_TABLES))


async def others(conn: sql.Connection) -> int:
    """How many are connected to this database besides ourselves."""
    return int(await sql.value(conn, OTHERS))


async def erase(conn: sql.Connection) -> None:
    """Take everything away that Topup ever put here."""
    await conn.execute(ERASE)


def _each(statement: composing.SQL, names: Iterable[str]) -> Iterator[composing.Composed]:
    for name in names:
        yield statement.format(table=composing.Identifier(name))


def _names(name: str, columns: Sequence[str]) -> dict[str, composing.Composable]:
    listed = composing.SQL(", ").join(map(composing.Identifier, columns))
    return {"table": composing.Identifier(name), "columns": listed}
