"""The inbox: Stripe's events as rows, by Stripe's id, with what became of each.

Called by topup.flows.receive. A row is written or marked in the transaction of its effect, so a row that says
processed is true.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from topup.db import sql


@dataclass(frozen=True, slots=True)
class Finished:
    """An event that was received and processed, with what became of it. `outcome` is a word of topup.flows.receive."""

    id: str
    type: str
    object_id: str | None
    api_version: str | None
    is_live: bool
    payload: str
    happened_at: datetime
    outcome: str


FINISHED = "SELECT id FROM stripe_events WHERE id = ANY(%s::text[]) AND processed_at IS NOT NULL"


async def finished(conn: sql.Connection, event_ids: Collection[str]) -> set[str]:
    """Which of these were received and processed before."""
    return set(await sql.values(conn, FINISHED, [sql.array([*event_ids])]))


FINISH = """
    INSERT INTO stripe_events AS known (id, type, object_id, api_version, is_live, payload, happened_at, outcome,
                                        processed_at, attempts)
    SELECT *, topup_now(), 1
    FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::boolean[], %s::json[], %s::timestamptz[],
            %s::text[])
    ON CONFLICT (id) DO UPDATE
    SET processed_at = excluded.processed_at, outcome = excluded.outcome, next_try_at = NULL
    WHERE known.processed_at IS NULL
"""


async def finish(conn: sql.Connection, events: Sequence[Finished]) -> None:
    """Store events as processed, or mark those stored unprocessed. Sorted, so that two batches do not deadlock."""
    rows = [
        (e.id, e.type, e.object_id, e.api_version, e.is_live, e.payload, e.happened_at, e.outcome)
        for e in sorted(events, key=lambda event: event.id)
    ]
    await sql.send(conn, FINISH, sql.columns(rows))


FAIL = """
    INSERT INTO stripe_events AS known (id, type, object_id, api_version, is_live, payload, happened_at, attempts,
                                        next_try_at, last_error)
    VALUES (%(id)s, %(type)s, %(object_id)s, %(api_version)s, %(is_live)s, %(payload)s, %(happened_at)s, 1,
            topup_now() + interval '10 seconds', %(error)s)
    ON CONFLICT (id) DO UPDATE SET last_error = excluded.last_error WHERE known.processed_at IS NULL
"""


async def fail(conn: sql.Connection, event: Finished, *, error: str) -> None:
    """Store an event whose effect failed, with the error; it is due again in 10 s. Later tries are `claim`'s."""
    parameters = {
        "id": event.id,
        "type": event.type,
        "object_id": event.object_id,
        "api_version": event.api_version,
        "is_live": event.is_live,
        "payload": event.payload,
        "happened_at": event.happened_at,
        "error": error,
    }
    await sql.run(conn, FAIL, parameters)


ATTEMPTS_MAX = 20


@dataclass(frozen=True, slots=True)
class Claimed:
    """An event that this caller tries now. `attempts` counts this try too."""

    id: str
    type: str
    payload: str
    attempts: int


# Counted before it is tried, so that an event that kills its worker comes to an end too; spread, so that those which
# failed together do not come back together.
CLAIM = """
    UPDATE stripe_events SET attempts = attempts + 1, next_try_at = topup_now()
        + least(interval '10 seconds' * 2 ^ least(attempts, 12), interval '6 hours') * (0.75 + random() / 2)
    WHERE id = (
        SELECT id FROM stripe_events
        WHERE processed_at IS NULL AND payload IS NOT NULL AND next_try_at <= (SELECT topup_now())
          AND attempts < %(attempts_max)s AND (%(event_id)s::text IS NULL OR id = %(event_id)s)
        ORDER BY next_try_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
    )
    RETURNING id, type, payload::text, attempts
"""


async def claim(conn: sql.Connection, *, event_id: str | None = None) -> Claimed | None:
    """Take the event that is due longest, or the one that is named, if it is due; the next try is set meanwhile.

    10 s after the first failure, then twice that, up to 6 h, a quarter more or less; after twenty tries it is dead.
    """
    return await sql.row(conn, Claimed, CLAIM, {"attempts_max": ATTEMPTS_MAX, "event_id": event_id})


NOTE = "UPDATE stripe_events SET last_error = %s WHERE id = %s AND processed_at IS NULL"


async def note(conn: sql.Connection, event_id: str, *, error: str) -> None:
    """What the try that was claimed met."""
    await sql.run(conn, NOTE, [error, event_id])
