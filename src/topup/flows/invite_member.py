"""Invites somebody to an institution by mail. Invited again, they get a new invitation and the last one ends.

Who invites whom is in the roles' table: managers bring students, owners anybody.
"""

from psycopg_pool import AsyncConnectionPool

from topup import errors
from topup.core import ids, limits, roles
from topup.core.keys import Keys
from topup.core.people import Person
from topup.core.roles import Role
from topup.db import invitations, memberships, sql
from topup.db.memberships import Membership, Seat
from topup.flows import enter, throttle, write_invitations


async def charge(pool: AsyncConnectionPool, keys: Keys, *, email: str, person: Person) -> None:
    """What every invitation costs, so that nobody's mailbox is filled by way of us (fault 72)."""
    await throttle.charge(
        pool,
        [
            limits.of_address(keys.bucket, limits.INVITATION_TO_ADDRESS, email),
            limits.of_address(keys.bucket, limits.INVITATION_BY_PERSON, str(person.user_id)),
        ],
    )


async def invite(conn: sql.Connection, seat: Seat, *, email: str, role: Role, person: Person) -> Membership:
    """The place that is set aside. Conflict when the address belongs to a member who has come."""
    place = await memberships.lock_by_email(conn, seat.institution_id, email)
    if place is None:
        await memberships.invite(
            conn,
            ids.new(),
            institution_id=seat.institution_id,
            email=email,
            role=role,
            invited_by=person.user_id,
        )
        place = await memberships.lock_by_email(conn, seat.institution_id, email)
    if place is None:
        raise errors.Unavailable("This address is being invited and removed at once. Try again.")
    if place.status == "ACTIVE":
        raise errors.Conflict("This address belongs to a member already.", code="already_member")
    if place.role != role:
        call = roles.call_of_invitation(place.role)
        if not roles.may(seat.role, call):
            raise enter.not_allowed(call)
        await memberships.change_role(conn, place.id, role)
    await invitations.revoke(conn, place.id)
    guest = write_invitations.Guest(place.id, email, role)
    await write_invitations.write(conn, [guest], institution_name=seat.institution_name)
    found = await memberships.find(conn, place.id)
    if found is None:
        raise errors.Broken(f"Membership {place.id} went away under its lock.")
    return found
