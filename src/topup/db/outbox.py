"""What must leave the house after a commit, as rows: written with their cause, claimed under a lease, marked when sent.

`put` and `put_many` belong in the caller's transaction, so that a message exists exactly when its cause does; a cause
told twice is one message. The other functions are topup.flows.send_mails' alone, but for `give_up_all`, a restore's. A
claim is a lease: whoever dies with it loses it when next_try_at passes, and a failure counts only for the attempt that
was claimed.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from topup.core import ids, mails
from topup.db import sql


@dataclass(frozen=True, slots=True)
class Message:
    """One message to be sent because of one cause. `details` is JSON; `kind` is one of topup.core.mails."""

    kind: str
    cause: str
    recipient: str
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that this worker may send until its lease ends. `attempts` counts this attempt too."""

    id: UUID
    kind: str
    recipient: str
    details: dict[str, Any]
    age_seconds: float
    attempts: int


async def put(conn: sql.Connection, *, kind: str, cause: str, recipient: str, details: Mapping[str, Any]) -> bool:
    """Write one message in the caller's transaction; False when this cause was told before."""
    return await put_many(conn, [Message(kind, cause, recipient, details)]) == 1


PUT_MANY = """
    INSERT INTO outbox (id, kind, cause, recipient, details, is_urgent)
    SELECT * FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::text[], %s::jsonb[], %s::boolean[])
    ON CONFLICT (kind, cause) DO NOTHING
"""


async def put_many(conn: sql.Connection, messages: Sequence[Message]) -> int:
    """Write messages in one statement; the number that were new."""
    return await sql.run(conn, PUT_MANY, _columns(messages)) if messages else 0


async def send_many(conn: sql.Connection, messages: Sequence[Message]) -> None:
    """The same for those who need not know how many were new: within a pipeline it waits for nothing."""
    if messages:
        await sql.send(conn, PUT_MANY, _columns(messages))


def _columns(messages: Sequence[Message]) -> list[str]:
    """Sorted, so that two batches never deadlock."""
    ordered = sorted(messages, key=lambda message: (message.kind, message.cause))
    rows = [(ids.new(), m.kind, m.cause, m.recipient, json.dumps(m.details), m.kind in mails.URGENT) for m in ordered]
    return sql.columns(rows)


PUT_FOR_ADMINS = """
    INSERT INTO outbox (id, kind, cause, recipient, details, is_urgent)
    SELECT gen_random_uuid(), %(kind)s, %(cause)s || ':' || id, email, %(details)s, false
    FROM users WHERE is_admin AND disabled_at IS NULL ORDER BY id
    ON CONFLICT (kind, cause) DO NOTHING
"""


async def put_for_admins(conn: sql.Connection, *, kind: str, cause: str, details: Mapping[str, Any]) -> int:
    """Write one message to each admin there is now; the number that were new."""
    return await sql.run(conn, PUT_FOR_ADMINS, {"kind": kind, "cause": cause, "details": Jsonb(dict(details))})


# The sub-select makes the time one value for the statement, so that the index serves it.
CLAIM = """
    WITH due AS (
        SELECT id FROM outbox
        WHERE sent_at IS NULL AND given_up_at IS NULL AND next_try_at <= (SELECT topup_now())
        ORDER BY is_urgent DESC, next_try_at LIMIT %(messages_max)s FOR UPDATE SKIP LOCKED
    )
    UPDATE outbox SET attempts = attempts + 1, next_try_at = topup_now() + %(lease)s
    FROM due WHERE outbox.id = due.id
    RETURNING outbox.id, kind, recipient, details, attempts,
        extract(epoch FROM topup_now() - created_at)::float8 AS age_seconds
"""


async def claim(conn: sql.Connection, *, messages_max: int, lease: timedelta) -> list[Claimed]:
    """Take what is due, urgent kinds first. Counted here, so that a message that kills its worker is given up too."""
    return await sql.rows(conn, Claimed, CLAIM, {"messages_max": messages_max, "lease": lease})


MARK_SENT = """
    UPDATE outbox SET sent_at = topup_now(), last_error = NULL,
        details = CASE WHEN kind = ANY(%(secret_kinds)s) THEN '{}' ELSE details END
    WHERE id = %(id)s AND sent_at IS NULL
"""


async def mark_sent(conn: sql.Connection, message_id: UUID) -> None:
    """The message is out, whoever's attempt it was; a secret among its details is wiped."""
    await sql.run(conn, MARK_SENT, {"id": message_id, "secret_kinds": list(mails.SECRET)})


MARK_FAILED = """
    UPDATE outbox SET next_try_at = topup_now() + %(retry_after)s, last_error = %(error)s
    WHERE id = %(id)s AND attempts = %(attempts)s AND sent_at IS NULL AND given_up_at IS NULL
"""


async def mark_failed(conn: sql.Connection, claimed: Claimed, *, error: str, retry_after: timedelta) -> None:
    """This attempt failed; another is due later. Nothing happens when the lease was lost to somebody else."""
    parameters = {"id": claimed.id, "attempts": claimed.attempts, "error": error, "retry_after": retry_after}
    await sql.run(conn, MARK_FAILED, parameters)


GIVE_UP = """
    UPDATE outbox SET given_up_at = topup_now(), last_error = %(error)s,
        details = CASE WHEN kind = ANY(%(secret_kinds)s) THEN '{}' ELSE details END
    WHERE id = %(id)s AND attempts = %(attempts)s AND sent_at IS NULL AND given_up_at IS NULL
"""


async def give_up(conn: sql.Connection, claimed: Claimed, *, error: str) -> None:
    """No further attempt. The row stays, with its error, for `topup doctor` and the admin to show."""
    parameters = {"id": claimed.id, "attempts": claimed.attempts, "error": error, "secret_kinds": list(mails.SECRET)}
    await sql.run(conn, GIVE_UP, parameters)


GIVE_UP_ALL = """
    UPDATE outbox SET given_up_at = topup_now(), last_error = %(error)s,
        details = CASE WHEN kind = ANY(%(secret_kinds)s) THEN '{}' ELSE details END
    WHERE sent_at IS NULL AND given_up_at IS NULL
"""


async def give_up_all(conn: sql.Connection, *, error: str) -> int:
    """No further attempt at anything that waits; the number given up."""
    return await sql.run(conn, GIVE_UP_ALL, {"error": error, "secret_kinds": list(mails.SECRET)})


FORGET = """
    UPDATE outbox SET recipient = '', details = '{}'
    WHERE coalesce(sent_at, given_up_at) < topup_now() - %s AND recipient <> ''
"""


async def forget(conn: sql.Connection, *, older_than: timedelta) -> int:
    """Blank whom finished messages went to and what they said; the number blanked."""
    return await sql.run(conn, FORGET, [older_than])


@dataclass(frozen=True, slots=True)
class Backlog:
    """How the outbox stands: what waits, how old the oldest of it is, and what was given up in seven days."""

    waiting: int
    oldest_seconds: float
    given_up: int
    last_error: str | None


BACKLOG = """
    SELECT count(*) FILTER (WHERE given_up_at IS NULL) AS waiting,
        coalesce(extract(epoch FROM topup_now() - min(created_at) FILTER (WHERE given_up_at IS NULL)), 0)::float8
            AS oldest_seconds,
        count(*) FILTER (WHERE given_up_at > topup_now() - interval '7 days') AS given_up,
        (array_agg(last_error ORDER BY next_try_at DESC) FILTER (WHERE last_error IS NOT NULL))[1] AS last_error
    FROM outbox WHERE sent_at IS NULL
"""


async def backlog(conn: sql.Connection) -> Backlog:
    """For doctor, readiness and metrics."""
    return (await sql.rows(conn, Backlog, BACKLOG))[0]
