"""Ends a membership: somebody leaves, is removed, or their invitation is withdrawn.

Unused sessions go back to the pool; those on hold when the hold ends (`topup.flows.return_ended`). An institution
always keeps an owner who has come: the last one cannot leave.
"""

from uuid import UUID

from psycopg_pool import AsyncConnectionPool

from topup import errors
from topup.core import roles
from topup.core.people import Person
from topup.db import institutions, invitations, memberships, sql
from topup.db.memberships import Locked, Seat
from topup.flows import enter, take_back


async def remove(pool: AsyncConnectionPool, person: Person, *, institution_id: UUID, membership_id: UUID) -> None:
    """End a membership. Anybody may leave; who may remove whom is in the roles' table."""
    async with pool.connection() as conn:
        seats = await memberships.seats(conn, user_id=person.user_id, email=person.email)
        seat = next((seat for seat in seats if seat.institution_id == institution_id), None)
        if seat is None:
            raise errors.NotFound
        await institutions.lock(conn, institution_id)
        place = await memberships.lock(conn, membership_id)
        if seat.membership_id != membership_id and not roles.may(seat.role, "withdraw_student"):
            raise enter.not_allowed("remove_member")
        if place is None or place.institution_id != institution_id:
            raise errors.NotFound
        _ensure_allowed(seat, place)
        await _end(conn, place, person)


def _ensure_allowed(seat: Seat, place: Locked) -> None:
    call = roles.call_of_removal(place.role, has_come=place.status == "ACTIVE")
    if place.id != seat.membership_id and not roles.may(seat.role, call):
        raise enter.not_allowed(call)


async def _end(conn: sql.Connection, place: Locked, person: Person) -> None:
    is_owner = place.role == "OWNER" and place.status == "ACTIVE"
    if is_owner and await memberships.owners(conn, place.institution_id) == 1:
        raise errors.Conflict("An institution needs an owner: make somebody else one first.", code="last_owner")
    await invitations.revoke(conn, place.id)
    await take_back.everything(conn, place.id, institution_id=place.institution_id, actor=person.actor)
    await memberships.leave(conn, place.id)
