"""Forgets what signing in leaves behind: codes, unproven registrations, ended logins and full rate limit buckets.

Called daily by topup.worker. A registration that nobody proved holds a name, an address and a password's hash of
somebody who is no user of ours, so it goes first.
"""

from psycopg_pool import AsyncConnectionPool

from topup.db import codes, logins, rate_limits


async def forget(pool: AsyncConnectionPool) -> int:
    """Delete what is of no use any more; how many rows of the four kinds there were."""
    async with pool.connection() as conn:
        forgotten = await codes.prune(conn)
    async with pool.connection() as conn:
        forgotten += await logins.prune(conn)
    async with pool.connection() as conn:
        return forgotten + await rate_limits.prune(conn)
