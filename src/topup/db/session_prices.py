"""What interview sessions cost, as rows: from which quantity on which price each.

Which of them prices a purchase is decided by topup.core.session_prices.
"""

from collections.abc import Sequence

from topup.core.session_prices import Tier
from topup.db import sql

EVERY = "SELECT min_quantity, unit_price_minor, currency FROM session_prices ORDER BY min_quantity"


async def every(conn: sql.Connection) -> list[Tier]:
    """All tiers, smallest quantity first."""
    return await sql.rows(conn, Tier, EVERY)


SEED = """
    INSERT INTO session_prices (min_quantity, unit_price_minor, currency)
    SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::text[])
    WHERE NOT EXISTS (SELECT FROM session_prices)
"""


async def seed(conn: sql.Connection, tiers: Sequence[Tier]) -> int:
    """Write the first price list; nothing where there is one."""
    rows = [(tier.min_quantity, tier.unit_price_minor, tier.currency) for tier in tiers]
    return await sql.run(conn, SEED, sql.columns(rows))
