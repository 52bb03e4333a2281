"""Rosters uploaded to a page: kept to look at, imported by a worker when somebody says so, found again by whoever left.

What an import does is `import_roster`; here is when, for whom, and what came of it. A worker that dies in the middle
leaves nothing behind, and the next one begins again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from psycopg_pool import AsyncConnectionPool

from topup import errors
from topup.core import rosters
from topup.db import memberships, roster_files, roster_imports, users
from topup.db.memberships import Seat
from topup.db.roster_files import File
from topup.flows import enter, import_roster, plan_roster

SHOWN_MAX = 10
NAME_LENGTH_MAX = 200
KEPT = timedelta(days=30)
_FAULT = "This was our fault, and nothing was imported. Try again; if it stays like this, write to support."


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import is; `rows_done` is None before its turn has come."""

    file: File
    rows_total: int | None
    rows_done: int | None


async def keep(
    pool: AsyncConnectionPool, seat: Seat, roster: rosters.Roster, raw: bytes, *, name: str, by: UUID
) -> None:
    """Keep a file under its roster's id. One that is being imported, or was, is left alone and not waited for."""
    async with pool.connection() as conn:
        known = await roster_files.find(conn, seat.institution_id, roster.id)
        if known is None or known.wanted_at is None or known.refusal is not None:
            await roster_files.put(
                conn, seat.institution_id, roster.id, name=name[:NAME_LENGTH_MAX], content=raw, uploaded_by=by
            )


async def newest(pool: AsyncConnectionPool, institution_id: UUID) -> Sequence[File]:
    """The last ones."""
    async with pool.connection() as conn:
        return await roster_files.newest(conn, institution_id, limit=SHOWN_MAX)


async def progress(pool: AsyncConnectionPool, institution_id: UUID, roster_id: str) -> Progress:
    """One file and how far it is. Raises NotFound."""
    async with pool.connection() as conn:
        file = await roster_files.find(conn, institution_id, roster_id)
        if file is None:
            raise errors.NotFound
        running = await roster_imports.find(conn, institution_id, roster_id)
    if running is None or running.status != "RUNNING":
        return Progress(file, None, None)
    return Progress(file, running.rows_total, running.rows_done)


async def raw(pool: AsyncConnectionPool, institution_id: UUID, roster_id: str) -> bytes:
    """The content of a file that is there."""
    async with pool.connection() as conn:
        return await roster_files.content(conn, institution_id, roster_id)


async def want(pool: AsyncConnectionPool, seat: Seat, roster_id: str, *, by: UUID) -> None:
    """Have a file imported by the next worker that is free."""
    async with pool.connection() as conn:
        await roster_files.want(conn, seat.institution_id, roster_id, wanted_by=by)


async def run_next(pool: AsyncConnectionPool) -> bool:
    """Import the next file that is wanted; whether there was one. What cannot be done now is raised and tried again."""
    fault: errors.Broken | None = None
    async with pool.connection() as conn:
        file = await roster_files.take(conn)
        if file is None:
            return False
        try:
            planned = await _import(pool, file)
        except errors.Unavailable:
            raise
        except errors.Broken as broken:
            fault = broken
            await roster_files.finish(conn, file, refusal=_FAULT)
        except errors.TopupError as refusal:
            await roster_files.finish(conn, file, refusal=refusal.detail)
        else:
            due = planned.due()
            await roster_files.finish(conn, file, students=len(due), sessions=planned.quantity(), refusal=None)
    if fault is not None:
        raise fault
    return True


async def _import(pool: AsyncConnectionPool, file: File) -> plan_roster.Plan:
    """In the name of whoever wanted it, if they still may."""
    async with pool.connection() as conn:
        user = await users.find(conn, file.wanted_by) if file.wanted_by else None
        if user is None or user.disabled_at is not None:
            raise errors.NotAllowed("Whoever asked for this is no longer here.")
        seats = await memberships.seats(conn, user_id=user.id, email=user.email)
        content = await roster_files.content(conn, file.institution_id, file.id)
    seat = enter.choose(seats, "allocate", file.institution_id)
    return await import_roster.run(pool, seat, rosters.read(content), user.id)


async def forget(pool: AsyncConnectionPool) -> int:
    """Delete files of a month ago: they hold addresses, and what they gave stands in the allocations."""
    async with pool.connection() as conn:
        return await roster_files.forget(conn, older_than=KEPT)
