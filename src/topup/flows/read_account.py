"""What a host application reads of an account: its figures, a page of its statement, of its lots, of what it holds.

What is overdue is booked first, so that figures and lines agree with each other and with this moment. A page is found
by the place where the last one ended and costs the same however long the statement is.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID

import psycopg_pool

from topup import errors
from topup.db import accounts, holds, host_accounts, sql, statements
from topup.flows import settle

Pool = psycopg_pool.AsyncConnectionPool


async def figures(pool: Pool, account_id: UUID) -> statements.Balance:
    """The figures of one account. Raises NotFound where there is none."""
    async with pool.connection() as conn:
        await settle.up_to_now(conn, [account_id])
        found = await statements.balance(conn, account_id)
    if found is None:
        raise errors.NotFound
    return found


async def page(
    pool: Pool, *, email: str | None, unit: str | None, before_id: UUID | None, limit: int
) -> list[statements.Balance]:
    """Accounts by address and unit, newest first."""
    async with pool.connection() as conn:
        account_ids = await host_accounts.page_ids(conn, email=email, unit=unit, before_id=before_id, limit=limit)
        await settle.up_to_now(conn, account_ids)
        return await statements.balances(conn, account_ids)


async def transactions(
    pool: Pool, account_id: UUID, *, before_seq: int | None, limit: int
) -> Sequence[statements.Line]:
    """Lines of the statement, newest first."""
    async with _settled(pool, account_id) as conn:
        before_seq = statements.NEWEST if before_seq is None else before_seq
        return await statements.page(conn, account_id, before_seq=before_seq, limit=limit)


async def lots(
    pool: Pool, account_id: UUID, *, before: tuple[int, UUID] | None, limit: int
) -> Sequence[statements.LotView]:
    """Lots with anything in them, newest first."""
    async with _settled(pool, account_id) as conn:
        return await statements.living_lots_by_age(conn, account_id, before=before, limit=limit)


async def open_holds(pool: Pool, account_id: UUID, *, before_id: UUID | None, limit: int) -> Sequence[holds.Hold]:
    """What is set aside, newest first."""
    async with _settled(pool, account_id) as conn:
        return await holds.open_of_account(conn, account_id, before_id=before_id, limit=limit)


async def hold(pool: Pool, hold_id: UUID) -> holds.Hold:
    """One hold, as it stands at this moment."""
    async with pool.connection() as conn:
        found = await holds.find(conn, hold_id)
        if found is not None and found.status == "OPEN":
            await settle.up_to_now(conn, [found.account_id])
            found = await holds.find(conn, hold_id)
    if found is None:
        raise errors.NotFound
    return found


async def stuck_holds(pool: Pool, *, after: tuple[datetime, UUID] | None, limit: int) -> Sequence[holds.Hold]:
    """Holds past their end that nobody has booked, the longest overdue first: a sign that no worker runs."""
    async with pool.connection() as conn:
        return await holds.stuck(conn, after=after, limit=limit)


@asynccontextmanager
async def _settled(pool: Pool, account_id: UUID) -> AsyncIterator[sql.Connection]:
    """A connection for reading an account that there is."""
    async with pool.connection() as conn:
        if await accounts.find(conn, account_id) is None:
            raise errors.NotFound
        await settle.up_to_now(conn, [account_id])
        yield conn
