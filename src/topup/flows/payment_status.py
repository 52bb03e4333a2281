"""How a payment stands, for the person who made it: what we know, and what Stripe knows when we are still waiting.

The return page asks this again and again, so Stripe is asked at most once a second for each payment, and only while it
is undecided. What Stripe says goes through the webhook's own function, so a lost webhook is healed here (faults 6, 37).
"""

import asyncio
from uuid import UUID

import psycopg_pool
import structlog

from topup import errors
from topup.db import payments, rate_limits
from topup.flows import fulfil
from topup.gateway import protocol

Pool = psycopg_pool.AsyncConnectionPool
log = structlog.get_logger()

UNDECIDED = frozenset({"PENDING", "PROCESSING"})
ASK_EVERY_SECONDS = 1.0
ASK_SECONDS_MAX = 5.0


async def of_session(pool: Pool, stripe: protocol.Stripe, *, user_id: UUID, session_id: str) -> payments.Payment:
    """The person's own payment of a checkout session, refreshed; NotFound when it is not theirs."""
    async with pool.connection() as conn:
        payment = await payments.find_own_by_session(conn, session_id, user_id=user_id)
    if payment is None:
        raise errors.NotFound
    return await refreshed(pool, stripe, payment)


async def refreshed(pool: Pool, stripe: protocol.Stripe, payment: payments.Payment) -> payments.Payment:
    """The payment after a look at Stripe, where that may tell more than we know."""
    session = await _ask(pool, stripe, payment)
    if session is None or session.fact is None:
        return payment
    async with pool.connection() as conn:
        await fulfil.apply(conn, [session.fact])
        return await payments.find(conn, payment.id) or payment


async def _ask(pool: Pool, stripe: protocol.Stripe, payment: payments.Payment) -> protocol.CheckoutSession | None:
    if payment.status not in UNDECIDED or payment.stripe_session_id is None:
        return None
    async with pool.connection() as conn:
        bucket = f"payment_status:{payment.id}"
        if await rate_limits.take(conn, bucket, burst=1, every_seconds=ASK_EVERY_SECONDS):
            return None
    try:
        async with asyncio.timeout(ASK_SECONDS_MAX):
            return await stripe.retrieve_checkout(payment.stripe_session_id)
    except (errors.GatewayError, TimeoutError) as error:
        log.info("payment_not_refreshed", payment_id=str(payment.id), kind=type(error).__name__)
        return None
