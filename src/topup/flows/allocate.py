"""Gives sessions from the pool to a student: found by id, or by any address, which is invited when it is no member yet.

The place, its account, the movement and the mail are written together or not at all. Whoever asks has been let in
(`topup.flows.enter`); the student's membership is locked first, so that nobody leaves in between (fault 55).
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from topup import errors
from topup.core import ids
from topup.core.people import Person
from topup.db import allocations, memberships, session_accounts, sql
from topup.db.allocations import Allocation
from topup.db.memberships import Locked, Seat
from topup.flows import create_institution, refusals, write_invitations
from topup.ledger import commands, journal


@dataclass(frozen=True, slots=True)
class Wish:
    """Who is to have how many until when; one of `student_id` and `email` is set."""

    student_id: UUID | None
    email: str | None
    quantity: int
    ends_at: datetime | None


async def allocate(conn: sql.Connection, seat: Seat, wish: Wish, person: Person) -> Allocation:
    """The allocation. A refusal, for want of sessions or otherwise, leaves nothing behind, not even the invitation."""
    async with conn.transaction():
        place = await _place(conn, seat, wish, person)
        account_id = await _account(conn, place)
        draft = await _move(conn, seat, wish, person, place=place, account_id=account_id)
        await allocations.add_many(conn, [draft], institution_id=seat.institution_id, given_by=person.user_id)
        found = await allocations.find(conn, draft.id)
    if found is None:
        raise errors.Broken(f"Allocation {draft.id} was not stored.")
    return found


async def _place(conn: sql.Connection, seat: Seat, wish: Wish, person: Person) -> Locked:
    if wish.student_id is not None:
        place = await memberships.lock_student(conn, seat.institution_id, wish.student_id)
        if place is None:
            raise errors.NotFound("There is no such student in this institution.")
        return place
    email = wish.email or ""
    if place := await memberships.lock_by_email(conn, seat.institution_id, email):
        return place
    is_new = await memberships.invite(
        conn,
        ids.new(),
        institution_id=seat.institution_id,
        email=email,
        role="STUDENT",
        invited_by=person.user_id,
    )
    place = await memberships.lock_by_email(conn, seat.institution_id, email)
    if place is None:
        raise errors.Unavailable("This address is being invited and removed at once. Try again.")
    if is_new:
        guest = write_invitations.Guest(place.id, email, "STUDENT")
        await write_invitations.write(conn, [guest], institution_name=seat.institution_name)
    return place


async def _account(conn: sql.Connection, place: Locked) -> UUID:
    await session_accounts.open_for_members(conn, [(ids.new(), place.id, place.email, None)])
    return (await session_accounts.of_members(conn, [place.id]))[place.id]


async def _move(
    conn: sql.Connection, seat: Seat, wish: Wish, person: Person, *, place: Locked, account_id: UUID
) -> allocations.Draft:
    allocation_id = ids.new()
    pool_account_id = await create_institution.pool_account(conn, seat.institution_id)
    [outcome] = await journal.post(
        conn,
        [
            command(
                allocation_id,
                pool_account_id,
                account_id,
                quantity=wish.quantity,
                ends_at=wish.ends_at,
                email=place.email,
                actor=person.actor,
            )
        ],
    )
    if isinstance(outcome, commands.Denied):
        raise refusals.of(outcome)
    return allocations.Draft(
        id=allocation_id,
        membership_id=place.id,
        account_id=account_id,
        quantity=wish.quantity,
        transfer_id=outcome.entries[0].transfer_id,
        roster_key=None,
        ends_at=wish.ends_at,
    )


def command(
    allocation_id: UUID,
    pool_account_id: UUID,
    account_id: UUID,
    *,
    quantity: int,
    ends_at: datetime | None,
    email: str,
    actor: str,
) -> commands.Move:
    """The movement of one allocation."""
    return commands.Move(
        pool_account_id,
        account_id,
        quantity,
        commands.Cause("allocation", str(allocation_id)),
        actor,
        commands.Text(f"Allocated to {email}"),
        ends_at=ends_at,
        is_allocation=True,
    )
