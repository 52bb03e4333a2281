"""Shows an institution and changes what invoices are written to. What Stripe keeps of it follows by itself.

Each change is counted; whoever next buys or bills brings Stripe's copy up to the last one.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from psycopg_pool import AsyncConnectionPool

from topup import errors
from topup.db import institutions
from topup.db.institutions import Institution


async def show(pool: AsyncConnectionPool, institution_id: UUID) -> Institution:
    """The institution. Raises NotFound."""
    async with pool.connection() as conn:
        return _there(await institutions.find(conn, institution_id))


async def change(pool: AsyncConnectionPool, institution_id: UUID, changes: Mapping[str, Any]) -> Institution:
    """Change the columns given; the institution after that."""
    async with pool.connection() as conn:
        if not changes:
            return _there(await institutions.find(conn, institution_id))
        return _there(await institutions.change(conn, institution_id, changes))


def _there(found: Institution | None) -> Institution:
    if found is None:
        raise errors.NotFound
    return found
