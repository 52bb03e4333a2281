"""Drops old reports of reconciliations. What was ever unexplained stays known, so that nobody is told of it twice.

Called daily by topup.worker.
"""

from datetime import timedelta

import psycopg_pool

from topup.db import reconciliations

KEPT = timedelta(days=90)


async def forget(pool: psycopg_pool.AsyncConnectionPool) -> int:
    """Drop reports of more than ninety days ago; how many."""
    async with pool.connection() as conn:
        return await reconciliations.forget(conn, older_than=KEPT)
