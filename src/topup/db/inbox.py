"""The inbox as an operator sees and works it: events listed, shown, opened again, and their old payloads pruned.

Rows stay for ever, so that an event which comes again after years is still known. topup.db.events writes them.
"""

from dataclasses import dataclass
from datetime import datetime

from topup.db import events, sql

WAITING, DEAD = "waiting", "dead"
"""What is shown as the outcome of an event without one: it is tried again, or no longer."""


@dataclass(frozen=True, slots=True)
class Row:
    """An event and what became of it. `outcome` is a word of topup.flows.receive, or "waiting" or "dead"."""

    id: str
    type: str
    object_id: str | None
    api_version: str | None
    is_live: bool
    happened_at: datetime
    received_at: datetime
    processed_at: datetime | None
    outcome: str
    attempts: int
    next_try_at: datetime | None
    last_error: str | None
    is_pruned: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events are asked for; None asks for all. `before` is where the last page ended."""

    outcome: str | None = None
    type: str | None = None
    api_version: str | None = None
    before_at: datetime | None = None
    before_id: str | None = None


COLUMNS = """
    id, type, object_id, api_version, is_live, happened_at, received_at, processed_at,
    coalesce(outcome, CASE WHEN attempts < %(attempts_max)s THEN 'waiting' ELSE 'dead' END) AS outcome,
    attempts, next_try_at, last_error, payload IS NULL AS is_pruned
"""
# What waits or is dead stands in an index of its own, which the first condition leads to.
PAGE = (
    "SELECT" + COLUMNS + "FROM stripe_events WHERE"
    " (%(outcome)s::text IS NULL OR (%(is_open)s AND processed_at IS NULL)"
    "  OR (NOT %(is_open)s AND outcome = %(outcome)s))"
    " AND (NOT %(is_open)s OR (attempts < %(attempts_max)s) = (%(outcome)s = 'waiting'))"
    " AND (%(type)s::text IS NULL OR type = %(type)s)"
    " AND (%(api_version)s::text IS NULL OR api_version = %(api_version)s)"
    " AND (%(before_at)s::timestamptz IS NULL"
    "      OR received_at <= %(before_at)s AND (received_at, id) < (%(before_at)s, %(before_id)s))"
    " ORDER BY received_at DESC, id DESC LIMIT %(limit)s"
)


async def page(conn: sql.Connection, wanted: Wanted, *, limit: int) -> list[Row]:
    """The events that are wanted, latest arrival first."""
    parameters = {
        "outcome": wanted.outcome,
        "is_open": wanted.outcome in (WAITING, DEAD),
        "type": wanted.type,
        "api_version": wanted.api_version,
        "before_at": wanted.before_at,
        "before_id": wanted.before_id,
        "attempts_max": events.ATTEMPTS_MAX,
        "limit": limit,
    }
    return await sql.rows(conn, Row, PAGE, parameters)


FIND = "SELECT" + COLUMNS + "FROM stripe_events WHERE id = %(id)s"


async def find(conn: sql.Connection, event_id: str) -> Row | None:
    """One event."""
    return await sql.row(conn, Row, FIND, {"id": event_id, "attempts_max": events.ATTEMPTS_MAX})


PAYLOAD = "SELECT payload::text FROM stripe_events WHERE id = %s"


async def payload(conn: sql.Connection, event_id: str) -> str | None:
    """The very text that Stripe signed; None once it is pruned."""
    found: str | None = await sql.value(conn, PAYLOAD, [event_id])
    return found


REOPEN = """
    UPDATE stripe_events SET processed_at = NULL, outcome = NULL, attempts = 0, next_try_at = topup_now()
    WHERE id = %s AND payload IS NOT NULL
"""


async def reopen(conn: sql.Connection, event_id: str) -> bool:
    """Make an event due now, as if it had just come; False where its payload is gone."""
    return await sql.run(conn, REOPEN, [event_id]) == 1


REOPEN_FAILED = """
    UPDATE stripe_events SET attempts = 0, next_try_at = topup_now() WHERE processed_at IS NULL AND payload IS NOT NULL
"""


async def reopen_failed(conn: sql.Connection) -> int:
    """Make everything due now whose effect failed, whether it is still tried or no longer; how many."""
    return await sql.run(conn, REOPEN_FAILED)


PRUNE = """
    UPDATE stripe_events SET payload = NULL WHERE id IN (
        SELECT id FROM stripe_events
        WHERE payload IS NOT NULL AND processed_at IS NOT NULL
          AND received_at < (SELECT topup_now()) - make_interval(days => %(kept_days)s)
        ORDER BY received_at LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED
    )
"""


async def prune(conn: sql.Connection, *, kept_days: int, limit: int) -> int:
    """Drop the payloads of processed events that came before; how many. What is not processed keeps its own."""
    return await sql.run(conn, PRUNE, {"kept_days": kept_days, "limit": limit})


@dataclass(frozen=True, slots=True)
class Oddities:
    """What came in the last day that Topup was not written for."""

    other_versions: tuple[str, ...]
    unknown_types: tuple[str, ...]


ODD = """
    SELECT coalesce(array_agg(DISTINCT api_version) FILTER (WHERE api_version <> %(version)s), '{}') AS other_versions,
        coalesce(array_agg(DISTINCT type) FILTER (WHERE outcome = 'unknown_type'), '{}') AS unknown_types
    FROM stripe_events WHERE received_at > topup_now() - interval '1 day' AND outcome <> 'ignored'
"""


async def oddities(conn: sql.Connection, *, version: str) -> Oddities:
    """Events of another API version than the one Topup reads, and of types it does not know, for doctor."""
    found = (await sql.rows(conn, dict, ODD, {"version": version}))[0]
    return Oddities(tuple(found["other_versions"]), tuple(found["unknown_types"]))
