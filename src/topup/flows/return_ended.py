"""Returns to their pools what students may no longer use: what an allocation's end left over, what came free too late.

Ended sessions cannot be spent whether this has run or not: the ledger expires them like any others and notes each line
that did. Each such line comes back once, with the lot's own expiry; where that had passed too, it stays expired. Run by
the worker every minute; it may run twice, at once, or a week late.
"""

from collections.abc import Sequence
from uuid import UUID

import psycopg_pool

from topup import errors
from topup.db import allocation_ends, allocations, sql
from topup.db.allocation_ends import End
from topup.flows import settle, take_back
from topup.ledger import commands, journal

Pool = psycopg_pool.AsyncConnectionPool
BATCH = 500


async def sweep(pool: Pool) -> int:
    """Return all that is due; how many sessions went back."""
    while await _close_ended(pool) == BATCH:
        pass
    returned = 0
    while batch := await _return_some(pool):
        returned += sum(batch)
    return returned + await _return_strays(pool)


async def _close_ended(pool: Pool) -> int:
    """Book what ended on the accounts concerned, and close the allocations of which nothing is on hold; how many."""
    async with pool.connection() as conn:
        given = await allocations.lock(conn, await allocation_ends.ended(conn, limit=BATCH))
        await settle.up_to_now(conn, [one.account_id for one in given])
        done = await allocation_ends.without_lots(conn, [one.id for one in given])
        if done:
            await allocations.close(conn, [(allocation_id, 0) for allocation_id in done])
    return len(done)


async def _return_some(pool: Pool) -> list[int]:
    """One transaction of it: what each line returned."""
    async with pool.connection() as conn:
        ends = await allocation_ends.lock_due(conn, limit=BATCH)
        if not ends:
            return []
        await allocations.lock(conn, [end.allocation_id for end in ends if end.allocation_id is not None])
        outcomes = await journal.post(conn, [_credit(end) for end in ends])
        returned = [_returned(end, outcome) for end, outcome in zip(ends, outcomes, strict=True)]
        await _count(conn, ends, returned)
        await allocation_ends.settle(conn, ends)
    return returned


def _credit(end: End) -> commands.Credit:
    return commands.Credit(
        account_id=end.returns_to,
        credits=end.credits,
        kind="TRANSFER",
        cause=commands.Cause("allocation_end", f"{end.lot_id}:{end.seq}"),
        actor="topup",
        priority=end.priority,
        expires_at=end.own_expires_at,
        payment_id=end.payment_id,
        text=commands.Text("Unused sessions of an allocation that ended"),
        source=end.source,
    )


def _returned(end: End, outcome: commands.Outcome) -> int:
    if isinstance(outcome, commands.Done):
        return end.credits
    if outcome.code != "already_expired":
        raise errors.Broken(f"The end of lot {end.lot_id} could not be returned: {outcome.code}.")
    return 0


async def _count(conn: sql.Connection, ends: Sequence[End], returned: Sequence[int]) -> None:
    rows: list[tuple[UUID, int, int]] = [
        (end.allocation_id, back, end.credits - back)
        for end, back in zip(ends, returned, strict=True)
        if end.allocation_id is not None
    ]
    if rows:
        await allocation_ends.count(conn, rows)


async def _return_strays(pool: Pool) -> int:
    """Take back what came free on closed allocations."""
    async with pool.connection() as conn:
        strays = await allocation_ends.strays(conn, limit=BATCH)
        if not strays:
            return 0
        await allocations.lock(conn, [stray.allocation_id for stray in strays])
        asked = [
            take_back.command_for(stray.account_id, stray.returns_to, stray.transfer_id, actor="topup")
            for stray in strays
        ]
        back = [take_back.returned_by(outcome) for outcome in await journal.post(conn, asked)]
        await allocations.close(conn, [(stray.allocation_id, one) for stray, one in zip(strays, back, strict=True)])
    return sum(back)
