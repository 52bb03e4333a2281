"""Puts the three packages that Topup starts with on the list.

Run again, it changes nothing, not even what was edited since.
"""

from psycopg_pool import AsyncConnectionPool

from topup.core import ids
from topup.db import packages

REFUND_DAYS = 14
_OFFERS = (
    ("Starter Pack", "To try things out.", 100, 1000),
    ("Value Pack", "For regular use.", 500, 4500),
    ("Premium Pack", "For a whole course.", 1000, 8000),
)
PACKAGES = tuple(
    packages.Draft(
        name=name,
        description=description,
        credits=credits_count,
        price_minor=price_minor,
        currency="gbp",
        is_active=True,
        valid_days=None,
        refund_days=REFUND_DAYS,
    )
    for name, description, credits_count, price_minor in _OFFERS
)


async def seed(pool: AsyncConnectionPool) -> int:
    """Add what is missing by name; how many were added."""
    async with pool.connection() as conn:
        added = [await packages.add(conn, ids.new(), draft) for draft in PACKAGES]
    return sum(package is not None for package in added)
