"""Shows one payment whole to an admin: the payment, its refunds and disputes, who decided it, and all of it by time.

Only reads, and asks Stripe nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg_pool import AsyncConnectionPool

from topup import errors
from topup.core import money_back
from topup.db import disputes, payments, refunds, resolutions
from topup.db.disputes import Dispute
from topup.db.payments import Payment
from topup.db.refunds import Refund
from topup.db.resolutions import Resolution


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened. `detail` is for people."""

    at: datetime
    what: str
    amount_minor: int | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Whole:
    """All that is known here of a payment."""

    payment: Payment
    refunds: Sequence[Refund]
    disputes: Sequence[Dispute]
    resolution: Resolution | None

    def timeline(self) -> list[Step]:
        """What happened, oldest first."""
        return sorted(self._steps(), key=lambda step: step.at)

    def _steps(self) -> Iterator[Step]:
        payment = self.payment
        yield Step(payment.created_at, "started", payment.price_minor, payment.package_name)
        if payment.completed_at is not None:
            yield Step(payment.completed_at, "credited", payment.paid_minor, f"{payment.credits} {payment.unit}s")
        for refund in self.refunds:
            yield Step(
                refund.created_at, f"refund {refund.status}", refund.amount_minor, refund.failure or refund.reason
            )
        for dispute in self.disputes:
            yield Step(dispute.opened_at, f"dispute {dispute.status}", dispute.amount_minor, dispute.reason)
        if self.resolution is not None:
            detail = f"{self.resolution.actor}: {self.resolution.reason}"
            yield Step(self.resolution.resolved_at, f"decided {self.resolution.outcome}", None, detail)


def standing(dispute: Dispute) -> money_back.Standing:
    """What a dispute means as it stands."""
    seen = money_back.Dispute(dispute.amount_minor, dispute.status, dispute.withdrawn_minor, dispute.reinstated_minor)
    return seen.standing


async def show(pool: AsyncConnectionPool, payment_id: UUID) -> Whole:
    """Any payment; NotFound where there is none."""
    async with pool.connection() as conn:
        payment = await payments.find(conn, payment_id)
        if payment is None:
            raise errors.NotFound
        return Whole(
            payment,
            await refunds.of_payment(conn, payment_id),
            await disputes.of_payment(conn, payment_id),
            await resolutions.find(conn, payment_id),
        )


async def page(pool: AsyncConnectionPool, *, status: str | None, before: UUID | None, limit: int) -> Sequence[Payment]:
    """Everybody's payments, newest first, all or those of one status."""
    async with pool.connection() as conn:
        return await payments.list_all(conn, status=status, before=before, limit=limit)


async def page_of_money_back(
    pool: AsyncConnectionPool, what: payments.WentBack, *, before: UUID | None, limit: int
) -> Sequence[Payment]:
    """Everybody's payments of which money went back, or is disputed, newest first."""
    async with pool.connection() as conn:
        return await payments.list_money_back(conn, what, before=before, limit=limit)
