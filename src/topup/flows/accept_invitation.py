"""Takes the place that an invitation sets aside. Good once, for the person of the invited address alone.

Somebody who signed up with that address has the place already and may still show the invitation, once.
"""

from psycopg_pool import AsyncConnectionPool

from topup import errors
from topup.core import tokens
from topup.core.people import Person
from topup.db import institutions, invitations, memberships
from topup.db.institutions import Institution
from topup.db.invitations import Invitation
from topup.db.memberships import Locked, Membership


async def accept(pool: AsyncConnectionPool, *, token: str, person: Person) -> tuple[Membership, Institution]:
    """The membership, active now, and its institution."""
    async with pool.connection() as conn:
        invitation = await invitations.lock(conn, tokens.digest(token))
        place = None if invitation is None else await memberships.lock(conn, invitation.membership_id)
        if invitation is None or place is None:
            raise errors.NotFound("This invitation is not known, or was withdrawn.", code="invitation_not_found")
        _ensure_usable(invitation, place, person)
        await invitations.use(conn, invitation.id)
        await memberships.join(conn, place.id, person.user_id)
        found = await memberships.find(conn, place.id)
        institution = await institutions.find(conn, place.institution_id)
    if found is None or institution is None:
        raise errors.Broken(f"Membership {place.id} went away under its lock.")
    return found, institution


def _ensure_usable(invitation: Invitation, place: Locked, person: Person) -> None:
    if invitation.used_at is not None:
        raise errors.Conflict("This invitation has been used.", code="invitation_used")
    if invitation.is_expired:
        raise errors.Conflict("This invitation has ended. Ask for a new one.", code="invitation_expired")
    if place.email != person.email:
        raise errors.NotAllowed(
            "This invitation was sent to another address. Sign in with that one.", code="invitation_for_another_address"
        )
