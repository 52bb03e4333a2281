"""Rosters that were uploaded to a page, as rows: the file, whether it is to be imported, and what came of it.

A file is named by its content, so the same one uploaded again is the same row. Written by topup.flows.roster_queue.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from topup.db import sql


@dataclass(frozen=True, slots=True)
class File:
    """A roster without its content. `students_done` and `sessions_done` tell what an import gave."""

    institution_id: UUID
    id: str
    name: str
    uploader_name: str
    uploaded_at: datetime
    wanted_by: UUID | None
    wanted_at: datetime | None
    done_at: datetime | None
    students_done: int | None
    sessions_done: int | None
    refusal: str | None


PUT = """
    INSERT INTO roster_files (institution_id, id, name, content, uploaded_by)
    VALUES (%(institution_id)s, %(id)s, %(name)s, %(content)s, %(uploaded_by)s)
    ON CONFLICT (institution_id, id) DO UPDATE SET
        name = excluded.name, uploaded_by = excluded.uploaded_by, uploaded_at = topup_now(), wanted_by = NULL,
        wanted_at = NULL, done_at = NULL, refusal = NULL
    WHERE roster_files.wanted_at IS NULL OR roster_files.refusal IS NOT NULL
"""


async def put(
    conn: sql.Connection, institution_id: UUID, roster_id: str, *, name: str, content: bytes, uploaded_by: UUID
) -> None:
    """Keep a file to look at. One that is being imported, or was, stays as it is."""
    parameters = {
        "institution_id": institution_id,
        "id": roster_id,
        "name": name,
        "content": content,
        "uploaded_by": uploaded_by,
    }
    await sql.run(conn, PUT, parameters)


FIND = """
    SELECT f.institution_id, f.id, f.name, trim(concat(u.first_name, ' ', u.last_name)) AS uploader_name,
        f.uploaded_at, f.wanted_by, f.wanted_at, f.done_at, f.students_done, f.sessions_done, f.refusal
    FROM roster_files f JOIN users u ON u.id = f.uploaded_by
    WHERE f.institution_id = %s AND f.id = %s
"""


async def find(conn: sql.Connection, institution_id: UUID, roster_id: str) -> File | None:
    """One file of an institution."""
    return await sql.row(conn, File, FIND, [institution_id, roster_id])


NEWEST = """
    SELECT f.institution_id, f.id, f.name, trim(concat(u.first_name, ' ', u.last_name)) AS uploader_name,
        f.uploaded_at, f.wanted_by, f.wanted_at, f.done_at, f.students_done, f.sessions_done, f.refusal
    FROM roster_files f JOIN users u ON u.id = f.uploaded_by
    WHERE f.institution_id = %s ORDER BY f.uploaded_at DESC LIMIT %s
"""


async def newest(conn: sql.Connection, institution_id: UUID, *, limit: int) -> Sequence[File]:
    """The last files of an institution."""
    return await sql.rows(conn, File, NEWEST, [institution_id, limit])


CONTENT = "SELECT content FROM roster_files WHERE institution_id = %s AND id = %s"


async def content(conn: sql.Connection, institution_id: UUID, roster_id: str) -> bytes:
    """What the file says."""
    return await sql.value(conn, CONTENT, [institution_id, roster_id])


WANT = """
    UPDATE roster_files SET wanted_by = %s, wanted_at = topup_now(), done_at = NULL, refusal = NULL
    WHERE institution_id = %s AND id = %s AND (wanted_at IS NULL OR refusal IS NOT NULL)
"""


async def want(conn: sql.Connection, institution_id: UUID, roster_id: str, *, wanted_by: UUID) -> None:
    """Have a file imported. Wanted twice, it is imported once; one that was refused is tried again."""
    await sql.run(conn, WANT, [wanted_by, institution_id, roster_id])


# The lock is kept as long as the import takes, on a connection that does nothing meanwhile.
TAKE = """
    SELECT institution_id, id FROM roster_files
    WHERE wanted_at IS NOT NULL AND done_at IS NULL ORDER BY wanted_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
"""
PATIENCE = "SELECT set_config('idle_in_transaction_session_timeout', '10min', true)"


async def take(conn: sql.Connection) -> File | None:
    """The next file to import, locked for this worker until the transaction ends; one whose worker died is next."""
    await sql.run(conn, PATIENCE)
    for institution_id, roster_id in await sql.pairs(conn, TAKE):
        return await find(conn, institution_id, roster_id)
    return None


FINISH = """
    UPDATE roster_files SET done_at = topup_now(), students_done = %s, sessions_done = %s, refusal = %s
    WHERE institution_id = %s AND id = %s
"""


async def finish(
    conn: sql.Connection, one: File, *, students: int | None = None, sessions: int | None = None, refusal: str | None
) -> None:
    """What came of a taken file."""
    await sql.run(conn, FINISH, [students, sessions, refusal, one.institution_id, one.id])


FORGET = "DELETE FROM roster_files WHERE uploaded_at < topup_now() - %s AND (wanted_at IS NULL OR done_at IS NOT NULL)"


async def forget(conn: sql.Connection, *, older_than: timedelta) -> int:
    """Delete old files, which hold addresses; how many."""
    return await sql.run(conn, FORGET, [older_than])
