"""Pages through the members of an institution, invited ones among them, for its staff.

And says where a person belongs themselves.
"""

from collections.abc import Sequence
from uuid import UUID

from psycopg_pool import AsyncConnectionPool

from topup.core.people import Person
from topup.core.roles import Role
from topup.db import memberships
from topup.db.memberships import Membership, Seat


async def page(
    pool: AsyncConnectionPool, institution_id: UUID, *, role: Role | None, before_id: UUID | None, limit: int
) -> Sequence[Membership]:
    """Members, newest first."""
    async with pool.connection() as conn:
        return await memberships.page(conn, institution_id, role=role, before_id=before_id, limit=limit)


async def own(pool: AsyncConnectionPool, person: Person) -> Sequence[Seat]:
    """A person's own seats, newest first."""
    async with pool.connection() as conn:
        return await memberships.seats(conn, user_id=person.user_id, email=person.email)
