"""An admin decides a payment that stands in review: it is credited after all, or it comes to nothing.

Once, with a name and a reason, under the payment's lock. Giving money back is another act (`topup.flows.refund`), which
a payment that came to nothing still allows.
"""

from typing import Literal
from uuid import UUID

from psycopg_pool import AsyncConnectionPool

from topup import errors
from topup.db import money_back, payments, resolutions
from topup.db.payments import Payment
from topup.flows import fulfil

Outcome = Literal["COMPLETED", "FAILED"]


async def resolve(pool: AsyncConnectionPool, payment_id: UUID, outcome: Outcome, *, reason: str, actor: str) -> Payment:
    """The payment after the decision. Conflict `not_in_review` where there is nothing to decide (any more)."""
    async with pool.connection() as conn:
        found = await payments.lock_many(conn, [payment_id])
        if not found:
            raise errors.NotFound
        [payment] = found
        if payment.status != "REVIEW":
            raise errors.Conflict(f"This payment is {payment.status}, not in review.", code="not_in_review")
        await resolutions.insert(conn, resolutions.Decided(payment_id, outcome, reason, actor))
        if outcome == "COMPLETED":
            await fulfil.complete(conn, payment, actor=actor)
            # While it stood in review, money may have gone back of which there were no credits to take.
            await money_back.mark(conn, [payment_id])
        else:
            await payments.change_many(conn, [payments.Change(payment_id, "FAILED")])
        return await payments.find(conn, payment_id) or payment
