"""The payment intent of a purchase in the page: made once, read again, its client secret handed to those who may pay.

Nobody can pay an intent without its client secret, and that is handed out only for the intent that the row keeps; so a
second one, made when Stripe's answer to the first was lost for good, can never be charged beside it (faults 31-33). The
secret is never stored. Called by topup.flows.purchase_sessions and show_purchases.
"""

import psycopg_pool
import structlog

from topup import errors
from topup.core import checkouts
from topup.db import ledger, payments, session_purchases
from topup.db.payments import Payment
from topup.flows import fulfil, institution_customers
from topup.gateway import billing, protocol

Pool = psycopg_pool.AsyncConnectionPool
log = structlog.get_logger()

NEEDS_FRESH_KEY = frozenset({"idempotency_mismatch", "stripe_failed"})


async def finish(pool: Pool, stripe: protocol.Stripe, payment: Payment) -> Payment:
    """The purchase with its intent. GatewayError where Stripe did not make it; then call again."""
    if payment.stripe_intent_id is not None:
        return payment
    if payment.institution_id is None:
        raise errors.Broken(f"Purchase {payment.id} belongs to no institution.")
    async with pool.connection() as conn:
        if not checkouts.is_key_remembered(payment.created_at, await ledger.now(conn)):
            # Too old to be repeated safely; the worker closes it.
            return payment
    customer_id = await institution_customers.ensure(pool, stripe, institution_id=payment.institution_id)
    try:
        return await _make(pool, stripe, payment, customer_id)
    except errors.GatewayError as error:
        if error.code != "stripe_customer_missing":
            raise
    customer_id = await institution_customers.ensure(
        pool, stripe, institution_id=payment.institution_id, missing=customer_id
    )
    return await _make(pool, stripe, await _next(pool, payment), customer_id)


async def intent_of(pool: Pool, stripe: protocol.Stripe, payment: Payment) -> tuple[Payment, billing.Intent | None]:
    """The purchase and its intent as they stand now; what Stripe says of the money is applied on the way (fault 6)."""
    if payment.stripe_intent_id is None or payment.status not in ("PENDING", "PROCESSING"):
        return payment, None
    intent = await stripe.retrieve_intent(payment.stripe_intent_id)
    if intent.fact is None:
        return payment, intent
    async with pool.connection() as conn:
        await fulfil.apply(conn, [intent.fact])
        return await payments.find(conn, payment.id) or payment, intent


async def _make(pool: Pool, stripe: protocol.Stripe, payment: Payment, customer_id: str) -> Payment:
    try:
        intent = await _create(stripe, payment, customer_id)
    except errors.GatewayError as error:
        if error.code not in NEEDS_FRESH_KEY:
            raise
        payment = await _next(pool, payment)
        intent = await _create(stripe, payment, customer_id)
    async with pool.connection() as conn:
        await session_purchases.store_intent(conn, payment.id, intent_id=intent.id, customer_id=intent.customer_id)
        stored = await payments.find(conn, payment.id)
    if stored is None:
        raise errors.NotFound
    if stored.stripe_intent_id != intent.id:
        await _cancel(stripe, intent.id)
    return stored


async def _create(stripe: protocol.Stripe, payment: Payment, customer_id: str) -> billing.Intent:
    new = billing.NewIntent(
        payment_id=payment.id,
        account_id=payment.account_id,
        customer_id=customer_id,
        description=f"{payment.package_name}: {payment.credits:,}",
        price_minor=payment.price_minor,
        currency=payment.currency,
        receipt_email=None,
        method_id=payment.stripe_method_id,
        is_card_saved=payment.is_card_saved,
    )
    return await stripe.create_intent(new, key=f"intent:{payment.id}:{payment.attempt}")


async def _next(pool: Pool, payment: Payment) -> Payment:
    """The purchase with the next attempt's key."""
    async with pool.connection() as conn:
        await session_purchases.next_attempt(conn, payment.id, after=payment.attempt)
        found = await payments.find(conn, payment.id)
    if found is None:
        raise errors.NotFound
    return found


async def _cancel(stripe: protocol.Stripe, intent_id: str) -> None:
    """As well as may be: nobody has its client secret, so nobody can pay it."""
    try:
        await stripe.cancel_intent(intent_id, key=f"cancel:{intent_id}")
    except (errors.GatewayError, errors.Conflict) as error:
        log.info("intent_not_cancelled", intent_id=intent_id, code=error.code)
