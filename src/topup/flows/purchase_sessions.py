"""An institution buys sessions: quote, purchase row, then an intent for the page to confirm, or an invoice.

The row is committed before Stripe is asked, under keys made from it, and Stripe's answer is written afterwards, so what
breaks off in between is finished when the purchase is looked at again (faults 31-35, 58). Every call is a purchase of
its own: two people who buy at once buy twice, and only the same idempotency key finds the first one again. Called by
topup.web; who may buy is settled before.
"""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

import psycopg_pool

from topup import errors
from topup.core import ids, session_prices
from topup.core.limits import Charge
from topup.db import session_accounts, session_purchases
from topup.db import session_prices as price_rows
from topup.db.payment_methods import Owner
from topup.db.payments import Payment
from topup.flows import cards, invoice_purchase, page_purchase, throttle
from topup.gateway import protocol

Pool = psycopg_pool.AsyncConnectionPool
PayBy = Literal["CARD", "INVOICE"]
CHANNELS = {"CARD": "PAYMENT_INTENT", "INVOICE": "INVOICE"}


@dataclass(frozen=True, slots=True)
class Order:
    """What is bought, for whom and how. `request_key` names the idempotency key that it came under, if any."""

    institution_id: UUID
    user_id: UUID
    quantity: int
    pay_by: PayBy
    method_id: str | None
    is_card_saved: bool
    request_key: bytes | None


async def start(pool: Pool, stripe: protocol.Stripe, order: Order) -> Payment:
    """The purchase, ready to be paid: its intent or its issued invoice is made.

    Raises NotFound (`card_not_found`), SlowDown, Conflict (`not_on_sale`, `amount_below_minimum`,
    `amount_not_chargeable`), Invalid (`idempotency_key_reused`) and GatewayError; after the last nobody was charged.
    """
    await throttle.charge(pool, [Charge(session_prices.STARTS, f"session_purchase:{order.user_id}")])
    if order.method_id is not None:
        await cards.own(pool, stripe, Owner(institution_id=order.institution_id), order.method_id)
    payment = await _write(pool, order, is_live=stripe.is_live)
    return await finish(pool, stripe, payment)


async def finish(pool: Pool, stripe: protocol.Stripe, payment: Payment) -> Payment:
    """Make at Stripe what the purchase still lacks; once it is whole this changes nothing."""
    if payment.status != "PENDING":
        return payment
    if payment.channel == "INVOICE":
        return await invoice_purchase.finish(pool, stripe, payment)
    return await page_purchase.finish(pool, stripe, payment)


async def _write(pool: Pool, order: Order, *, is_live: bool) -> Payment:
    async with pool.connection() as conn:
        quote = session_prices.quote(order.quantity, await price_rows.every(conn))
        account_id = await session_accounts.pool_of(conn, order.institution_id)
        if account_id is None:
            raise errors.NotFound
        draft = session_purchases.Draft(
            id=ids.new(),
            user_id=order.user_id,
            institution_id=order.institution_id,
            account_id=account_id,
            channel=CHANNELS[order.pay_by],
            package_name=session_prices.PACKAGE_NAME,
            quantity=quote.quantity,
            unit_price_minor=quote.unit_price_minor,
            price_minor=quote.price_minor,
            currency=quote.currency,
            is_live=is_live,
            is_card_saved=order.is_card_saved,
            stripe_method_id=order.method_id,
            request_key=order.request_key,
        )
        if await session_purchases.insert(conn, draft):
            found = await session_purchases.find(conn, draft.id, institution_id=order.institution_id)
        else:
            found = await session_purchases.find_by_request(conn, order.request_key or b"")
    if found is None:
        raise errors.Broken("A purchase that was just written is not there.")
    _ensure_same(found, order)
    return found


def _ensure_same(found: Payment, order: Order) -> None:
    """The same key must ask for the same thing."""
    asked = (order.institution_id, order.quantity, CHANNELS[order.pay_by], order.method_id, order.is_card_saved)
    known = (found.institution_id, found.credits, found.channel, found.stripe_method_id, found.is_card_saved)
    if asked != known:
        raise errors.Invalid("This Idempotency-Key was used for another request.", code="idempotency_key_reused")
