"""What is on sale, for the public list, the pages and the admin.

Reads only; what may be bought is decided when it is bought.
"""

from collections.abc import Sequence
from uuid import UUID

from psycopg_pool import AsyncConnectionPool

from topup import errors
from topup.db import packages


async def by_price(
    pool: AsyncConnectionPool, *, with_inactive: bool = False, after: tuple[int, UUID] | None = None, limit: int = 100
) -> Sequence[packages.Package]:
    """Cheapest first; `after` is the price and id of the last one that was seen."""
    async with pool.connection() as conn:
        return await packages.list_by_price(conn, with_inactive=with_inactive, after=after, limit=limit)


async def one(pool: AsyncConnectionPool, package_id: UUID) -> packages.Package:
    """A package, on sale or not: whoever bought it may still look at it."""
    async with pool.connection() as conn:
        found = await packages.find(conn, package_id)
    if found is None:
        raise errors.NotFound
    return found
