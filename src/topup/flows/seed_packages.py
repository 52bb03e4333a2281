"""Puts the three packages of a new deployment on sale. Where anything is sold already, or ever was, it does nothing."""

import psycopg_pool

from topup.core import ids
from topup.db import starter_packages

Pool = psycopg_pool.AsyncConnectionPool
CURRENCY = "gbp"
STARTERS = (
    ("Starter Pack", "For trying it out.", 100, 1000),
    ("Value Pack", "For regular use.", 500, 4500),
    ("Premium Pack", "For the whole year.", 1000, 8000),
)


async def seed(pool: Pool) -> int:
    """Add them; how many were added."""
    packages = [
        starter_packages.StarterPackage(ids.new(), name, description, credits_count, price_minor, CURRENCY)
        for name, description, credits_count, price_minor in STARTERS
    ]
    async with pool.connection() as conn:
        return await starter_packages.add(conn, packages)
