"""How a payment stands, for the person who made it: what we know, and what Stripe knows when we are still waiting.

The return page asks this again and again, so Stripe is asked at most once a second for each payment, and only while it
is undecided. What Stripe says goes through the webhook's own function, so a lost webhook is healed here (faults 6, 37).
"""

import asyncio
import functools
from collections.abc import Awaitable, Callable
from uuid import UUID

import psycopg_pool
import structlog

from topup import errors
from topup.core import facts
from topup.core.payments import Fact
from topup.db import payments, rate_limits
from topup.flows import fulfil
from topup.gateway import billing, protocol

Pool = psycopg_pool.AsyncConnectionPool
Answer = protocol.CheckoutSession | billing.Intent | billing.Invoice
log = structlog.get_logger()

UNDECIDED = frozenset({"PENDING", "PROCESSING"})
ASK_EVERY_SECONDS = 1.0
ASK_SECONDS_MAX = 5.0


async def of_session(pool: Pool, stripe: protocol.Stripe, *, user_id: UUID, session_id: str) -> payments.Payment:
    """The person's own payment of a checkout session, refreshed; NotFound when it is not theirs, or no id at all."""
    if not facts.WORD.fullmatch(session_id):
        raise errors.NotFound
    async with pool.connection() as conn:
        payment = await payments.find_own_by_session(conn, session_id, user_id=user_id)
    if payment is None:
        raise errors.NotFound
    return await refreshed(pool, stripe, payment)


async def refreshed(pool: Pool, stripe: protocol.Stripe, payment: payments.Payment) -> payments.Payment:
    """The payment after a look at Stripe, where that may tell more than we know."""
    fact = await _ask(pool, stripe, payment)
    if fact is None:
        return payment
    async with pool.connection() as conn:
        await fulfil.apply(conn, [fact])
        return await payments.find(conn, payment.id) or payment


async def _ask(pool: Pool, stripe: protocol.Stripe, payment: payments.Payment) -> Fact | None:
    ask = _question(stripe, payment)
    if payment.status not in UNDECIDED or ask is None:
        return None
    async with pool.connection() as conn:
        bucket = f"payment_status:{payment.id}"
        if await rate_limits.take(conn, bucket, burst=1, every_seconds=ASK_EVERY_SECONDS):
            return None
    try:
        async with asyncio.timeout(ASK_SECONDS_MAX):
            return (await ask()).fact
    except (errors.GatewayError, TimeoutError) as error:
        log.info("payment_not_refreshed", payment_id=str(payment.id), kind=type(error).__name__)
        return None


def _question(stripe: protocol.Stripe, payment: payments.Payment) -> Callable[[], Awaitable[Answer]] | None:
    """What Stripe has of the payment, by its channel."""
    match payment.channel:
        case "CHECKOUT" if payment.stripe_session_id is not None:
            return functools.partial(stripe.retrieve_checkout, payment.stripe_session_id)
        case "PAYMENT_INTENT" if payment.stripe_intent_id is not None:
            return functools.partial(stripe.retrieve_intent, payment.stripe_intent_id)
        case "INVOICE" if payment.stripe_invoice_id is not None:
            return functools.partial(stripe.retrieve_invoice, payment.stripe_invoice_id)
        case _:
            return None
