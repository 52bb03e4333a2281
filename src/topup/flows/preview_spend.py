"""What a spend would do, without doing it: whether it would go through, and which lots would pay.

Decided by the ledger's own rules on one moment's state, with nothing locked and nothing written; the next moment may
differ, so only the spend itself is a promise.
"""

from dataclasses import dataclass
from uuid import UUID

import psycopg_pool

from topup import errors
from topup.db import snapshots
from topup.ledger import book, commands, journal

Pool = psycopg_pool.AsyncConnectionPool


@dataclass(frozen=True, slots=True)
class Share:
    """What one lot would pay."""

    lot: book.Lot
    credits: int


@dataclass(frozen=True, slots=True)
class Preview:
    """`reason` is the word of the refusal, None when it would go through."""

    reason: str | None
    shares: tuple[Share, ...]
    available_after: int


async def preview(pool: Pool, account_id: UUID, *, credits_wanted: int) -> Preview:
    """Try a spend out. Raises NotFound where there is no such account."""
    command = commands.Spend(account_id, credits_wanted, commands.Cause("preview", str(account_id)), "nobody")
    async with pool.connection() as conn:
        await snapshots.begin(conn)
        outcome, tried = await journal.try_out(conn, command)
    account = tried.accounts.get(account_id)
    if account is None:
        raise errors.NotFound
    if isinstance(outcome, commands.Denied):
        return Preview(outcome.code, (), account.available())
    moves = tried.lines[-1].lot_moves
    return Preview(None, tuple(Share(tried.lots[lot_id], -change) for lot_id, change in moves), account.available())
