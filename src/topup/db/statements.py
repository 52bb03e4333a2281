"""Reading the ledger: balances, statement pages, lots, and what stands behind one line.

For pages and API; nothing here locks or writes. Figures are those of the moment by the database's clock: what is
overdue but not yet booked is already left out of `available`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from topup.db import sql


@dataclass(frozen=True, slots=True)
class Balance:
    """An account's figures. `available` is what a spend would get now; `balance` is negative in debt."""

    account_id: UUID
    unit: str
    external_id: str | None
    balance: int
    held: int
    available: int
    debt: int
    is_frozen: bool


# Readers settle an account first (topup.flows.settle); on a frozen one nothing is booked, so overdue lots are left out.
BALANCES = """
    SELECT a.id AS account_id, a.unit, a.external_id, a.balance, a.held, a.debt, a.frozen_at IS NOT NULL AS is_frozen,
           CASE WHEN a.debt > 0 THEN 0 ELSE a.balance - a.held - coalesce((
               SELECT sum(l.remaining) FROM lots l
               WHERE l.account_id = a.id AND l.is_living AND l.expires_at <= topup_now()),
                       0) END::bigint AS available
    FROM accounts a WHERE a.id = ANY(%s) AND a.system_name IS NULL ORDER BY a.id DESC
"""


async def balances(conn: sql.Connection, account_ids: list[UUID]) -> list[Balance]:
    """The figures of some accounts, newest first."""
    return await sql.rows(conn, Balance, BALANCES, [account_ids])


async def balance(conn: sql.Connection, account_id: UUID) -> Balance | None:
    """The figures of one account."""
    return await sql.row(conn, Balance, BALANCES, [[account_id]])


@dataclass(frozen=True, slots=True)
class Expiring:
    """Credits that end at one time."""

    credits: int
    expires_at: datetime


EXPIRING = """
    SELECT sum(remaining)::bigint AS credits, expires_at FROM lots
    WHERE account_id = %(account_id)s AND is_living AND remaining > 0 AND expires_at > topup_now()
      AND expires_at <= topup_now() + make_interval(days => %(days)s)
    GROUP BY expires_at ORDER BY expires_at
"""


async def expiring(conn: sql.Connection, account_id: UUID, *, within_days: int) -> list[Expiring]:
    """What ends within so many days, soonest first."""
    return await sql.rows(conn, Expiring, EXPIRING, {"account_id": account_id, "days": within_days})


@dataclass(frozen=True, slots=True)
class Line:
    """One statement line: an entry with its transfer and its text. `credits_signed` is negative for what went out."""

    id: UUID
    account_id: UUID
    seq: int
    transfer_id: UUID
    credits_signed: int
    balance_after: int
    kind: str
    cause_type: str
    cause_id: str
    source_id: str | None
    description: str | None
    metadata: dict[str, Any] | None
    recorded_at: datetime


PAGE = """
    SELECT e.id, e.account_id, e.seq, e.transfer_id, e.amount AS credits_signed, e.balance_after, t.kind, t.cause_type,
           t.cause_id, x.source_id, x.description, x.metadata, e.recorded_at
    FROM entries e JOIN transfers t ON t.id = e.transfer_id LEFT JOIN transfer_texts x ON x.transfer_id = t.id
    WHERE e.account_id = %(account_id)s AND e.seq < %(before_seq)s
    ORDER BY e.seq DESC LIMIT %(limit)s
"""
NEWEST = 2**63 - 1


async def page(conn: sql.Connection, account_id: UUID, *, before_seq: int = NEWEST, limit: int) -> list[Line]:
    """Lines before a number, newest first. Costs the same however long the statement is."""
    return await sql.rows(conn, Line, PAGE, {"account_id": account_id, "before_seq": before_seq, "limit": limit})


LINE = """
    SELECT e.id, e.account_id, e.seq, e.transfer_id, e.amount AS credits_signed, e.balance_after, t.kind, t.cause_type,
           t.cause_id, x.source_id, x.description, x.metadata, e.recorded_at
    FROM entries e JOIN transfers t ON t.id = e.transfer_id LEFT JOIN transfer_texts x ON x.transfer_id = t.id
    WHERE e.id = %s
"""


async def line(conn: sql.Connection, entry_id: UUID) -> Line | None:
    """One line by its id."""
    return await sql.row(conn, Line, LINE, [entry_id])


ACCOUNTS_OF = "SELECT id, account_id FROM entries WHERE id = ANY(%s)"


async def accounts_of(conn: sql.Connection, entry_ids: list[UUID]) -> dict[UUID, UUID]:
    """Whose statement each of some lines is on; a line that is not there is left out."""
    return dict(await sql.pairs(conn, ACCOUNTS_OF, [entry_ids]))


@dataclass(frozen=True, slots=True)
class LotView:
    """A lot as its owner sees it. `opened_seq` is the entry that brought it."""

    id: UUID
    opened_seq: int
    amount: int
    remaining: int
    held: int
    priority: int
    expires_at: datetime | None
    source: str
    payment_id: UUID | None
    created_at: datetime


LIVING_LOTS = """
    SELECT id, opened_seq, amount, remaining, held, priority, expires_at, source, payment_id, created_at FROM lots
    WHERE account_id = %s AND is_living
    ORDER BY priority, expires_at NULLS LAST, opened_seq, id
"""


async def living_lots(conn: sql.Connection, account_id: UUID) -> list[LotView]:
    """The lots with anything in them, in the order in which they will be spent."""
    return await sql.rows(conn, LotView, LIVING_LOTS, [account_id])


LIVING_LOTS_BY_AGE = """
    SELECT id, opened_seq, amount, remaining, held, priority, expires_at, source, payment_id, created_at FROM lots
    WHERE account_id = %(account_id)s AND is_living
      AND (%(before_seq)s::bigint IS NULL OR (opened_seq, id) < (%(before_seq)s, %(before_id)s::uuid))
    ORDER BY opened_seq DESC, id DESC LIMIT %(limit)s
"""


async def living_lots_by_age(
    conn: sql.Connection, account_id: UUID, *, before: tuple[int, UUID] | None, limit: int
) -> list[LotView]:
    """The lots with anything in them, newest first."""
    before_seq, before_id = before or (None, None)
    parameters = {"account_id": account_id, "before_seq": before_seq, "before_id": before_id, "limit": limit}
    return await sql.rows(conn, LotView, LIVING_LOTS_BY_AGE, parameters)


@dataclass(frozen=True, slots=True)
class LotMove:
    """What one line did to one lot, with where that lot came from."""

    seq: int
    lot_id: UUID
    change: int
    source: str
    expires_at: datetime | None
    payment_id: UUID | None
    package_name: str | None
    opened_at: datetime


MOVES = """
    SELECT m.seq, m.lot_id, m.amount AS change, l.source, l.expires_at, l.payment_id, p.package_name,
            l.created_at AS opened_at
    FROM entry_lots m JOIN lots l ON l.id = m.lot_id LEFT JOIN payments p ON p.id = l.payment_id
    WHERE m.account_id = %s AND m.seq = ANY(%s)
    ORDER BY m.seq DESC, l.priority, l.expires_at NULLS LAST, l.opened_seq, l.id
"""


async def moves(conn: sql.Connection, account_id: UUID, seqs: list[int]) -> list[LotMove]:
    """Why the balance is what it is: the lots behind some lines of one account."""
    return await sql.rows(conn, LotMove, MOVES, [account_id, seqs])
