"""Says that a database which is a copy, or has moved, is the one to go on with: until then nothing starts on it.

A copy would mail people again, cancel and fulfil purchases at Stripe, and take back credits, beside the original. Only
somebody who knows that the original has ended can tell a copy from a successor. Called by `topup adopt`.
"""

import psycopg_pool

from topup import errors
from topup.db import deployment
from topup.flows import claim_deployment

Pool = psycopg_pool.AsyncConnectionPool


async def look(pool: Pool) -> list[str]:
    """What there is to confirm; empty when this database is where it always was."""
    async with pool.connection() as conn:
        return claim_deployment.copy_faults(await deployment.read(conn))


async def adopt(pool: Pool) -> bool:
    """Confirm it; False where there was nothing to confirm. Half a restore cannot be adopted."""
    async with pool.connection() as conn:
        standing = await deployment.lock(conn)
        if standing.is_restoring:
            raise errors.Conflict("A restore of this database did not end: run `topup restore` again.")
        if not claim_deployment.copy_faults(standing):
            return False
        await deployment.adopt(conn, place=standing.here)
        return True
