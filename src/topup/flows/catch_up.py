"""Looks at Stripe for what no delivery told us: checkouts that were paid, and checkouts that ended.

For deliveries that are lost for good (faults 6, 7). Lists objects, not events, and applies what they say by the
webhook's own function, so running it again or beside a delivery changes nothing. Called by the worker's timer.
"""

from dataclasses import dataclass
from datetime import timedelta

import psycopg_pool
import structlog

from topup import errors
from topup.core.payments import Fact
from topup.db import ledger, payments
from topup.flows import fulfil
from topup.gateway import protocol

Pool = psycopg_pool.AsyncConnectionPool
log = structlog.get_logger()

# A session lives a day. A bank debit settles later, so those on their way are asked for one by one.
LOOK_BACK = timedelta(hours=26)
PAGES_MAX = 100
OVERDUE_MAX = 200


@dataclass(frozen=True, slots=True)
class Found:
    """How many payments a look healed: credited at last, or closed at last."""

    credited: int
    closed: int


async def look(pool: Pool, stripe: protocol.Stripe) -> Found:
    """Compare the last day's checkouts with Stripe's and mend what differs."""
    credited = await _completed(pool, stripe)
    return Found(credited, await _overdue(pool, stripe))


async def _completed(pool: Pool, stripe: protocol.Stripe) -> int:
    async with pool.connection() as conn:
        since = await ledger.now(conn) - LOOK_BACK
    credited, after_id = 0, None
    for _ in range(PAGES_MAX):
        page = await stripe.list_completed_checkouts(since=since, after_id=after_id)
        if not page:
            break
        credited += await _apply(pool, [session.fact for session in page if session.fact is not None])
        after_id = page[-1].id
    return credited


async def _overdue(pool: Pool, stripe: protocol.Stripe) -> int:
    """Ask for each checkout whose end we wait for; close those for which there never was a session."""
    async with pool.connection() as conn:
        late = await payments.overdue_checkouts(conn, limit=OVERDUE_MAX)
        unopened = [payment.id for payment in late if payment.stripe_session_id is None]
        closed = await payments.expire_unopened(conn, unopened) if unopened else 0
    for session_id in [payment.stripe_session_id for payment in late if payment.stripe_session_id is not None]:
        try:
            session = await stripe.retrieve_checkout(session_id)
        except errors.GatewayError as fault:
            if fault.is_retryable:
                raise
            log.warning("session_not_read", session_id=session_id, code=fault.code)
            continue
        closed += await _apply(pool, [session.fact] if session.fact is not None else [])
    return closed


async def _apply(pool: Pool, facts: list[Fact]) -> int:
    """Apply facts in one transaction; how many changed something."""
    if not facts:
        return 0
    async with pool.connection() as conn:
        outcomes = await fulfil.apply(conn, facts)
    healed = [outcome for outcome in outcomes if outcome.word in ("credited", "changed", "review")]
    for outcome in healed:
        log.warning("payment_healed", payment_id=str(outcome.payment_id), outcome=outcome.word)
    return len(healed)
