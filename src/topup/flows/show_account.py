"""What the account page shows, read at once: figures, the next ends, a page of the statement and the lots behind it.

What is overdue is booked first, so that figures and lines agree with this moment. The statement is paged by its own
dense numbers, so a page costs the same however long it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import psycopg_pool

from topup import errors
from topup.db import holds, ledger, sql, statements
from topup.flows import settle

PAGE_LINES = 20
SOON_DAYS = 30


@dataclass(frozen=True, slots=True)
class StatementPage:
    """Some lines, newest first, the lots they touched, and where the next page begins (None: nothing older)."""

    lines: Sequence[statements.Line]
    moves: Sequence[statements.LotMove]
    older_than_seq: int | None


@dataclass(frozen=True, slots=True)
class Overview:
    """The account at one moment."""

    balance: statements.Balance
    held_for_disputes: int
    expiring: Sequence[statements.Expiring]
    lots: Sequence[statements.LotView]
    statement: StatementPage
    read_at: datetime


async def overview(pool: psycopg_pool.AsyncConnectionPool, *, account_id: UUID, older_than_seq: int | None) -> Overview:
    """Everything the page shows. Raises NotFound where there is no such account."""
    async with pool.connection() as conn:
        await settle.up_to_now(conn, [account_id])
        balance = await statements.balance(conn, account_id)
        if balance is None:
            raise errors.NotFound
        return Overview(
            balance=balance,
            held_for_disputes=await holds.disputed(conn, account_id),
            expiring=await statements.expiring(conn, account_id, within_days=SOON_DAYS),
            lots=await statements.living_lots(conn, account_id),
            statement=await _page(conn, account_id, older_than_seq),
            read_at=await ledger.now(conn),
        )


async def standing(pool: psycopg_pool.AsyncConnectionPool, *, account_id: UUID) -> statements.Balance:
    """What there is to spend now, or is owed. Raises NotFound where there is no such account."""
    async with pool.connection() as conn:
        await settle.up_to_now(conn, [account_id])
        balance = await statements.balance(conn, account_id)
    if balance is None:
        raise errors.NotFound
    return balance


async def _page(conn: sql.Connection, account_id: UUID, older_than_seq: int | None) -> StatementPage:
    before_seq = statements.NEWEST if older_than_seq is None else older_than_seq
    found = await statements.page(conn, account_id, before_seq=before_seq, limit=PAGE_LINES + 1)
    lines = found[:PAGE_LINES]
    moves = await statements.moves(conn, account_id, [line.seq for line in lines])
    return StatementPage(lines, moves, lines[-1].seq if len(found) > PAGE_LINES else None)
