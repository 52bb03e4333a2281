"""Which account a hold or a transaction belongs to.

That never changes, so it is looked up before anything is locked.
"""

from uuid import UUID

import psycopg_pool

from topup import errors
from topup.db import holds, statements

Pool = psycopg_pool.AsyncConnectionPool


async def of_hold(pool: Pool, hold_id: UUID) -> UUID:
    """The account that a hold sets credits of aside. Raises NotFound."""
    async with pool.connection() as conn:
        found = await holds.account_of(conn, hold_id)
    return _there(found)


async def of_transaction(pool: Pool, transaction_id: UUID) -> UUID:
    """The account whose statement line this is. Raises NotFound."""
    async with pool.connection() as conn:
        found = await statements.account_of(conn, transaction_id)
    return _there(found)


def _there(found: UUID | None) -> UUID:
    if found is None:
        raise errors.NotFound
    return found
