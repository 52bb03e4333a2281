"""Takes units of rate limits, or refuses with the time to wait.

In a transaction of its own, before the work begins, so that a unit stays taken when the work fails.
"""

import math
from collections.abc import Sequence

from psycopg_pool import AsyncConnectionPool

from topup import errors
from topup.core.limits import Charge
from topup.db import rate_limits


async def charge(pool: AsyncConnectionPool, charges: Sequence[Charge]) -> None:
    """Take one unit of each, in the order given; raises SlowDown at the first that is used up."""
    async with pool.connection() as conn:
        wait_seconds = 0.0
        for one in charges:
            wait_seconds = await rate_limits.take(
                conn, one.bucket, burst=one.limit.burst, every_seconds=one.limit.every_seconds
            )
            if wait_seconds:
                break
    if wait_seconds:
        raise errors.SlowDown(
            "That was tried too often. Wait a little, then try again.", retry_after_seconds=math.ceil(wait_seconds)
        )


async def give_back(pool: AsyncConnectionPool, charges: Sequence[Charge]) -> None:
    """Return the units of a try that turned out well, so that only failures add up."""
    async with pool.connection() as conn:
        for one in charges:
            await rate_limits.give_back(conn, one.bucket, every_seconds=one.limit.every_seconds)
