"""Puts the three packages that Topup starts with on the list. Run again, it changes nothing, not even what was edited."""

from psycopg_pool import AsyncConnectionPool

from topup.core import ids
from topup.db import packages

PACKAGES = (
    packages.Draft("Starter Pack", "To try things out.", 100, 1000, "gbp", True, None, 14),
    packages.Draft("Value Pack", "For regular use.", 500, 4500, "gbp", True, None, 14),
    packages.Draft("Premium Pack", "For a whole course.", 1000, 8000, "gbp", True, None, 14),
)


async def seed(pool: AsyncConnectionPool) -> int:
    """Add what is missing by name; how many were added."""
    async with pool.connection() as conn:
        added = [await packages.add(conn, ids.new(), draft) for draft in PACKAGES]
    return sum(package is not None for package in added)
