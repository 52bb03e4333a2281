"""Holds of host applications, as they are read. They change through topup.ledger.journal alone.

A dispute's hold is none of theirs: its sum alone is read, for the account page.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from topup.db import sql


@dataclass(frozen=True, slots=True)
class Hold:
    """Credits set aside until `expires_at`, captured or released."""

    id: UUID
    account_id: UUID
    credits: int
    captured: int
    status: str
    expires_at: datetime


FIND = """
    SELECT id, account_id, amount AS credits, captured, status, expires_at FROM holds WHERE id = %s AND kind = 'HOST'
"""


async def find(conn: sql.Connection, hold_id: UUID) -> Hold | None:
    """One hold."""
    return await sql.row(conn, Hold, FIND, [hold_id])


ACCOUNTS_OF = "SELECT id, account_id FROM holds WHERE id = ANY(%s)"


async def accounts_of(conn: sql.Connection, hold_ids: list[UUID]) -> dict[UUID, UUID]:
    """Whose credits each of some holds sets aside; a hold that is not there is left out."""
    return dict(await sql.pairs(conn, ACCOUNTS_OF, [hold_ids]))


OPEN_OF_ACCOUNT = """
    SELECT id, account_id, amount AS credits, captured, status, expires_at FROM holds
    WHERE account_id = %(account_id)s AND status = 'OPEN' AND kind = 'HOST'
        AND (%(before_id)s::uuid IS NULL OR id < %(before_id)s)
    ORDER BY id DESC LIMIT %(limit)s
"""


async def open_of_account(conn: sql.Connection, account_id: UUID, *, before_id: UUID | None, limit: int) -> list[Hold]:
    """What is set aside on an account, newest first."""
    parameters = {"account_id": account_id, "before_id": before_id, "limit": limit}
    return await sql.rows(conn, Hold, OPEN_OF_ACCOUNT, parameters)


DISPUTED = """
    SELECT coalesce(sum(amount - captured), 0)::bigint FROM holds
    WHERE account_id = %s AND status = 'OPEN' AND kind = 'DISPUTE'
"""


async def disputed(conn: sql.Connection, account_id: UUID) -> int:
    """How many credits of an account are held while payments are disputed."""
    return await sql.value(conn, DISPUTED, [account_id])


STUCK = """
    SELECT id, account_id, amount AS credits, captured, status, expires_at FROM holds
    WHERE status = 'OPEN' AND kind = 'HOST' AND expires_at <= (SELECT topup_now())
        AND (%(after_end)s::timestamptz IS NULL OR (expires_at, id) > (%(after_end)s, %(after_id)s::uuid))
    ORDER BY expires_at, id LIMIT %(limit)s
"""


async def stuck(conn: sql.Connection, *, after: tuple[datetime, UUID] | None, limit: int) -> list[Hold]:
    """Holds that are past their end and still open, the longest overdue first."""
    after_end, after_id = after or (None, None)
    return await sql.rows(conn, Hold, STUCK, {"after_end": after_end, "after_id": after_id, "limit": limit})
