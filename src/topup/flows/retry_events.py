"""Tries events again whose effect failed: by themselves with growing pauses, or at once when an operator asks.

One at a time and each in its own transactions, so that a poisoned one holds up no other. After twenty tries an event is
dead: kept, shown, told to the admins once, and tried again only when somebody replays it (faults 15).
"""

from dataclasses import dataclass

import psycopg
import psycopg_pool
import structlog

from topup import errors
from topup.core import mails
from topup.db import events, inbox, outbox
from topup.flows import receive

Pool = psycopg_pool.AsyncConnectionPool
log = structlog.get_logger()

FAILED = "failed"
LOST = (psycopg.OperationalError, psycopg_pool.PoolTimeout)


@dataclass(frozen=True, slots=True)
class Tried:
    """How many were tried, and how many of them failed again."""

    tried: int
    failed: int


async def due(pool: Pool, *, is_live: bool, limit: int = 100) -> Tried:
    """Try what is due, longest waiting first. One that meets a lock or a lost connection stops no other.

    Such a fault is raised at the end, so that whoever calls this again and again pauses first.
    """
    tried, failed, faults = 0, 0, list[Exception]()
    while tried < limit and (claimed := await _claim(pool)) is not None:
        tried += 1
        try:
            word = await _try(pool, claimed, is_live=is_live)
        except LOST as fault:
            faults.append(fault)
            word = FAILED
        failed += word == FAILED
    if faults:
        raise faults[0]
    return Tried(tried, failed)


async def replay(pool: Pool, event_id: str, *, is_live: bool) -> inbox.Row:
    """Apply an event again now, processed or not, and say what became of it. What it did before it does not do twice.

    NotFound where there is none, Conflict `event_pruned` where only its id is left.
    """
    async with pool.connection() as conn:
        known = await inbox.find(conn, event_id)
        if known is None:
            raise errors.NotFound
        if not await inbox.reopen(conn, event_id):
            told = "The content of this event was pruned after its time; only its id is kept, so it cannot be replayed."
            raise errors.Conflict(told, code="event_pruned")
        claimed = await events.claim(conn, event_id=event_id)
    if claimed is not None:
        log.info("event_replayed", event_id=event_id, event_type=claimed.type, before=known.outcome)
        await _try(pool, claimed, is_live=is_live)
    async with pool.connection() as conn:
        return await inbox.find(conn, event_id) or known


async def replay_failed(pool: Pool, *, is_live: bool) -> Tried:
    """Try everything again that failed, dead or waiting, each once."""
    async with pool.connection() as conn:
        reopened = await inbox.reopen_failed(conn)
    return await due(pool, is_live=is_live, limit=reopened)


async def _claim(pool: Pool) -> events.Claimed | None:
    async with pool.connection() as conn:
        return await events.claim(conn)


async def _try(pool: Pool, claimed: events.Claimed, *, is_live: bool) -> str:
    """What became of it; whatever stands in the way is noted at the event. A fault that may pass is raised again."""
    try:
        [word] = await receive.receive(pool, [_read(claimed)], is_live=is_live)
    except LOST as fault:
        await _note(pool, claimed, fault)
        raise
    except (errors.Broken, ValueError, RecursionError) as fault:
        await _note(pool, claimed, fault)
        word = FAILED
    if word == FAILED and claimed.attempts >= events.ATTEMPTS_MAX:
        await _bury(pool, claimed)
    return word


def _read(claimed: events.Claimed) -> receive.Delivery:
    delivery = receive.read(claimed.payload)
    if delivery is None:
        raise errors.Broken("What is stored is not an event that can be read.")
    return delivery


async def _note(pool: Pool, claimed: events.Claimed, fault: Exception) -> None:
    async with pool.connection() as conn:
        await events.note(conn, claimed.id, error=f"{type(fault).__name__}: {fault}"[: receive.ERROR_LENGTH_MAX])


async def _bury(pool: Pool, claimed: events.Claimed) -> None:
    """Tell the admins, once for each event."""
    log.error("event_dead", event_id=claimed.id, event_type=claimed.type, attempts=claimed.attempts)
    async with pool.connection() as conn:
        found = await inbox.find(conn, claimed.id)
        details = {
            "title": "An event of Stripe could not be applied",
            "intro": f"It was tried {claimed.attempts} times and is tried no longer. Credits may be paid and missing.",
            "lines": [f"{claimed.type}: {claimed.id}", f"Last error: {found.last_error if found else 'unknown'}"],
            "hint": f"Mend the cause, then run: topup events replay {claimed.id}",
        }
        await outbox.put_for_admins(conn, kind=mails.ATTENTION, cause=f"event:{claimed.id}", details=details)
