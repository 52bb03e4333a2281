"""Accounts that hold sessions: an institution's pool, and what each of its members has of it.

Opening and finding only; figures change through topup.ledger.journal alone.
"""

from collections.abc import Sequence
from uuid import UUID

from topup.db import sql

OPEN_POOL = "INSERT INTO accounts (id, unit, institution_id, name) VALUES (%s, 'session', %s, %s)"


async def open_pool(conn: sql.Connection, account_id: UUID, institution_id: UUID, *, name: str) -> None:
    """Open the one pool of a new institution."""
    await sql.run(conn, OPEN_POOL, [account_id, institution_id, name])


POOL = "SELECT id FROM accounts WHERE institution_id = %s"


async def pool_of(conn: sql.Connection, institution_id: UUID) -> UUID | None:
    """The account of an institution's pool."""
    return await sql.value(conn, POOL, [institution_id])


OPEN_FOR_MEMBERS = """
    INSERT INTO accounts (id, unit, membership_id, email, name)
    SELECT n.id, 'session', n.membership_id, n.email, n.name
    FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[]) AS n (id, membership_id, email, name)
    ON CONFLICT (membership_id) WHERE membership_id IS NOT NULL DO NOTHING
"""


async def open_for_members(conn: sql.Connection, rows: Sequence[tuple[UUID, UUID, str, str | None]]) -> None:
    """Open (id, membership, address, name) where a member has no account yet."""
    await sql.run(conn, OPEN_FOR_MEMBERS, sql.columns(rows))


OF_MEMBERS = "SELECT membership_id, id FROM accounts WHERE membership_id = ANY(%s::uuid[])"


async def of_members(conn: sql.Connection, membership_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """The account of each member who has one."""
    async with conn.cursor() as cursor:
        await cursor.execute(OF_MEMBERS, [sql.array(membership_ids)])
        return dict(await cursor.fetchall())
