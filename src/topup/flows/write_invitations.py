"""Writes invitations and the mails that carry them, inside the caller's transaction; the last ones end.

The token leaves the house in the mail alone, is stored as a digest and wiped from the outbox when the mail is sent.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from topup.core import ids, mails, tokens
from topup.core.roles import Role
from topup.db import invitations, outbox, sql

PREFIX = "topup_in_"
SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody a place is set aside for."""

    membership_id: UUID
    email: str
    role: Role


async def write(conn: sql.Connection, guests: Sequence[Guest], *, institution_name: str) -> None:
    """One invitation and one mail each. For guests who have been invited before, revoke first."""
    sealed = [(ids.new(), guest, tokens.secret_text(PREFIX, secrets.token_bytes(SECRET_BYTES))) for guest in guests]
    if not sealed:
        return
    rows = [(invitation_id, guest.membership_id, tokens.digest(token)) for invitation_id, guest, token in sealed]
    await invitations.add_many(conn, rows)
    await outbox.put_many(
        conn,
        [
            outbox.Message(
                mails.INVITATION,
                str(invitation_id),
                guest.email,
                {
                    "institutionName": institution_name,
                    "role": guest.role,
                    "token": token,
                    "daysValid": invitations.DAYS_VALID,
                },
            )
            for invitation_id, guest, token in sealed
        ],
    )
