"""Refunds as rows: those asked for here, from before Stripe is asked, and those made at Stripe, as they are listed.

Written under the payment's lock. `asked_by` and `request_key` say who wanted one of ours and under which key, so that
one key is one refund (faults 49).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from uuid import UUID

from topup.core import ids
from topup.db import sql


@dataclass(frozen=True, slots=True)
class Refund:
    """One refund. Its status is "requested" or "refused" (ours, not at Stripe), else Stripe's word."""

    id: UUID
    payment_id: UUID
    stripe_refund_id: str | None
    stripe_intent_id: str
    amount_minor: int
    currency: str
    status: str
    reason: str | None
    asked_by: str | None
    failure: str | None
    created_at: datetime
    attempts: int


COLUMNS = """
    id, payment_id, stripe_refund_id, stripe_intent_id, amount_minor, currency, status, reason, asked_by, failure,
    created_at, attempts
"""


@dataclass(frozen=True, slots=True)
class Request:
    """A refund that somebody asks for here."""

    id: UUID
    payment_id: UUID
    stripe_intent_id: str
    amount_minor: int
    currency: str
    reason: str
    asked_by: str
    request_key: bytes | None


# The lease is as long as one call to Stripe may take: after it the worker asks again, under the same key.
INSERT = """
    INSERT INTO refunds (id, payment_id, stripe_intent_id, amount_minor, currency, status, reason, asked_by,
                         request_key, next_try_at)
    VALUES (%(id)s, %(payment_id)s, %(stripe_intent_id)s, %(amount_minor)s, %(currency)s, 'requested', %(reason)s,
            %(asked_by)s, %(request_key)s, topup_now() + interval '30 seconds')
    ON CONFLICT (request_key) DO NOTHING
"""


async def insert(conn: sql.Connection, request: Request) -> bool:
    """Write one that Stripe is to be asked for next; False when the same request has written one already."""
    return await sql.run(conn, INSERT, asdict(request)) == 1


FIND = "SELECT" + COLUMNS + "FROM refunds WHERE id = %s"


async def find(conn: sql.Connection, refund_id: UUID) -> Refund | None:
    """One refund by our id."""
    return await sql.row(conn, Refund, FIND, [refund_id])


FIND_BY_REQUEST = "SELECT" + COLUMNS + "FROM refunds WHERE request_key = %s"


async def find_by_request(conn: sql.Connection, request_key: bytes) -> Refund | None:
    """What a request with an idempotency key has asked for."""
    return await sql.row(conn, Refund, FIND_BY_REQUEST, [request_key])


OF_PAYMENT = "SELECT" + COLUMNS + "FROM refunds WHERE payment_id = %s ORDER BY created_at, id"


async def of_payment(conn: sql.Connection, payment_id: UUID) -> list[Refund]:
    """All refunds of a payment, oldest first."""
    return await sql.rows(conn, Refund, OF_PAYMENT, [payment_id])


@dataclass(frozen=True, slots=True)
class Told:
    """A refund as Stripe lists it. `id` is our row's, where its metadata names one of this payment."""

    id: UUID | None
    stripe_refund_id: str
    stripe_intent_id: str
    amount_minor: int
    currency: str
    status: str
    reason: str | None
    failure: str | None
    created_at: datetime


# One of ours is found by the id in its metadata; the sum must agree, since metadata can be copied in the dashboard.
ADOPT = """
    UPDATE refunds SET stripe_refund_id = %(stripe_refund_id)s, status = %(status)s, failure = %(failure)s,
                       next_try_at = NULL
    WHERE id = %(id)s AND payment_id = %(payment_id)s AND amount_minor = %(amount_minor)s
      AND (stripe_refund_id IS NULL OR stripe_refund_id = %(stripe_refund_id)s)
      AND NOT EXISTS (SELECT FROM refunds o WHERE o.stripe_refund_id = %(stripe_refund_id)s AND o.id <> refunds.id)
"""
UPSERT = """
    INSERT INTO refunds (id, payment_id, stripe_refund_id, stripe_intent_id, amount_minor, currency, status, reason,
                         failure, created_at)
    VALUES (%(new_id)s, %(payment_id)s, %(stripe_refund_id)s, %(stripe_intent_id)s, %(amount_minor)s, %(currency)s,
            %(status)s, %(reason)s, %(failure)s, %(created_at)s)
    ON CONFLICT (stripe_refund_id) DO UPDATE SET status = excluded.status, failure = excluded.failure
    WHERE refunds.payment_id = excluded.payment_id
"""


async def keep(conn: sql.Connection, payment_id: UUID, told: Sequence[Told]) -> None:
    """Write what Stripe lists, over what was known of the same refunds."""
    for one in told:
        row = {**asdict(one), "payment_id": payment_id, "new_id": ids.new()}
        if one.id is None or not await sql.run(conn, ADOPT, row):
            await sql.run(conn, UPSERT, row)


REFUSE = """
    UPDATE refunds SET status = 'refused', failure = %(failure)s, next_try_at = NULL
    WHERE id = %(id)s AND status = 'requested'
"""


async def refuse(conn: sql.Connection, refund_id: UUID, *, failure: str) -> bool:
    """A refund of ours will not happen; False when it is decided already."""
    return await sql.run(conn, REFUSE, {"id": refund_id, "failure": failure}) == 1


CLAIM = """
    UPDATE refunds SET attempts = attempts + 1, next_try_at = topup_now() + %(lease)s
    WHERE id IN (SELECT id FROM refunds WHERE status = 'requested' AND next_try_at <= (SELECT topup_now())
                 ORDER BY next_try_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
    RETURNING id, payment_id, stripe_refund_id, stripe_intent_id, amount_minor, currency, status, reason, asked_by,
        failure, created_at, attempts
"""


async def claim_unanswered(conn: sql.Connection, *, lease: timedelta, limit: int) -> list[Refund]:
    """Refunds of ours whose answer nobody has written, each for one worker until the lease ends."""
    return await sql.rows(conn, Refund, CLAIM, {"lease": lease, "limit": limit})


RETRY_LATER = "UPDATE refunds SET next_try_at = topup_now() + %(wait)s WHERE id = %(id)s AND status = 'requested'"


async def retry_later(conn: sql.Connection, refund_id: UUID, *, wait: timedelta) -> None:
    """Ask again after a while."""
    await sql.run(conn, RETRY_LATER, {"id": refund_id, "wait": wait})
