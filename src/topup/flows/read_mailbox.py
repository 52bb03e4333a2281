"""Reads the demo's mailbox: the newest mails, or one.

Called by the demo's pages, which exist in a demo alone.
"""

from collections.abc import Sequence
from uuid import UUID

from psycopg_pool import AsyncConnectionPool

from topup import errors
from topup.db import mailbox

SHOWN_MAX = 100


async def newest(pool: AsyncConnectionPool) -> Sequence[mailbox.Kept]:
    """The last hundred, newest first."""
    async with pool.connection() as conn:
        return await mailbox.newest(conn, limit=SHOWN_MAX)


async def one(pool: AsyncConnectionPool, mail_id: UUID) -> mailbox.Kept:
    """One mail; NotFound when there is none."""
    async with pool.connection() as conn:
        found = await mailbox.find(conn, mail_id)
    if found is None:
        raise errors.NotFound
    return found
