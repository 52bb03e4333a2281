"""Pages through the members of an institution, invited ones among them, for its staff.

And says where a person belongs themselves.
"""

from collections.abc import Sequence
from uuid import UUID

from psycopg_pool import AsyncConnectionPool

from topup import errors
from topup.core.people import Person
from topup.core.roles import Role
from topup.db import allocations, memberships
from topup.db.allocations import LeftOver
from topup.db.memberships import Counts, Membership, Seat


async def page(
    pool: AsyncConnectionPool,
    institution_id: UUID,
    *,
    role: Role | None,
    email_part: str = "",
    before_id: UUID | None,
    limit: int,
) -> Sequence[Membership]:
    """Members, newest first."""
    async with pool.connection() as conn:
        return await memberships.page(
            conn, institution_id, role=role, email_part=email_part, before_id=before_id, limit=limit
        )


async def counts(pool: AsyncConnectionPool, institution_id: UUID) -> Counts:
    """How many there are."""
    async with pool.connection() as conn:
        return await memberships.counts(conn, institution_id)


async def one(pool: AsyncConnectionPool, *, institution_id: UUID, membership_id: UUID) -> tuple[Membership, LeftOver]:
    """One who has not left, and what would go back to the pool if they did. Raises NotFound."""
    async with pool.connection() as conn:
        found = await memberships.find(conn, membership_id)
        if found is None or found.institution_id != institution_id or found.status == "LEFT":
            raise errors.NotFound
        return found, await allocations.left_over(conn, membership_id)


async def own(pool: AsyncConnectionPool, person: Person) -> Sequence[Seat]:
    """A person's own seats, newest first."""
    async with pool.connection() as conn:
        return await memberships.seats(conn, user_id=person.user_id, email=person.email)
