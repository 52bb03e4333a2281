"""What a person has been given by each institution.

A student who is invited sees it before they have accepted: the address is proven, and the sessions are set aside.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg_pool import AsyncConnectionPool

from topup.core.people import Person
from topup.db import memberships, pools, statements
from topup.flows import settle


@dataclass(frozen=True, slots=True)
class Mine:
    """Sessions from one institution; `expires_at` is when the first of them end."""

    institution_id: UUID
    institution_name: str
    account_id: UUID
    available: int
    used: int
    expires_at: datetime | None


async def mine(pool: AsyncConnectionPool, person: Person) -> list[Mine]:
    """One for each institution that gave anything yet, newest first."""
    async with pool.connection() as conn:
        seats = await memberships.seats(conn, user_id=person.user_id, email=person.email)
        shares = await pools.shares(conn, [seat.membership_id for seat in seats])
        account_ids = [share.account_id for share in shares]
        await settle.up_to_now(conn, account_ids)
        balances = {row.account_id: row for row in await statements.balances(conn, account_ids)}
        ends = await pools.next_ends(conn, account_ids)
    return [
        Mine(
            institution_id=share.institution_id,
            institution_name=share.institution_name,
            account_id=share.account_id,
            available=balances[share.account_id].available,
            used=share.used,
            expires_at=ends.get(share.account_id),
        )
        for share in shares
    ]
