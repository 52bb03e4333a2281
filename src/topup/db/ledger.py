"""The ledger's tables: what the journal locks, loads and writes in bulk.

Called by topup.ledger.journal, and by topup.flows.requests to see who is stuck; statements for reading a statement or a
balance lie in db/statements.py. Writing functions take rows as tuples in the order of their columns and send them as
arrays, so a batch costs one statement each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from topup.db import sql

Rows = Sequence[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class AccountRow:
    """A customer account under lock."""

    id: UUID
    unit: str
    balance: int
    held: int
    debt: int
    seq: int
    head_hash: bytes
    is_frozen: bool


LOCK = """
    SELECT id, unit, balance, held, debt, seq, head_hash, frozen_at IS NOT NULL AS is_frozen
    FROM accounts WHERE id = ANY(%s::uuid[]) AND system_name IS NULL
    ORDER BY id FOR NO KEY UPDATE
"""


async def lock(conn: sql.Connection, account_ids: list[UUID]) -> sql.Asked[AccountRow]:
    """Lock customer accounts in id order, so that no two batches wait for each other in a ring.

    NO KEY UPDATE, because plain FOR UPDATE would also stop foreign-key checks of rows that only name the account.
    """
    return await sql.ask(conn, sql.each(AccountRow), LOCK, [sql.array(account_ids)])


# The inner query locks what is free, until the end of the transaction, and passes over the rest.
HELD_ELSEWHERE = """
    SELECT id FROM accounts WHERE id = ANY(%(ids)s) AND system_name IS NULL AND id NOT IN (
        SELECT id FROM (SELECT id FROM accounts WHERE id = ANY(%(ids)s) FOR NO KEY UPDATE SKIP LOCKED) AS free)
"""


async def held_elsewhere(conn: sql.Connection, account_ids: list[UUID]) -> set[UUID]:
    """Those of some customer accounts that another transaction has locked at this moment. Waits for nobody."""
    return set(await sql.values(conn, HELD_ELSEWHERE, {"ids": account_ids}))


LOOK = """
    SELECT id, unit, balance, held, debt, seq, head_hash, frozen_at IS NOT NULL AS is_frozen
    FROM accounts WHERE id = ANY(%s::uuid[]) AND system_name IS NULL
"""


async def look(conn: sql.Connection, account_ids: list[UUID]) -> sql.Asked[AccountRow]:
    """Customer accounts without a lock: enough to say what would happen, never to do it."""
    return await sql.ask(conn, sql.each(AccountRow), LOOK, [sql.array(account_ids)])


NOW = "SELECT topup_now()"


async def now(conn: sql.Connection) -> datetime:
    """Money's time. Read it after the locks: before, it may be older than the wait for them."""
    return await sql.value(conn, NOW)


async def ask_now(conn: sql.Connection) -> sql.Asked[datetime]:
    """The same, sent together with the locks."""
    return await sql.ask(conn, sql.first_column(), NOW)


@dataclass(frozen=True, slots=True)
class LotRow:
    """A lot as stored."""

    id: UUID
    account_id: UUID
    transfer_id: UUID
    opened_seq: int
    amount: int
    remaining: int
    held: int
    priority: int
    expires_at: datetime | None
    source: Any
    payment_id: UUID | None
    created_at: datetime
    returns_to: UUID | None
    own_expires_at: datetime | None


# Two looks at one index each, since a single one would read all lots of the account.
FIRST_LOTS = """
    SELECT found.* FROM unnest(%s::uuid[], %s::bigint[]) AS asked (account_id, lots_max) CROSS JOIN LATERAL (
        (SELECT id, account_id, transfer_id, opened_seq, amount, remaining, held, priority, expires_at, source,
                payment_id, created_at, returns_to, own_expires_at
        FROM lots WHERE account_id = asked.account_id AND is_living
        ORDER BY priority, expires_at, opened_seq, id LIMIT asked.lots_max)
        UNION ALL
        (SELECT id, account_id, transfer_id, opened_seq, amount, remaining, held, priority, expires_at, source,
                payment_id, created_at, returns_to, own_expires_at
        FROM lots WHERE account_id = asked.account_id AND is_living AND expires_at <= (SELECT topup_now()))
    ) AS found
"""


async def first_lots(conn: sql.Connection, lots_max: Mapping[UUID, int | None]) -> sql.Asked[LotRow]:
    """Of each account the first so many lots (None: all) in burn order, and all that are overdue; some may come twice.

    A statement of its own, after the locking one: joined into that, it would see the lots as they were before the wait
    for the lock. Money's time has to be read before it: what ends in between is then here and not missing.
    """
    return await sql.ask(conn, sql.each(LotRow), FIRST_LOTS, [sql.array([*lots_max]), sql.array([*lots_max.values()])])


LOTS = """
    SELECT id, account_id, transfer_id, opened_seq, amount, remaining, held, priority, expires_at, source,
            payment_id, created_at, returns_to, own_expires_at
    FROM lots WHERE id = ANY(%s)
"""


async def lots(conn: sql.Connection, lot_ids: list[UUID]) -> list[LotRow]:
    """Lots by id, also empty ones."""
    return await sql.rows(conn, LotRow, LOTS, [lot_ids])


@dataclass(frozen=True, slots=True)
class HoldRow:
    """A hold with one of its parts."""

    id: UUID
    account_id: UUID
    kind: str
    credits: int
    captured: int
    status: str
    expires_at: datetime | None
    description: str | None
    payment_id: UUID | None
    actor: str
    created_at: datetime
    closed_at: datetime | None
    lot_id: UUID
    part_amount: int
    part_remaining: int


HOLD_FIELDS = 12  # those of the hold itself, which come first

HOLDS = """
    SELECT h.id, h.account_id, h.kind, h.amount AS credits, h.captured, h.status, h.expires_at, h.description,
            h.payment_id,
           h.actor, h.created_at, h.closed_at, p.lot_id, p.amount AS part_amount, p.remaining AS part_remaining
    FROM holds h JOIN hold_lots p ON p.hold_id = h.id JOIN lots l ON l.id = p.lot_id
    WHERE h.id = ANY(%(hold_ids)s)
       OR (h.account_id = ANY(%(account_ids)s) AND h.status = 'OPEN'
           AND (h.expires_at <= %(now)s OR h.payment_id = ANY(%(payment_ids)s)))
    ORDER BY h.id, l.priority, l.expires_at NULLS LAST, l.opened_seq, l.id
"""


async def holds(
    conn: sql.Connection, hold_ids: list[UUID], account_ids: list[UUID], payment_ids: list[UUID], at: datetime
) -> list[HoldRow]:
    """The named holds; of these accounts those overdue, and those for the payments' disputes. Parts in burn order."""
    parameters = {"hold_ids": hold_ids, "account_ids": account_ids, "payment_ids": payment_ids, "now": at}
    return await sql.rows(conn, HoldRow, HOLDS, parameters)


@dataclass(frozen=True, slots=True)
class LostRow:
    """A lot, and what it has lost to the clawbacks of a payment and not got back."""

    payment_id: UUID
    lot_id: UUID
    lost: int


LOST_LOTS = """
    SELECT payment_id, lot_id, sum(lost)::bigint AS lost
    FROM (
        SELECT payment_id, id AS lot_id, 0 AS lost FROM lots
        WHERE payment_id = ANY(%(payment_ids)s) AND account_id = ANY(%(account_ids)s)
        UNION ALL
        SELECT split_part(t.cause_id, ':', 1)::uuid, x.lot_id, -x.amount
        FROM transfers t
        JOIN entries e ON e.transfer_id = t.id
        JOIN entry_lots x ON x.account_id = e.account_id AND x.seq = e.seq
        WHERE t.cause_type = 'money_back' AND split_part(t.cause_id, ':', 1) = ANY(%(causes)s)
          AND e.account_id = ANY(%(account_ids)s)
    ) AS moved
    GROUP BY payment_id, lot_id
"""


async def lost_lots(conn: sql.Connection, account_ids: list[UUID], payment_ids: list[UUID]) -> list[LostRow]:
    """The payments' own lots on these accounts, and every lot of theirs that the payments' clawbacks took from."""
    causes = [str(payment_id) for payment_id in payment_ids]
    parameters = {"account_ids": account_ids, "payment_ids": payment_ids, "causes": causes}
    return await sql.rows(conn, LostRow, LOST_LOTS, parameters)


@dataclass(frozen=True, slots=True)
class OriginalRow:
    """A past entry with one of the lots it emptied (`share` positive)."""

    entry_id: UUID
    account_id: UUID
    transfer_id: UUID
    kind: str
    credits: int
    lot_id: UUID | None
    share: int | None
    is_reversed: bool


ORIGINALS = """
    SELECT e.id AS entry_id, e.account_id, e.transfer_id, t.kind, -e.amount AS credits, x.lot_id, -x.amount AS share,
           EXISTS (SELECT FROM transfers r WHERE r.reverses = t.id) AS is_reversed
    FROM entries e
    JOIN transfers t ON t.id = e.transfer_id
    LEFT JOIN entry_lots x ON x.account_id = e.account_id AND x.seq = e.seq
    LEFT JOIN lots l ON l.id = x.lot_id
    WHERE e.id = ANY(%s)
    ORDER BY e.id, l.priority, l.expires_at NULLS LAST, l.opened_seq, l.id
"""


async def originals(conn: sql.Connection, entry_ids: list[UUID]) -> list[OriginalRow]:
    """Entries that shall be undone, lots in burn order."""
    return await sql.rows(conn, OriginalRow, ORIGINALS, [entry_ids])


INSERT_TRANSFERS = """
    INSERT INTO transfers (id, debit_account, credit_account, unit, amount, kind, cause_type, cause_id, actor,
            text_digest,
                           reverses, recorded_at)
    SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::text[], %s::bigint[], %s::text[], %s::text[],
            %s::text[],
                         %s::text[], %s::bytea[], %s::uuid[], %s::timestamptz[])
"""


async def insert_transfers(conn: sql.Connection, rows: Rows) -> None:
    """(id, debit, credit, unit, amount, kind, cause type, cause id, actor, text digest, reverses, recorded at)."""
    await sql.send(conn, INSERT_TRANSFERS, sql.columns(rows))


INSERT_TEXTS = """
    INSERT INTO transfer_texts (transfer_id, description, source_id, metadata, salt)
    SELECT * FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::json[], %s::bytea[])
"""


async def insert_texts(conn: sql.Connection, rows: Rows) -> None:
    """(transfer, description, source id, metadata as JSON text, salt)."""
    await sql.send(conn, INSERT_TEXTS, sql.columns(rows))


INSERT_LOTS = """
    INSERT INTO lots (id, account_id, transfer_id, opened_seq, amount, remaining, held, priority, expires_at, source,
                      payment_id, created_at, returns_to, own_expires_at)
    SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],
                         %s::smallint[], %s::timestamptz[], %s::text[], %s::uuid[], %s::timestamptz[], %s::uuid[],
                         %s::timestamptz[])
"""


async def insert_lots(conn: sql.Connection, rows: Rows) -> None:
    """(id, account, transfer, opened seq, amount, remaining, held, priority, ends, source, payment, created, ...).

    The last two are where an allocated lot returns to, and the expiry of its own.
    """
    await sql.send(conn, INSERT_LOTS, sql.columns(rows))


UPDATE_LOTS = """
    UPDATE lots l SET remaining = n.remaining, held = n.held
    FROM unnest(%s::uuid[], %s::bigint[], %s::bigint[]) AS n (id, remaining, held) WHERE l.id = n.id
"""


async def update_lots(conn: sql.Connection, rows: Rows) -> None:
    """(id, remaining, held)."""
    await sql.send(conn, UPDATE_LOTS, sql.columns(rows))


UPDATE_ACCOUNTS = """
    UPDATE accounts a SET balance = n.balance, held = n.held, debt = n.debt, seq = n.seq, head_hash = n.head_hash
    FROM unnest(%s::uuid[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bytea[])
         AS n (id, balance, held, debt, seq, head_hash)
    WHERE a.id = n.id
"""


async def update_accounts(conn: sql.Connection, rows: Rows) -> None:
    """(id, balance, held, debt, seq, head hash)."""
    await sql.send(conn, UPDATE_ACCOUNTS, sql.columns(rows))


INSERT_ENTRIES = """
    INSERT INTO entries (account_id, seq, id, transfer_id, amount, balance_after, debt_change, hash, recorded_at)
    SELECT * FROM unnest(%s::uuid[], %s::bigint[], %s::uuid[], %s::uuid[], %s::bigint[], %s::bigint[], %s::bigint[],
                         %s::bytea[], %s::timestamptz[])
"""


async def insert_entries(conn: sql.Connection, rows: Rows) -> None:
    """(account, seq, id, transfer, amount, balance after, debt change, hash, recorded at)."""
    await sql.send(conn, INSERT_ENTRIES, sql.columns(rows))


INSERT_ENTRY_LOTS = """
    INSERT INTO entry_lots (account_id, seq, lot_id, amount)
    SELECT * FROM unnest(%s::uuid[], %s::bigint[], %s::uuid[], %s::bigint[])
"""


async def insert_entry_lots(conn: sql.Connection, rows: Rows) -> None:
    """(account, seq, lot, amount)."""
    await sql.send(conn, INSERT_ENTRY_LOTS, sql.columns(rows))


INSERT_ALLOCATION_ENDS = """
    INSERT INTO allocation_ends (account_id, seq, lot_id, credits)
    SELECT * FROM unnest(%s::uuid[], %s::bigint[], %s::uuid[], %s::bigint[])
"""


async def insert_allocation_ends(conn: sql.Connection, rows: Rows) -> None:
    """(account, seq, lot, credits)."""
    await sql.send(conn, INSERT_ALLOCATION_ENDS, sql.columns(rows))


INSERT_HOLDS = """
    INSERT INTO holds (id, account_id, kind, amount, captured, status, expires_at, description, payment_id, actor,
                       created_at, closed_at)
    SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::bigint[], %s::bigint[], %s::text[], %s::timestamptz[],
                         %s::text[], %s::uuid[], %s::text[], %s::timestamptz[], %s::timestamptz[])
"""


async def insert_holds(conn: sql.Connection, rows: Rows) -> None:
    """(id, account, kind, amount, captured, status, expires at, description, payment, actor, created at, closed at)."""
    await sql.send(conn, INSERT_HOLDS, sql.columns(rows))


UPDATE_HOLDS = """
    UPDATE holds h SET captured = n.captured, status = n.status, closed_at = n.closed_at
    FROM unnest(%s::uuid[], %s::bigint[], %s::text[], %s::timestamptz[]) AS n (id, captured, status, closed_at)
    WHERE h.id = n.id
"""


async def update_holds(conn: sql.Connection, rows: Rows) -> None:
    """(id, captured, status, closed at)."""
    await sql.send(conn, UPDATE_HOLDS, sql.columns(rows))


INSERT_HOLD_LOTS = """
    INSERT INTO hold_lots (hold_id, lot_id, amount, remaining)
    SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::bigint[], %s::bigint[])
"""


async def insert_hold_lots(conn: sql.Connection, rows: Rows) -> None:
    """(hold, lot, amount, remaining)."""
    await sql.send(conn, INSERT_HOLD_LOTS, sql.columns(rows))


UPDATE_HOLD_LOTS = """
    UPDATE hold_lots p SET remaining = n.remaining
    FROM unnest(%s::uuid[], %s::uuid[], %s::bigint[]) AS n (hold_id, lot_id, remaining)
    WHERE p.hold_id = n.hold_id AND p.lot_id = n.lot_id
"""


async def update_hold_lots(conn: sql.Connection, rows: Rows) -> None:
    """(hold, lot, remaining)."""
    await sql.send(conn, UPDATE_HOLD_LOTS, sql.columns(rows))
