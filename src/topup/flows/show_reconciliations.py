"""Shows the reports of reconciliations, latest first.

Only reads; called by the admin's API.
"""

from uuid import UUID

import psycopg_pool

from topup.db import reconciliations


async def page(
    pool: psycopg_pool.AsyncConnectionPool, *, before: UUID | None, limit: int
) -> list[reconciliations.Report]:
    """A page of reports."""
    async with pool.connection() as conn:
        return await reconciliations.page(conn, before=before, limit=limit)
