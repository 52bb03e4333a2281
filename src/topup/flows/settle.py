"""Books what is overdue: credits that expired leave their lot, holds that ended give back what they held.

Bookkeeping only: expired credits cannot be spent whether this has run or not (faults 40, 41). It touches nothing but
the overdue lots and holds themselves, under the account's lock, so it may run twice, at once, or a week late. `sweep`
is the worker's, once a minute; `up_to_now` lets a reader see the books as they stand at this moment.
"""

from collections.abc import Sequence
from uuid import UUID

import psycopg_pool

from topup.db import overdue, sql
from topup.ledger import commands, journal

Pool = psycopg_pool.AsyncConnectionPool
LISTED_ACCOUNTS = 10_000
BATCH_ACCOUNTS = 50
_FIRST = UUID(int=0)


async def sweep(pool: Pool) -> int:
    """Settle every account on which something is overdue, in the order of their ids; how many there were.

    One that cannot be settled stops no other; its fault is raised when all are done.
    """
    after_id, settled, faults = _FIRST, 0, list[Exception]()
    while account_ids := await _listed(pool, after_id):
        for start in range(0, len(account_ids), BATCH_ACCOUNTS):
            faults += await _settle_each(pool, account_ids[start : start + BATCH_ACCOUNTS])
        after_id = account_ids[-1]
        settled += len(account_ids)
    if faults:
        raise faults[0]
    return settled


async def up_to_now(conn: sql.Connection, account_ids: Sequence[UUID]) -> None:
    """Settle those of a few accounts that need it, in the caller's transaction; mostly one quick look."""
    account_ids = await overdue.among(conn, account_ids)
    if account_ids:
        await _post(conn, account_ids)


async def _listed(pool: Pool, after_id: UUID) -> list[UUID]:
    async with pool.connection() as conn:
        return await overdue.next_accounts(conn, after_id=after_id, limit=LISTED_ACCOUNTS)


async def _settle_each(pool: Pool, account_ids: Sequence[UUID]) -> list[Exception]:
    """Settle some accounts in one transaction; where that fails, each in its own. What stood in the way."""
    try:
        async with pool.connection() as conn:
            await _post(conn, account_ids)
    except Exception as fault:  # noqa: BLE001 - whatever it is, the others are still overdue
        if len(account_ids) == 1:
            return [fault]
        return [found for one in account_ids for found in await _settle_each(pool, [one])]
    return []


async def _post(conn: sql.Connection, account_ids: Sequence[UUID]) -> None:
    await journal.post(conn, [commands.Settle(account_id) for account_id in account_ids])
