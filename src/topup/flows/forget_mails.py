"""Forgets whom old mails went to and what they said. The rows stay, so that a cause told again later is still one mail.

Called daily by topup.worker.
"""

from datetime import timedelta

import psycopg_pool

from topup.db import outbox

# Long enough to answer "I never got it".
KEPT = timedelta(days=30)


async def forget(pool: psycopg_pool.AsyncConnectionPool) -> int:
    """Blank the addresses and details of mails that were sent, or given up, thirty days ago; how many there were."""
    async with pool.connection() as conn:
        return await outbox.forget(conn, older_than=KEPT)
