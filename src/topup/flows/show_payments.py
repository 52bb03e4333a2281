"""A person's own payments as stored: the list, or one.

For pages and API; asks Stripe nothing (topup.flows.payment_status does).
"""

from collections.abc import Sequence
from uuid import UUID

from psycopg_pool import AsyncConnectionPool

from topup import errors
from topup.db import payments


async def newest(
    pool: AsyncConnectionPool, *, user_id: UUID, before: UUID | None, limit: int
) -> Sequence[payments.Payment]:
    """Newest first; `before` is the last one that was seen."""
    async with pool.connection() as conn:
        return await payments.list_own(conn, user_id=user_id, before=before, limit=limit)


async def own(pool: AsyncConnectionPool, *, user_id: UUID, payment_id: UUID) -> payments.Payment:
    """One of them; NotFound for another's, as for one that does not exist."""
    async with pool.connection() as conn:
        found = await payments.find_own(conn, payment_id, user_id=user_id)
    if found is None:
        raise errors.NotFound
    return found
