"""What an admin does to packages: put on the list, change, take off sale. Past payments keep what they were promised.

`create` takes the caller's connection, so that its answer can be remembered under an idempotency key with it.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import psycopg
from psycopg_pool import AsyncConnectionPool

from topup import errors
from topup.core import ids
from topup.db import packages, sql


async def create(conn: sql.Connection, draft: packages.Draft) -> packages.Package:
    """A new package. Names are unique without case."""
    added = await packages.add(conn, ids.new(), draft)
    if added is None:
        raise name_taken()
    return added


async def change(pool: AsyncConnectionPool, package_id: UUID, changes: Mapping[str, Any]) -> packages.Package:
    """Change what is given (`packages.CHANGEABLE`)."""
    try:
        async with pool.connection() as conn:
            changed = await packages.change(conn, package_id, changes)
    except psycopg.errors.UniqueViolation as error:
        raise name_taken() from error
    if changed is None:
        raise errors.NotFound
    return changed


async def withdraw(pool: AsyncConnectionPool, package_id: UUID) -> packages.Package:
    """Take a package off sale; a second time changes nothing."""
    return await change(pool, package_id, {"is_active": False})


def name_taken() -> errors.Conflict:
    """The one conflict there is."""
    return errors.Conflict("There is a package with this name already.", code="package_name_taken")
