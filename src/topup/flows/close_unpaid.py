"""Closes purchases in the page that nobody pays: given up by the buyer, or not finished within a day.

Cancelled at Stripe, then EXPIRED. Stripe decides: one that was paid at the last moment is not cancelled but credited
(faults 10, 60). Called by the worker and by topup.flows.cancel_purchase.
"""

from uuid import UUID

import psycopg_pool

from topup import errors
from topup.db import payments, session_purchases
from topup.db.payments import Payment
from topup.flows import fulfil
from topup.gateway import billing, protocol

Pool = psycopg_pool.AsyncConnectionPool

UNPAID_HOURS = 24
BATCH = 100
_FIRST = UUID(int=0)


async def close(pool: Pool, stripe: protocol.Stripe) -> int:
    """Close what is due, oldest first; how many. One that fails stops no other; its fault is raised at the end."""
    after_id, closed, faults = _FIRST, 0, list[Exception]()
    while due := await _due(pool, after_id):
        for payment in due:
            try:
                await close_one(pool, stripe, payment)
                closed += 1
            except errors.GatewayError as fault:
                faults.append(fault)
        after_id = due[-1].id
    if faults:
        raise faults[0]
    return closed


async def close_one(pool: Pool, stripe: protocol.Stripe, payment: Payment) -> None:
    """Close one; what Stripe says of its money is applied, so one that was paid meanwhile is credited. GatewayError."""
    intent = await _cancelled(stripe, payment.stripe_intent_id) if payment.stripe_intent_id else None
    async with pool.connection() as conn:
        if intent is not None:
            await fulfil.apply(conn, [] if intent.fact is None else [intent.fact])
            return
        # Without an intent or an invoice of ours nobody was ever given a way to pay it.
        [locked] = await payments.lock_many(conn, [payment.id])
        if locked.status == "PENDING" and locked.stripe_intent_id is None and locked.stripe_invoice_id is None:
            await payments.change_many(conn, [payments.Change(payment.id, "EXPIRED")])


async def _due(pool: Pool, after_id: UUID) -> list[Payment]:
    async with pool.connection() as conn:
        return await session_purchases.unpaid(conn, hours=UNPAID_HOURS, after_id=after_id, limit=BATCH)


async def _cancelled(stripe: protocol.Stripe, intent_id: str) -> billing.Intent:
    try:
        return await stripe.cancel_intent(intent_id, key=f"cancel:{intent_id}")
    except errors.Conflict:
        return await stripe.retrieve_intent(intent_id)
