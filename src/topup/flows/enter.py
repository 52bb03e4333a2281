"""Lets a person into an institution for one call, or not: the check before everything that an institution is asked.

Another institution and one that does not exist are answered alike (fault 66). Where no institution is named and one
membership alone permits the call, that is the one; where several do, the caller must say (422).
"""

from collections.abc import Sequence
from uuid import UUID

from psycopg_pool import AsyncConnectionPool

from topup import errors
from topup.core import roles
from topup.core.people import Person
from topup.core.roles import Call
from topup.db import memberships
from topup.db.memberships import Seat


async def enter(pool: AsyncConnectionPool, person: Person, call: Call, institution_id: UUID | None) -> Seat:
    """The seat from which this person makes this call."""
    async with pool.connection() as conn:
        seats = await memberships.seats(conn, user_id=person.user_id, email=person.email)
    return choose(seats, call, institution_id)


async def enter_for(
    pool: AsyncConnectionPool, person: Person, call: Call, *, owner_id: UUID | None, institution_id: UUID | None
) -> Seat:
    """The seat for a call about one thing, which belongs to `owner_id` (None: there is no such thing).

    A thing of another institution and one that does not exist are answered alike, whoever asks.
    """
    async with pool.connection() as conn:
        seats = await memberships.seats(conn, user_id=person.user_id, email=person.email)
    if owner_id is not None and institution_id in {None, owner_id} and _is_among(seats, owner_id):
        return choose(seats, call, owner_id)
    named = [seat for seat in seats if institution_id in {None, seat.institution_id}]
    if named and not any(roles.may(seat.role, call) for seat in named):
        raise not_allowed(call)
    raise errors.NotFound


def _is_among(seats: Sequence[Seat], institution_id: UUID) -> bool:
    return any(seat.institution_id == institution_id for seat in seats)


def choose(seats: Sequence[Seat], call: Call, institution_id: UUID | None) -> Seat:
    """Which of a person's seats permits a call; NotFound, NotAllowed or Invalid where none or no single one does."""
    named = [seat for seat in seats if institution_id is None or seat.institution_id == institution_id]
    if not named:
        raise errors.NotFound
    permitting = [seat for seat in named if roles.may(seat.role, call)]
    if not permitting:
        raise not_allowed(call)
    if len(permitting) > 1:
        detail = "You belong to several institutions: say for which one this is."
        fault = errors.FieldFault("/institutionId", detail)
        raise errors.Invalid(detail, code="institution_id_required", faults=[fault])
    return permitting[0]


def not_allowed(call: Call) -> errors.NotAllowed:
    """The refusal of a call, which names the roles that would do."""
    wanted = " or ".join(role for role in roles.ROLES if roles.may(role, call))
    return errors.NotAllowed(f"Your role here does not permit this; it takes {wanted}.", code="role_missing")
