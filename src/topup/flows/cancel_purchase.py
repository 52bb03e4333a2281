"""Gives up a purchase that is not paid: its intent at Stripe is cancelled, so nobody can pay it by mistake.

Only one that waits for a card; an invoice that was sent stands. What is paid, or on its way, stays as it is.
"""

from uuid import UUID

import psycopg_pool

from topup import errors
from topup.db import session_purchases
from topup.flows import close_unpaid
from topup.gateway import protocol


async def cancel(
    pool: psycopg_pool.AsyncConnectionPool, stripe: protocol.Stripe, *, institution_id: UUID, payment_id: UUID
) -> None:
    """Cancel it; again changes nothing. NotFound for another institution's, GatewayError where Stripe is away."""
    async with pool.connection() as conn:
        payment = await session_purchases.find(conn, payment_id, institution_id=institution_id)
    if payment is None:
        raise errors.NotFound
    if payment.status == "PENDING" and payment.channel == "PAYMENT_INTENT":
        await close_unpaid.close_one(pool, stripe, payment)
