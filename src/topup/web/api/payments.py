"""Buying credits over JSON, and a person's own payments.

The client names a package and nothing else (fault 62); another's payment is not there (fault 66).
"""

from typing import Literal
from uuid import UUID

from fastapi import APIRouter, Request, status
from pydantic import BaseModel
from starlette.responses import Response

from topup import errors
from topup.core import payments as states
from topup.db.payments import Payment
from topup.flows import checkout, keyed, payment_status, show_payments
from topup.flows.requests import Answer
from topup.web import errors as problems
from topup.web import idempotency
from topup.web.api import models, paging
from topup.web.auth import PersonDep
from topup.web.context import HouseDep

router = APIRouter(prefix="/api/payments", tags=["Payments"])


class CheckoutOrder(models.Body):
    """What to buy. Its price is the package's."""

    package_id: models.RowId


class CheckoutAnswer(models.Answer):
    """Where to send the buyer: `sessionUrl`, until `expiresAt`."""

    session_url: str
    session_id: str
    expires_at: models.Moment
    amount: int
    credits: int
    currency: str
    payment_id: str


class CheckoutStatus(models.Answer):
    """How a checkout stands."""

    session_id: str | None
    payment_id: str
    status: states.Status
    amount: int
    currency: str
    credits: int
    package_name: str
    created_at: models.Moment
    completed_at: models.Moment | None
    expires_at: models.Moment | None


class PaymentAnswer(CheckoutStatus):
    """A payment, with what became of its money."""

    channel: Literal["CHECKOUT", "PAYMENT_INTENT", "INVOICE"]
    amount_refunded: int
    receipt_url: str | None
    invoice_number: str | None


class PaymentList(models.Answer):
    """One page of payments, newest first."""

    data: list[PaymentAnswer]
    next_cursor: str | None


class _Place(BaseModel):
    id: UUID


@router.post("/credit-checkout", response_model=CheckoutAnswer, responses=problems.documented(404, 409, 429))
async def open_checkout(
    body: CheckoutOrder, request: Request, house: HouseDep, person: PersonDep, offered: idempotency.OptionalKeyDep
) -> Response:
    """Open Stripe's page for one package; the same open page again for the same package at the same price."""

    async def act() -> Answer:
        payment = await checkout.start(
            house.pool,
            house.stripe,
            buyer=checkout.Buyer(person.user_id, person.account_id, person.role),
            package_id=body.package_id,
            app_url=house.settings.frontend_url,
        )
        return Answer(status.HTTP_200_OK, _opened(payment).model_dump_json(by_alias=True))

    key = idempotency.key_of(request, person, offered)
    fingerprint = idempotency.fingerprint_of(request, body)
    answer = await keyed.once_outside(house.pool, key, fingerprint, act, idempotency.wording(request))
    return idempotency.respond(answer)


@router.get("/checkout-status/{session_id}", responses=problems.documented(404))
async def show_checkout_status(session_id: str, house: HouseDep, person: PersonDep) -> CheckoutStatus:
    """How an own checkout stands. While it is undecided this asks Stripe, so a lost webhook is no loss."""
    payment = await payment_status.of_session(house.pool, house.stripe, user_id=person.user_id, session_id=session_id)
    return CheckoutStatus.model_validate(_status(payment))


@router.get("")
async def list_payments(
    house: HouseDep, person: PersonDep, limit: paging.Limit = paging.LIMIT_DEFAULT, cursor: paging.Cursor = None
) -> PaymentList:
    """Own payments, newest first."""
    place = paging.read(_Place, cursor)
    rows = await show_payments.newest(
        house.pool, user_id=person.user_id, before=place.id if place else None, limit=limit + 1
    )
    page, next_cursor = paging.cut(rows, limit, lambda payment: _Place(id=payment.id))
    data = [_answer(payment, house.settings.frontend_url) for payment in page]
    return PaymentList(data=data, next_cursor=next_cursor)


@router.get("/{payment_id}", responses=problems.documented(404))
async def show_payment(payment_id: models.RowId, house: HouseDep, person: PersonDep) -> PaymentAnswer:
    """One own payment. While it is undecided this asks Stripe."""
    payment = await show_payments.own(house.pool, user_id=person.user_id, payment_id=payment_id)
    payment = await payment_status.refreshed(house.pool, house.stripe, payment)
    return _answer(payment, house.settings.frontend_url)


def _opened(payment: Payment) -> CheckoutAnswer:
    if payment.checkout_url is None or payment.stripe_session_id is None or payment.expires_at is None:
        raise errors.Broken(f"Checkout {payment.id} has no page to go to.")
    return CheckoutAnswer(
        session_url=payment.checkout_url,
        session_id=payment.stripe_session_id,
        expires_at=payment.expires_at,
        amount=payment.price_minor,
        credits=payment.credits,
        currency=payment.currency,
        payment_id=str(payment.id),
    )


def _status(payment: Payment) -> dict[str, object]:
    return {
        "session_id": payment.stripe_session_id,
        "payment_id": str(payment.id),
        "status": payment.status,
        "amount": payment.price_minor,
        "currency": payment.currency,
        "credits": payment.credits,
        "package_name": payment.package_name,
        "created_at": payment.created_at,
        "completed_at": payment.completed_at,
        "expires_at": payment.expires_at,
    }


def _answer(payment: Payment, app_url: str) -> PaymentAnswer:
    own_receipt = f"{app_url.rstrip('/')}/payments/{payment.id}/receipt" if payment.completed_at else None
    return PaymentAnswer.model_validate(
        {
            **_status(payment),
            "channel": payment.channel,
            "amount_refunded": payment.refunded_minor,
            "receipt_url": payment.receipt_url or own_receipt,
            "invoice_number": payment.invoice_number,
        }
    )
