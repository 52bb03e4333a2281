"""An account as the desk shows it: whose it is, its figures and statement, what was bought for it, what is held.

For admins alone; the caller sees to that. Only reads, but for booking what is overdue.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import psycopg_pool

from topup import errors
from topup.db import holders, holds, payments
from topup.flows import show_account

PAYMENTS_MAX = 20
HOLDS_MAX = 20


@dataclass(frozen=True, slots=True)
class Shown:
    """The account and what belongs to it, the newest of each."""

    holder: holders.Holder
    overview: show_account.Overview
    payments: Sequence[payments.Payment]
    holds: Sequence[holds.Hold]


async def show(pool: psycopg_pool.AsyncConnectionPool, account_id: UUID, *, older_than_seq: int | None) -> Shown:
    """Everything the page shows. Raises NotFound where there is no such account."""
    overview = await show_account.overview(pool, account_id=account_id, older_than_seq=older_than_seq)
    async with pool.connection() as conn:
        holder = await holders.find(conn, account_id)
        if holder is None:
            raise errors.NotFound
        return Shown(
            holder=holder,
            overview=overview,
            payments=await payments.list_of_account(
                conn,
                account_id,
                user_id=holder.user_id,
                institution_id=holder.institution_id,
                limit=PAYMENTS_MAX,
            ),
            holds=await holds.open_of_account(conn, account_id, before_id=None, limit=HOLDS_MAX),
        )


async def holder(pool: psycopg_pool.AsyncConnectionPool, account_id: UUID) -> holders.Holder:
    """Whose account it is. Raises NotFound where there is none."""
    async with pool.connection() as conn:
        found = await holders.find(conn, account_id)
    if found is None:
        raise errors.NotFound
    return found


async def holders_of(
    pool: psycopg_pool.AsyncConnectionPool, bought: Sequence[payments.Payment]
) -> Mapping[UUID, holders.Holder]:
    """Whose accounts these payments are for, by account."""
    account_ids = sorted({one.account_id for one in bought})
    if not account_ids:
        return {}
    async with pool.connection() as conn:
        return {one.account_id: one for one in await holders.of_accounts(conn, account_ids)}
