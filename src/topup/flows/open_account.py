"""Opens an account for a user of the host application, or finds the one there is. The same call any number of times.

The host's own id and the unit name the account; address and name are for people to find it by.
"""

from dataclasses import dataclass

import psycopg_pool

from topup import errors
from topup.core import ids
from topup.db import host_accounts, statements
from topup.flows import settle

Pool = psycopg_pool.AsyncConnectionPool


@dataclass(frozen=True, slots=True)
class Opened:
    """The account, and whether this call made it."""

    balance: statements.Balance
    is_new: bool


async def put(pool: Pool, holder: host_accounts.Holder) -> Opened:
    """Open the account or bring its address and name up to date."""
    async with pool.connection() as conn:
        is_new = await host_accounts.open_one(conn, ids.new(), holder)
        if not is_new:
            await host_accounts.rename(conn, holder)
        account_id = await host_accounts.find_id(conn, external_id=holder.external_id, unit=holder.unit)
        if account_id is None:
            raise errors.Broken(f"An account for {holder.external_id} was neither opened nor found.")
        await settle.up_to_now(conn, [account_id])
        balance = await statements.balance(conn, account_id)
    if balance is None:
        raise errors.Broken(f"Account {account_id} went away while it was read.")
    return Opened(balance, is_new)
