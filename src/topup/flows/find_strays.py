"""Finds out whose a refund or a dispute is that no payment's intent explains.

The intent of an invoice is not known here, and a refund may be told of before the payment it undoes (faults 5). So
such an intent is asked for at Stripe, again and again for two days, and then it is none of ours: the account may sell
other things, too. Run by the worker.
"""

from datetime import timedelta
from uuid import UUID

import psycopg_pool
import structlog

from topup import errors
from topup.db import money_back, payments, sql
from topup.flows import take_money_back
from topup.gateway import protocol

Pool = psycopg_pool.AsyncConnectionPool
log = structlog.get_logger()

BATCH = 20
LEASE = timedelta(minutes=2)
# With pauses that double from two seconds to ten minutes, these are two days.
ATTEMPTS_MAX = 300


async def find(pool: Pool, stripe: protocol.Stripe) -> None:
    """Mark the payments of strays that are known by now, then ask for some of the others."""
    async with pool.connection() as conn:
        await money_back.mark(conn, await money_back.adopt_strays(conn))
        strays = await money_back.claim_strays(conn, lease=LEASE, limit=BATCH)
    for stray in strays:
        try:
            await _look_into(pool, stripe, stray)
        except errors.GatewayError as fault:
            log.warning("stray_waits", intent_id=stray.intent_id, code=fault.code)
            is_gone = not fault.is_retryable
            async with pool.connection() as conn:
                await _wait(conn, stray, is_over=is_gone)


async def _look_into(pool: Pool, stripe: protocol.Stripe, stray: money_back.Stray) -> None:
    invoice_ids = await stripe.list_invoices_of_intent(stray.intent_id)
    named = (await stripe.retrieve_charged(stray.intent_id)).payment_id
    async with pool.connection() as conn:
        payment_ids = await payments.ids_by_stripe(conn, invoice_ids=invoice_ids)
        if payment_ids:
            await money_back.mark(conn, payment_ids)
            await money_back.drop_stray(conn, stray.intent_id)
            return
        await _wait(conn, stray, is_over=not await _is_expected(conn, named))


async def _is_expected(conn: sql.Connection, payment_id: UUID | None) -> bool:
    """Whether a payment of ours is named that may still learn that this is its intent."""
    payment = await payments.find(conn, payment_id) if payment_id else None
    return payment is not None and payment.stripe_intent_id is None


async def _wait(conn: sql.Connection, stray: money_back.Stray, *, is_over: bool) -> None:
    if is_over or stray.attempts >= ATTEMPTS_MAX:
        log.info("stray_ignored", intent_id=stray.intent_id)
        await money_back.drop_stray(conn, stray.intent_id)
    else:
        await money_back.stray_later(conn, stray.intent_id, wait=take_money_back.pause(stray.attempts))
