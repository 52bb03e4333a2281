"""An institution's purchases of sessions: the list, or one as it stands now, with the way to go on paying it.

One that was left half-way is finished here, and its client secret asked of Stripe again for those who may pay; it is
kept nowhere. What Stripe knows better is applied on the way, so a closed page or a lost event is healed (fault 6).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import psycopg_pool
import structlog

from topup import errors
from topup.db import invoices, session_purchases, users
from topup.db.payments import Payment
from topup.flows import page_purchase, payment_status, purchase_sessions
from topup.gateway import protocol

Pool = psycopg_pool.AsyncConnectionPool
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Purchase:
    """A purchase, its invoice if it has one, and the secret with which a page pays it while it can be paid."""

    payment: Payment
    invoice_id: UUID | None
    client_secret: str | None = field(default=None, repr=False)


async def newest(pool: Pool, *, institution_id: UUID, before: UUID | None, limit: int) -> Sequence[Purchase]:
    """Newest first, as stored; `before` is the last one that was seen."""
    async with pool.connection() as conn:
        page = await session_purchases.page(conn, institution_id, before=before, limit=limit)
        invoice_ids = await invoices.of_payments(conn, [payment.id for payment in page]) if page else {}
    return [Purchase(payment, invoice_ids.get(payment.id)) for payment in page]


async def buyers(pool: Pool, purchases: Sequence[Purchase]) -> dict[UUID, str]:
    """Who ordered them, by the person's id; somebody who is gone has no name."""
    user_ids = {one.payment.user_id for one in purchases if one.payment.user_id is not None}
    if not user_ids:
        return {}
    async with pool.connection() as conn:
        return await users.names(conn, user_ids)


async def one(pool: Pool, stripe: protocol.Stripe, *, institution_id: UUID, payment_id: UUID) -> Purchase:
    """One as it stands at Stripe; as stored where Stripe does not answer. NotFound for another institution's."""
    async with pool.connection() as conn:
        payment = await session_purchases.find(conn, payment_id, institution_id=institution_id)
    if payment is None:
        raise errors.NotFound
    try:
        return await ready(pool, stripe, await purchase_sessions.finish(pool, stripe, payment))
    except errors.GatewayError as error:
        log.info("purchase_not_refreshed", payment_id=str(payment.id), code=error.code)
        return await with_invoice(pool, payment)


async def ready(pool: Pool, stripe: protocol.Stripe, payment: Payment) -> Purchase:
    """A finished purchase with its secret, if it can still be paid in the page. GatewayError where Stripe is away."""
    if payment.channel != "PAYMENT_INTENT":
        return await with_invoice(pool, await payment_status.refreshed(pool, stripe, payment))
    payment, intent = await page_purchase.intent_of(pool, stripe, payment)
    is_payable = intent is not None and intent.is_payable and payment.status == "PENDING"
    return await with_invoice(pool, payment, intent.client_secret if intent is not None and is_payable else None)


async def client_secret(pool: Pool, stripe: protocol.Stripe, *, institution_id: UUID, payment_id: UUID) -> str | None:
    """The secret of a purchase in the page, asked of Stripe; None for one by invoice or without an intent."""
    async with pool.connection() as conn:
        payment = await session_purchases.find(conn, payment_id, institution_id=institution_id)
    if payment is None or payment.stripe_intent_id is None:
        return None
    return (await stripe.retrieve_intent(payment.stripe_intent_id)).client_secret


async def with_invoice(pool: Pool, payment: Payment, secret: str | None = None) -> Purchase:
    """A purchase with the id of its invoice."""
    async with pool.connection() as conn:
        invoice_ids = await invoices.of_payments(conn, [payment.id])
    return Purchase(payment, invoice_ids.get(payment.id), secret)
