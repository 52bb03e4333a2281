"""A person's own credits for the JSON interface: the figures, what ends soon, and the statement page by page.

What is overdue is booked first, so that figures and lines agree with this moment. Called by topup.web.api.credits;
pages have show_account, which reads more at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from psycopg_pool import AsyncConnectionPool

from topup import errors
from topup.db import statements
from topup.flows import settle

SOON_DAYS = 30


@dataclass(frozen=True, slots=True)
class Credits:
    """The figures at one moment."""

    balance: statements.Balance
    expiring: Sequence[statements.Expiring]


async def figures(pool: AsyncConnectionPool, *, account_id: UUID) -> Credits:
    """Balance, and what ends within `SOON_DAYS`."""
    async with pool.connection() as conn:
        await settle.up_to_now(conn, [account_id])
        balance = await statements.balance(conn, account_id)
        if balance is None:
            raise errors.NotFound
        return Credits(balance, await statements.expiring(conn, account_id, within_days=SOON_DAYS))


async def lines(
    pool: AsyncConnectionPool, *, account_id: UUID, before_seq: int | None, limit: int
) -> Sequence[statements.Line]:
    """Statement lines, newest first; `before_seq` is the last one that was seen."""
    async with pool.connection() as conn:
        await settle.up_to_now(conn, [account_id])
        return await statements.page(conn, account_id, before_seq=before_seq or statements.NEWEST, limit=limit)
