"""Whom to write to: addresses and first names, for the mails that a flow puts into the outbox.

Who is gone or disabled is not written to. Called by flows; sends nothing.
"""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from topup.db import sql


@dataclass(frozen=True, slots=True)
class Contact:
    """A person who may be written to."""

    user_id: UUID
    email: str
    first_name: str


OF_USERS = "SELECT id AS user_id, email, first_name FROM users WHERE id = ANY(%s::uuid[]) AND disabled_at IS NULL"


async def of_users(conn: sql.Connection, user_ids: Collection[UUID]) -> dict[UUID, Contact]:
    """People by id; who is gone or disabled is left out."""
    found = await sql.rows(conn, Contact, OF_USERS, [sql.array([*user_ids])])
    return {contact.user_id: contact for contact in found}


@dataclass(frozen=True, slots=True)
class Billing:
    """An institution, and where it wants its receipts sent."""

    institution_id: UUID
    name: str
    email: str


OF_INSTITUTIONS = "SELECT id AS institution_id, name, billing_email AS email FROM institutions WHERE id = ANY(%s)"


async def of_institutions(conn: sql.Connection, institution_ids: Collection[UUID]) -> dict[UUID, Billing]:
    """Institutions by id."""
    found = await sql.rows(conn, Billing, OF_INSTITUTIONS, [list(institution_ids)])
    return {one.institution_id: one for one in found}
