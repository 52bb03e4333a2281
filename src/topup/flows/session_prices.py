"""What sessions cost: shown to whoever is signed in, and seeded once.

Seeding again changes nothing, since tiers belong together: an edited list is not filled up.
"""

from collections.abc import Sequence

from psycopg_pool import AsyncConnectionPool

from topup.core.session_prices import FIRST_LIST, Tier
from topup.db import session_prices


async def show(pool: AsyncConnectionPool) -> Sequence[Tier]:
    """All tiers, from the smallest quantity up."""
    async with pool.connection() as conn:
        return await session_prices.every(conn)


async def seed(pool: AsyncConnectionPool) -> int:
    """Put the first tiers on an empty list; how many were put."""
    async with pool.connection() as conn:
        return await session_prices.seed(conn, FIRST_LIST)
