"""Payments over JSON for admins: everybody's, one of them whole, and the decision about one that stands in review.

Refunds go through the buyer's own address (`refunds`), where an admin may always.
"""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel

from topup.core import payments as states
from topup.db.payments import Payment
from topup.flows import resolve_review, show_payment
from topup.web import errors as problems
from topup.web.api import fields, models, paging, refunds
from topup.web.auth import AdminDep
from topup.web.context import HouseDep

router = APIRouter(prefix="/api/admin/payments", tags=["Admin"])


class AdminPayment(models.Answer):
    """A payment as an admin sees it. Money is in minor units; `amountPaid` is what came in, where that is known."""

    payment_id: str
    status: states.Status
    review_reason: str | None
    channel: states.Channel
    account_id: str
    user_id: str | None
    institution_id: str | None
    package_name: str
    credits: int
    unit: str
    amount: int
    amount_paid: int | None
    amount_refunded: int
    amount_disputed: int
    currency: str
    credits_taken_back: int
    created_at: models.Moment
    completed_at: models.Moment | None


class PaymentStep(models.Answer):
    """One thing that happened to a payment."""

    at: models.Moment
    what: str
    amount: int | None
    detail: str | None


class WholePayment(AdminPayment):
    """A payment with its refunds, and all that happened to it, oldest first."""

    refunds: list[refunds.Refund]
    timeline: list[PaymentStep]


class AdminPaymentList(models.Answer):
    """One page of payments, newest first."""

    data: list[AdminPayment]
    next_cursor: str | None


class Resolution(models.Body):
    """How a payment in review is decided, and why. `COMPLETED` credits it, `FAILED` does not."""

    outcome: resolve_review.Outcome
    reason: fields.Reason


class _Place(BaseModel):
    id: UUID


@router.get("")
async def list_all_payments(
    house: HouseDep,
    _by: AdminDep,
    status: Annotated[states.Status | None, Query(description="Only those that stand so.")] = None,
    limit: paging.Limit = paging.LIMIT_DEFAULT,
    cursor: paging.Cursor = None,
) -> AdminPaymentList:
    """Everybody's payments, newest first; `status=REVIEW` are those that wait for a decision."""
    place = paging.read(_Place, cursor)
    rows = await show_payment.page(house.pool, status=status, before=place.id if place else None, limit=limit + 1)
    page, next_cursor = paging.cut(rows, limit, lambda payment: _Place(id=payment.id))
    return AdminPaymentList(data=[_answer(payment) for payment in page], next_cursor=next_cursor)


@router.get("/{payment_id}", responses=problems.documented(404))
async def show_any_payment(payment_id: models.RowId, house: HouseDep, _by: AdminDep) -> WholePayment:
    """One payment, whole."""
    whole = await show_payment.show(house.pool, payment_id)
    steps = [
        PaymentStep(at=step.at, what=step.what, amount=step.amount_minor, detail=step.detail)
        for step in whole.timeline()
    ]
    made = [refunds.answer_of(one) for one in whole.refunds]
    return WholePayment(**_answer(whole.payment).model_dump(), refunds=made, timeline=steps)


@router.post("/{payment_id}/resolution", responses=problems.documented(404, 409))
async def resolve_payment(payment_id: models.RowId, body: Resolution, house: HouseDep, by: AdminDep) -> AdminPayment:
    """Decide a payment that stands in review, once and for all."""
    payment = await resolve_review.resolve(house.pool, payment_id, body.outcome, reason=body.reason, actor=by.actor)
    return _answer(payment)


def _answer(payment: Payment) -> AdminPayment:
    return AdminPayment.model_validate(
        {
            "payment_id": str(payment.id),
            "status": payment.status,
            "review_reason": payment.review_reason,
            "channel": payment.channel,
            "account_id": str(payment.account_id),
            "user_id": str(payment.user_id) if payment.user_id else None,
            "institution_id": str(payment.institution_id) if payment.institution_id else None,
            "package_name": payment.package_name,
            "credits": payment.credits,
            "unit": payment.unit,
            "amount": payment.price_minor,
            "amount_paid": payment.paid_minor,
            "amount_refunded": payment.refunded_minor,
            "amount_disputed": payment.disputed_minor,
            "currency": payment.currency,
            "credits_taken_back": payment.credits_taken_back + payment.credits_expired_instead,
            "created_at": payment.created_at,
            "completed_at": payment.completed_at,
        }
    )
