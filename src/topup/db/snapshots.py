"""Transactions that see one moment and can change nothing: for reading several things that must agree.

Used where figures of one page must match, and by the audit, which looks through several connections at once.
"""

from collections.abc import Sequence

from psycopg import sql as composing

from topup.db import sql

BEGIN = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"


async def begin(conn: sql.Connection) -> None:
    """Make the transaction that is about to begin such a one; the first statement in it."""
    await sql.run(conn, BEGIN)


EXPORT = "SELECT pg_export_snapshot()"
JOIN = composing.SQL("SET TRANSACTION SNAPSHOT {moment}")  # takes no parameter, so the value is quoted into it


async def begin_together(conns: Sequence[sql.Connection]) -> None:
    """The same for several connections that shall see the very same moment."""
    for conn in conns:
        await begin(conn)
    moment = await sql.value(conns[0], EXPORT)
    for conn in conns[1:]:
        await conn.execute(JOIN.format(moment=composing.Literal(moment)))
