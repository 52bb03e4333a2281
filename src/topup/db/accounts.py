"""Accounts as rows: opening, finding, freezing and thawing them.

Their figures change through topup.ledger.journal alone.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from topup.db import sql


@dataclass(frozen=True, slots=True)
class Account:
    """What holds credits, in one unit. Figures are whole units; balance is negative in debt."""

    id: UUID
    unit: str
    user_id: UUID | None
    external_id: str | None
    email: str | None
    name: str | None
    balance: int
    held: int
    debt: int
    frozen_at: datetime | None


OPEN_FOR_USER = """
    INSERT INTO accounts (id, unit, user_id, email) VALUES (%(id)s, %(unit)s, %(user_id)s, %(email)s)
    ON CONFLICT (user_id, unit) WHERE user_id IS NOT NULL DO NOTHING
"""


async def open_for_user(conn: sql.Connection, account_id: UUID, *, user_id: UUID, unit: str, email: str) -> bool:
    """Open a person's account; False when there is one already."""
    parameters = {"id": account_id, "unit": unit, "user_id": user_id, "email": email}
    return await sql.run(conn, OPEN_FOR_USER, parameters) == 1


FIND = """
    SELECT id, unit, user_id, external_id, email, name, balance, held, debt, frozen_at
    FROM accounts WHERE id = %s AND system_name IS NULL
"""


async def find(conn: sql.Connection, account_id: UUID) -> Account | None:
    """A customer account by its id."""
    return await sql.row(conn, Account, FIND, [account_id])


FIND_OF_USER = """
    SELECT id, unit, user_id, external_id, email, name, balance, held, debt, frozen_at
    FROM accounts WHERE user_id = %s AND unit = %s
"""


async def find_of_user(conn: sql.Connection, user_id: UUID, unit: str = "credit") -> Account | None:
    """A person's own account in one unit."""
    return await sql.row(conn, Account, FIND_OF_USER, [user_id, unit])


FREEZE = """
    UPDATE accounts SET frozen_at = coalesce(frozen_at, topup_now()), frozen_reason = coalesce(frozen_reason, %s)
    WHERE id = %s AND system_name IS NULL
"""


async def freeze(conn: sql.Connection, account_id: UUID, *, reason: str) -> bool:
    """Let nothing out of a customer's account any more. One that is frozen keeps its first reason."""
    return await sql.run(conn, FREEZE, [reason, account_id]) == 1


THAW = "UPDATE accounts SET frozen_at = NULL, frozen_reason = NULL WHERE id = %s AND frozen_at IS NOT NULL"


async def thaw(conn: sql.Connection, account_id: UUID) -> bool:
    """Let things out again; False when nothing kept them in."""
    return await sql.run(conn, THAW, [account_id]) == 1
