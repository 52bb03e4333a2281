"""Prunes what old events said. Their ids, types and outcomes stay for ever, so that nothing comes in twice.

Called daily by topup.worker; TOPUP_EVENTS_KEPT_DAYS says how long. What is not processed keeps its payload, however
old, since it may still be money.
"""

import psycopg_pool

from topup.db import inbox

BATCH = 500


async def forget(pool: psycopg_pool.AsyncConnectionPool, *, kept_days: int) -> int:
    """Drop the payloads of processed events that came more than so many days ago, in small bites; how many."""
    pruned = 0
    while True:
        async with pool.connection() as conn:
            bite = await inbox.prune(conn, kept_days=kept_days, limit=BATCH)
        pruned += bite
        if bite < BATCH:
            return pruned
