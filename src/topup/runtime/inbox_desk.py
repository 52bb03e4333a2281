"""What `topup events` does: opens the database alone, looks at the inbox or replays from it, and puts it into words.

Needs no key of Stripe: an event is applied from its stored body, in the mode that the database remembers.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import psycopg
import psycopg_pool

from topup import errors
from topup.db import app_role, condition, inbox, migrate
from topup.flows import retry_events, show_events
from topup.runtime import house

COLUMNS = ("received", "outcome", "tries", "type", "id")


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[house.Pool]:
    """A pool on a database of today's schema, as the role that cannot rewrite history where that is allowed."""
    await asyncio.to_thread(migrate.ensure_current, url)
    role = f" -c role={app_role.NAME}" if await asyncio.to_thread(app_role.may_wear, url) else ""
    try:
        async with psycopg_pool.AsyncConnectionPool(
            url,
            min_size=1,
            max_size=2,
            timeout=house.WAIT_FOR_CONNECTION_SECONDS,
            kwargs={"options": house.CONNECTION_OPTIONS + role},
            open=False,
            name="events",
        ) as pool:
            yield pool
    except (psycopg.OperationalError, psycopg_pool.PoolTimeout) as fault:
        raise errors.Unavailable("The database cannot be reached, or was lost on the way.") from fault


async def listed(pool: house.Pool, wanted: inbox.Wanted, *, limit: int) -> list[str]:
    """Events as the lines of a table, latest arrival first."""
    rows = await show_events.page(pool, wanted, limit=limit)
    if not rows:
        return ["No such event."]
    table = [COLUMNS, *((_time(r.received_at), r.outcome, str(r.attempts), r.type, r.id) for r in rows)]
    widths = [max(len(line[place]) for line in table) for place in range(len(COLUMNS))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in table]


async def shown(pool: house.Pool, event_id: str) -> list[str]:
    """One event, line by line, and what Stripe said."""
    found = await show_events.show(pool, event_id)
    content = "(pruned)" if found.payload is None else json.dumps(json.loads(found.payload), indent=2)
    return [*_described(found.row), content]


async def replayed(pool: house.Pool, event_id: str) -> tuple[bool, list[str]]:
    """Apply one event again; whether that went well, and the lines that say so."""
    row = await retry_events.replay(pool, event_id, is_live=await _is_live(pool))
    return row.processed_at is not None, _described(row)


async def replayed_failed(pool: house.Pool) -> tuple[bool, list[str]]:
    """Try again everything that failed."""
    tried = await retry_events.replay_failed(pool, is_live=await _is_live(pool))
    return tried.failed == 0, [f"{tried.tried} events replayed, {tried.failed} of them failed again."]


async def _is_live(pool: house.Pool) -> bool:
    async with pool.connection() as conn:
        mode = (await condition.standing(conn)).mode
    if mode is None:
        raise errors.Unavailable("This database belongs to no Stripe account yet: nothing was ever served from it.")
    return mode == "live"


def _described(row: inbox.Row) -> list[str]:
    facts = {
        "id": row.id,
        "type": row.type,
        "object": row.object_id,
        "version": row.api_version,
        "mode": "live" if row.is_live else "test",
        "outcome": row.outcome,
        "tries": row.attempts,
        "happened": _time(row.happened_at),
        "received": _time(row.received_at),
        "processed": _time(row.processed_at) if row.processed_at else None,
        "next try": _time(row.next_try_at) if row.next_try_at and row.outcome == inbox.WAITING else None,
        "last error": row.last_error,
    }
    return [f"{name + ':':<12}{value}" for name, value in facts.items() if value is not None]


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"
