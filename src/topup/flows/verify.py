"""Checks everything that must hold of the data while the system runs, and freezes the accounts on which it does not.

One snapshot for all checks; a breach is looked at again under its account's lock before that account is frozen: what
comes in still lands, nothing more goes out, and every other account goes on. Called by `topup verify` and every night
by the worker.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import psycopg_pool

from topup import errors
from topup.core import anchors
from topup.db import accounts, chain_heads
from topup.ledger import audit

Pool = psycopg_pool.AsyncConnectionPool
CONNECTIONS = 3


@dataclass(frozen=True, slots=True)
class Report:
    """What was found. `late` is work left undone, which may be well in a minute; `heads` is what an anchor keeps."""

    breaches: tuple[audit.Breach, ...]
    late: tuple[audit.Breach, ...]
    frozen: frozenset[UUID]
    heads: Sequence[anchors.Head] = field(repr=False)


async def verify(pool: Pool, *, anchored: Sequence[anchors.Head] = ()) -> Report:
    """Look, look again, freeze. `anchored` are the heads that an earlier anchor kept."""
    async with contextlib.AsyncExitStack() as stack:
        conns = [await stack.enter_async_context(pool.connection()) for _ in range(min(CONNECTIONS, pool.max_size))]
        found = await audit.look(conns, anchored)
        heads = await chain_heads.heads(conns[0])
    breaches = [breach for breach in found if not breach.may_be_late]
    frozen = {
        account_id
        for account_id in sorted({breach.account_id for breach in breaches if breach.account_id})
        if await _freeze(pool, account_id, [one for one in breaches if one.account_id == account_id], anchored)
    }
    late = tuple(breach for breach in found if breach.may_be_late)
    return Report(tuple(breaches), late, frozenset(frozen), heads)


async def watch(pool: Pool) -> None:
    """Verify by night. Raises Broken with the names of what does not hold, so that the worker's heartbeat shows it."""
    report = await verify(pool)
    if report.breaches:
        names = ", ".join(sorted({breach.name for breach in report.breaches}))
        raise errors.Broken(f"Broken: {names}. {len(report.frozen)} accounts are frozen; `topup verify` tells more.")


async def _freeze(
    pool: Pool, account_id: UUID, breaches: Sequence[audit.Breach], anchored: Sequence[anchors.Head]
) -> bool:
    """Freeze an account if what was found on it is still so under its lock; whether it was."""
    async with pool.connection() as conn:
        still = await audit.look_again(conn, account_id, [breach.name for breach in breaches], anchored)
        if not still:
            return False
        reason = "; ".join(sorted({f"{breach.name}: {breach.what}" for breach in still}))
        return await accounts.freeze(conn, account_id, reason=reason)
