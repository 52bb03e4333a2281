"""Makes the checkout session of a payment, once, whatever became of earlier tries.

The same attempt is always the same call under the same key, so a lost answer is asked for again. Only where that cannot
help (the key is a day old, was used with other values, or keeps a failure) are the customer's sessions looked through,
and when none is ours the next attempt gets a key of its own (faults 31-33).
"""

from dataclasses import dataclass, replace
from datetime import datetime

import psycopg_pool

from topup import errors
from topup.core import checkouts
from topup.db import payments
from topup.flows import customers
from topup.gateway import protocol

Pool = psycopg_pool.AsyncConnectionPool

NEEDS_FRESH_KEY = frozenset({"idempotency_mismatch", "stripe_failed"})


@dataclass(frozen=True, slots=True)
class _Order:
    """All that a session is made from."""

    payment: payments.Payment
    customer_id: str
    app_url: str


async def make(
    pool: Pool, stripe: protocol.Stripe, payment: payments.Payment, *, now: datetime, app_url: str
) -> protocol.CheckoutSession:
    """The session, new or found again. GatewayError where Stripe did not do it; then call again."""
    if payment.user_id is None:
        raise errors.Broken(f"Checkout {payment.id} belongs to nobody.")
    customer_id = await customers.ensure(pool, stripe, user_id=payment.user_id)
    try:
        return await _make(pool, stripe, _Order(payment, customer_id, app_url), now=now)
    except errors.GatewayError as error:
        if error.code != "stripe_customer_missing":
            raise
    customer_id = await customers.ensure(pool, stripe, user_id=payment.user_id, missing=customer_id)
    return await _make_afresh(pool, stripe, _Order(payment, customer_id, app_url))


async def _make(pool: Pool, stripe: protocol.Stripe, order: _Order, *, now: datetime) -> protocol.CheckoutSession:
    if checkouts.is_key_remembered(order.payment.created_at, now):
        try:
            return await _create(stripe, order)
        except errors.GatewayError as error:
            if error.code not in NEEDS_FRESH_KEY:
                raise
    return await _make_afresh(pool, stripe, order)


async def _make_afresh(pool: Pool, stripe: protocol.Stripe, order: _Order) -> protocol.CheckoutSession:
    for session in await stripe.list_checkouts(customer_id=order.customer_id):
        if session.client_reference_id == str(order.payment.id):
            return session
    async with pool.connection() as conn:
        await payments.next_attempt(conn, order.payment.id, after=order.payment.attempt)
        payment = await payments.find(conn, order.payment.id)
    if payment is None:
        raise errors.NotFound
    return await _create(stripe, replace(order, payment=payment))


async def _create(stripe: protocol.Stripe, order: _Order) -> protocol.CheckoutSession:
    payment, app_url = order.payment, order.app_url.rstrip("/")
    new = protocol.NewCheckout(
        payment_id=payment.id,
        account_id=payment.account_id,
        customer_id=order.customer_id,
        package_name=payment.package_name,
        description=_counted(payment.credits, payment.unit),
        price_minor=payment.price_minor,
        currency=payment.currency,
        success_url=f"{app_url}/payments/return?session_id={{CHECKOUT_SESSION_ID}}",
        cancel_url=f"{app_url}/packages",
    )
    return await stripe.create_checkout(new, key=f"checkout:{payment.id}:{payment.attempt}")


def _counted(credits_count: int, unit: str) -> str:
    return f"{credits_count:,} {unit}" if credits_count == 1 else f"{credits_count:,} {unit}s"
