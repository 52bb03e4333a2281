"""Invitations as rows: one living token a membership, good once and for a while.

Only the digest of a token is stored. Written by topup.flows.write_invitations, used by topup.flows.accept_invitation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from topup.core.roles import Role
from topup.db import sql

DAYS_VALID = 14

REVOKE = """
    UPDATE invitations SET revoked_at = topup_now()
    WHERE membership_id = %s AND used_at IS NULL AND revoked_at IS NULL
"""


async def revoke(conn: sql.Connection, membership_id: UUID) -> None:
    """The token that was sent last is good for nothing any more."""
    await sql.run(conn, REVOKE, [membership_id])


ADD_MANY = """
    INSERT INTO invitations (id, membership_id, token_hash, expires_at)
    SELECT n.id, n.membership_id, n.token_hash, topup_now() + make_interval(days => %s)
    FROM unnest(%s::uuid[], %s::uuid[], %s::bytea[]) AS n (id, membership_id, token_hash)
"""


async def add_many(conn: sql.Connection, rows: Sequence[tuple[UUID, UUID, bytes]]) -> None:
    """Write (id, membership, token digest). Whatever living invitation a membership has is revoked before."""
    await sql.run(conn, ADD_MANY, [DAYS_VALID, *sql.columns(rows)])


@dataclass(frozen=True, slots=True)
class Invitation:
    """A token that was sent, and the membership that it is for."""

    id: UUID
    membership_id: UUID
    is_expired: bool
    used_at: datetime | None


FIND = """
    SELECT id, membership_id, expires_at <= topup_now() AS is_expired, used_at
    FROM invitations WHERE token_hash = %s AND revoked_at IS NULL FOR NO KEY UPDATE
"""


async def lock(conn: sql.Connection, token_hash: bytes) -> Invitation | None:
    """The invitation of a token, locked. One that was revoked is not there."""
    return await sql.row(conn, Invitation, FIND, [token_hash])


@dataclass(frozen=True, slots=True)
class Shown:
    """What an invitation says to whoever holds its token; `member_id` is whose place it is once somebody took it."""

    institution_id: UUID
    institution_name: str
    inviter_name: str
    role: Role
    email: str
    status: str
    member_id: UUID | None
    is_expired: bool
    is_used: bool
    is_revoked: bool


LOOK = """
    SELECT m.institution_id, s.name AS institution_name, trim(concat(u.first_name, ' ', u.last_name)) AS inviter_name,
        m.role, m.email, m.status, m.user_id AS member_id, i.expires_at <= topup_now() AS is_expired,
        i.used_at IS NOT NULL AS is_used, i.revoked_at IS NOT NULL AS is_revoked
    FROM invitations i
    JOIN memberships m ON m.id = i.membership_id
    JOIN institutions s ON s.id = m.institution_id
    LEFT JOIN users u ON u.id = m.invited_by
    WHERE i.token_hash = %s
"""


async def look(conn: sql.Connection, token_hash: bytes) -> Shown | None:
    """The invitation of a token, also one that is good for nothing any more."""
    return await sql.row(conn, Shown, LOOK, [token_hash])


USE = "UPDATE invitations SET used_at = topup_now() WHERE id = %s AND used_at IS NULL"


async def use(conn: sql.Connection, invitation_id: UUID) -> None:
    """A token is good once."""
    await sql.run(conn, USE, [invitation_id])
