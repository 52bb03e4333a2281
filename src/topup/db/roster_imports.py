"""How far the import of a roster is, as rows, for whoever waits.

They decide nothing and are written beside the import.
"""

from dataclasses import dataclass
from uuid import UUID

from topup.db import sql


@dataclass(frozen=True, slots=True)
class Progress:
    """An import. `status` is RUNNING, DONE or FAILED."""

    id: str
    rows_total: int
    rows_done: int
    status: str


START = """
    INSERT INTO roster_imports (institution_id, id, rows_total, status) VALUES (%s, %s, %s, 'RUNNING')
    ON CONFLICT (institution_id, id) DO UPDATE SET
        rows_total = excluded.rows_total, rows_done = 0, status = 'RUNNING', started_at = topup_now(),
        finished_at = NULL
"""


async def start(conn: sql.Connection, institution_id: UUID, roster_id: str, *, rows_total: int) -> None:
    """An import begins, or begins again."""
    await sql.run(conn, START, [institution_id, roster_id, rows_total])


ADVANCE = "UPDATE roster_imports SET rows_done = %s WHERE institution_id = %s AND id = %s"


async def advance(conn: sql.Connection, institution_id: UUID, roster_id: str, *, rows_done: int) -> None:
    """So many rows are written, though not yet committed."""
    await sql.run(conn, ADVANCE, [rows_done, institution_id, roster_id])


FINISH = """
    UPDATE roster_imports SET status = %s, finished_at = topup_now(),
        rows_done = CASE WHEN %s THEN rows_total ELSE 0 END
    WHERE institution_id = %s AND id = %s
"""


async def finish(conn: sql.Connection, institution_id: UUID, roster_id: str, *, is_done: bool) -> None:
    """All of it is there, or nothing."""
    await sql.run(conn, FINISH, ["DONE" if is_done else "FAILED", is_done, institution_id, roster_id])


FIND = "SELECT id, rows_total, rows_done, status FROM roster_imports WHERE institution_id = %s AND id = %s"


async def find(conn: sql.Connection, institution_id: UUID, roster_id: str) -> Progress | None:
    """One import of an institution."""
    return await sql.row(conn, Progress, FIND, [institution_id, roster_id])
