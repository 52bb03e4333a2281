"""Shows the inbox to admins and operators: pages of events, and one with its content.

Only reads; called by the admin's API and the command line.
"""

from dataclasses import dataclass

import psycopg_pool

from topup import errors
from topup.db import inbox

Pool = psycopg_pool.AsyncConnectionPool


@dataclass(frozen=True, slots=True)
class Shown:
    """An event and the text that was signed, while it is kept."""

    row: inbox.Row
    payload: str | None


async def page(pool: Pool, wanted: inbox.Wanted, *, limit: int) -> list[inbox.Row]:
    """Events, latest arrival first."""
    async with pool.connection() as conn:
        return await inbox.page(conn, wanted, limit=limit)


async def show(pool: Pool, event_id: str) -> Shown:
    """One event; NotFound where it never came."""
    async with pool.connection() as conn:
        row = await inbox.find(conn, event_id)
        if row is None:
            raise errors.NotFound(f"No event {event_id} ever came.")
        return Shown(row, await inbox.payload(conn, event_id))
