"""What an institution has: its pool's figures, and a page of its allocations.

What is overdue on the pool is booked first, so that figures and statement agree.
"""

from collections.abc import Sequence
from uuid import UUID

from psycopg_pool import AsyncConnectionPool

from topup import errors
from topup.db import allocations, pools
from topup.db.allocations import Allocation
from topup.flows import create_institution, settle


async def figures(pool: AsyncConnectionPool, institution_id: UUID) -> pools.Pool:
    """The figures at this moment."""
    async with pool.connection() as conn:
        account_id = await create_institution.pool_account(conn, institution_id)
        await settle.up_to_now(conn, [account_id])
        found = await pools.figures(conn, institution_id)
    if found is None:
        raise errors.Broken(f"Institution {institution_id} has no pool.")
    return found


async def given(
    pool: AsyncConnectionPool,
    institution_id: UUID,
    *,
    membership_id: UUID | None = None,
    email_part: str = "",
    before_id: UUID | None = None,
    limit: int,
) -> Sequence[Allocation]:
    """Allocations, newest first."""
    async with pool.connection() as conn:
        return await allocations.page(
            conn,
            institution_id,
            membership_id=membership_id,
            email_part=email_part,
            before_id=before_id,
            limit=limit,
        )


async def one(pool: AsyncConnectionPool, institution_id: UUID, allocation_id: UUID) -> Allocation:
    """One allocation of an institution. Raises NotFound."""
    async with pool.connection() as conn:
        found = await allocations.find(conn, allocation_id)
    if found is None or found.institution_id != institution_id:
        raise errors.NotFound
    return found
