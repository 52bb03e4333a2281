"""Whose each account is, as somebody at the desk looks for it: people, host applications' users, pools, students.

Only reads. What is looked for is taken as it stands, in any case and without wildcards.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from topup.db import sql

Kind = Literal["person", "application", "pool", "student"]


@dataclass(frozen=True, slots=True)
class Holder:
    """An account and who holds it. Figures are as booked."""

    account_id: UUID
    unit: str
    kind: Kind
    email: str | None
    name: str | None
    external_id: str | None
    user_id: UUID | None
    institution_id: UUID | None
    institution_name: str | None
    is_admin: bool
    is_disabled: bool
    balance: int
    debt: int
    frozen_at: datetime | None
    frozen_reason: str | None
    created_at: datetime


HOLDERS = """
    SELECT a.id AS account_id, a.unit,
        CASE WHEN a.membership_id IS NOT NULL THEN 'student' WHEN a.institution_id IS NOT NULL THEN 'pool'
             WHEN a.user_id IS NOT NULL THEN 'person' ELSE 'application' END AS kind,
        coalesce(u.email, m.email, i.billing_email, a.email) AS email,
        coalesce(nullif(trim(concat_ws(' ', u.first_name, u.last_name)), ''), i.name, a.name) AS name,
        a.external_id, u.id AS user_id, i.id AS institution_id, i.name AS institution_name,
        coalesce(u.is_admin, false) AS is_admin, u.disabled_at IS NOT NULL AS is_disabled,
        a.balance, a.debt, a.frozen_at, a.frozen_reason, a.created_at
    FROM accounts a
    LEFT JOIN memberships m ON m.id = a.membership_id
    LEFT JOIN users u ON u.id = coalesce(a.user_id, m.user_id)
    LEFT JOIN institutions i ON i.id = coalesce(a.institution_id, m.institution_id)
    WHERE a.system_name IS NULL
"""

FIND = HOLDERS + " AND a.id = %s"


async def find(conn: sql.Connection, account_id: UUID) -> Holder | None:
    """One account with its holder."""
    return await sql.row(conn, Holder, FIND, [account_id])


SEARCH = (
    HOLDERS
    + """
    AND (strpos(lower(concat_ws(' ', u.first_name, u.last_name)), lower(%(text)s)) > 0
        OR strpos(lower(concat_ws(' ', u.email, m.email, i.billing_email, i.name, a.email, a.name)),
                  lower(%(text)s)) > 0
        OR a.external_id = %(text)s)
    ORDER BY a.id DESC LIMIT %(limit)s
"""
)


async def search(conn: sql.Connection, text: str, *, limit: int) -> list[Holder]:
    """By a part of an address or a name, or by the whole id that a host application gave; newest first."""
    return await sql.rows(conn, Holder, SEARCH, {"text": text, "limit": limit})


NAMED_BY = """
    SELECT id FROM accounts WHERE id = %(id)s OR user_id = %(id)s OR institution_id = %(id)s
    UNION SELECT account_id FROM entries WHERE id = %(id)s
    UNION SELECT account_id FROM holds WHERE id = %(id)s
    UNION SELECT account_id FROM allocations WHERE id = %(id)s
"""
OF_MANY = HOLDERS + " AND a.id = ANY(%s) ORDER BY a.id DESC LIMIT %s"


async def by_reference(conn: sql.Connection, reference: UUID, *, limit: int) -> list[Holder]:
    """By the id of the account, of a statement line, a hold, an allocation, a person or an institution."""
    account_ids = await sql.values(conn, NAMED_BY, {"id": reference})
    return await sql.rows(conn, Holder, OF_MANY, [account_ids, limit])


async def of_accounts(conn: sql.Connection, account_ids: list[UUID]) -> list[Holder]:
    """Those of these accounts, each once."""
    return await sql.rows(conn, Holder, OF_MANY, [account_ids, len(account_ids)])


TROUBLED = (
    HOLDERS + " AND (a.frozen_at IS NOT NULL OR a.debt > 0) ORDER BY a.frozen_at NULLS LAST, a.debt DESC LIMIT %s"
)


async def troubled(conn: sql.Connection, *, limit: int) -> list[Holder]:
    """Frozen accounts, then those in debt."""
    return await sql.rows(conn, Holder, TROUBLED, [limit])
