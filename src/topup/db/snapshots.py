"""A transaction that sees one moment and can change nothing: for reading several things that must agree."""

from topup.db import sql

BEGIN = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"


async def begin(conn: sql.Connection) -> None:
    """Make the transaction that is about to begin such a one; the first statement in it."""
    await sql.run(conn, BEGIN)
