"""Buying sessions for an institution over JSON, and its purchases.

The client says how many and how it pays, nothing about money (fault 62). A client secret is in no stored answer: it is
asked of Stripe for each answer that carries one, and only those who may pay get here.
"""

import hashlib
import json
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Request, status
from pydantic import BaseModel, Field
from starlette.responses import Response

from topup import errors
from topup.core import payments as states
from topup.core import session_prices
from topup.db.idempotency import Key
from topup.flows import keyed, purchase_sessions, show_purchases
from topup.flows.purchase_sessions import PayBy
from topup.flows.requests import Answer
from topup.web import errors as problems
from topup.web import idempotency, institutions_door
from topup.web.api import models, paging
from topup.web.auth import PersonDep
from topup.web.context import HouseDep

router = APIRouter(prefix="/api/sessions/purchases", tags=["Sessions"])

MethodId = Annotated[models.Line, Field(min_length=1, max_length=255)]


class PurchaseOrder(models.Body):
    """What to buy. Its price is on our list. A saved card is named by `paymentMethodId`."""

    quantity: Annotated[int, Field(strict=True, ge=1, le=session_prices.QUANTITY_MAX)]
    pay_by: PayBy = "CARD"
    payment_method_id: MethodId | None = None
    save_card: bool = False
    institution_id: models.RowId | None = None


class PurchaseOpened(models.Answer):
    """How to go on: confirm `clientSecret` in the page, or pay the invoice."""

    purchase_id: str
    client_secret: str | None = Field(repr=False)
    publishable_key: str
    amount: int
    currency: str
    quantity: int
    status: states.Status
    invoice_id: str | None
    hosted_invoice_url: str | None


class PurchaseAnswer(PurchaseOpened):
    """A purchase, with what became of its money. `clientSecret` is there for one that can still be paid in the page."""

    institution_id: str
    pay_by: Literal["CARD", "INVOICE"]
    unit_price_in_cents: int
    amount_refunded: int
    invoice_number: str | None
    payment_method_id: str | None
    created_at: models.Moment
    completed_at: models.Moment | None
    due_at: models.Moment | None


class PurchaseList(models.Answer):
    """One page of purchases, newest first."""

    data: list[PurchaseAnswer]
    next_cursor: str | None


class _Place(BaseModel):
    id: UUID


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    response_model=PurchaseOpened,
    responses=problems.documented(404, 409, 429),
)
async def buy_sessions(
    body: PurchaseOrder, request: Request, house: HouseDep, person: PersonDep, offered: idempotency.OptionalKeyDep
) -> Response:
    """Begin to buy. Each call is a purchase of its own, but for the same `Idempotency-Key`."""
    _ensure_sensible(body)
    seat = await institutions_door.from_body(house, person, "pay", body.institution_id)
    key = idempotency.key_of(request, person, offered)
    order = purchase_sessions.Order(
        institution_id=seat.institution_id,
        user_id=person.user_id,
        quantity=body.quantity,
        pay_by=body.pay_by,
        method_id=body.payment_method_id,
        is_card_saved=body.save_card and body.payment_method_id is None,
        request_key=_digest(key),
    )

    async def act() -> Answer:
        payment = await purchase_sessions.start(house.pool, house.stripe, order)
        purchase = await show_purchases.with_invoice(house.pool, payment)
        opened = _opened(purchase, house.settings.stripe_publishable_key)
        return Answer(status.HTTP_201_CREATED, json.dumps(opened))

    fingerprint = idempotency.fingerprint_of(request, body)
    answer = await keyed.once_outside(house.pool, key, fingerprint, act, idempotency.wording(request))
    if isinstance(answer, Answer) and answer.status == status.HTTP_201_CREATED:
        told = json.loads(answer.body)
        secret = await show_purchases.client_secret(
            house.pool, house.stripe, institution_id=seat.institution_id, payment_id=UUID(told["purchase_id"])
        )
        opened = PurchaseOpened.model_validate({**told, "client_secret": secret})
        answer = Answer(answer.status, opened.model_dump_json(by_alias=True), is_replay=answer.is_replay)
    return idempotency.respond(answer)


@router.get("", responses=problems.documented(404))
async def list_session_purchases(
    house: HouseDep,
    seat: institutions_door.PayingSeat,
    limit: paging.Limit = paging.LIMIT_DEFAULT,
    cursor: paging.Cursor = None,
) -> PurchaseList:
    """The institution's purchases, newest first."""
    place = paging.read(_Place, cursor)
    rows = await show_purchases.newest(
        house.pool, institution_id=seat.institution_id, before=place.id if place else None, limit=limit + 1
    )
    page, next_cursor = paging.cut(rows, limit, lambda purchase: _Place(id=purchase.payment.id))
    publishable_key = house.settings.stripe_publishable_key
    return PurchaseList(data=[_answer(one, publishable_key) for one in page], next_cursor=next_cursor)


@router.get("/{purchase_id}", responses=problems.documented(404))
async def show_session_purchase(
    purchase_id: models.RowId, house: HouseDep, seat: institutions_door.PayingSeat
) -> PurchaseAnswer:
    """One purchase. While it is undecided this asks Stripe; one that was left half-way can be gone on with."""
    purchase = await show_purchases.one(
        house.pool, house.stripe, institution_id=seat.institution_id, payment_id=purchase_id
    )
    return _answer(purchase, house.settings.stripe_publishable_key)


def _ensure_sensible(body: PurchaseOrder) -> None:
    """An invoice is paid at Stripe, with whatever card is typed there."""
    if body.pay_by == "INVOICE" and (body.payment_method_id is not None or body.save_card):
        pointer = "/paymentMethodId" if body.payment_method_id is not None else "/saveCard"
        detail = "A purchase by invoice takes no card here."
        raise errors.Invalid(detail, faults=[errors.FieldFault(pointer, detail)])


def _digest(key: Key | None) -> bytes | None:
    return None if key is None else hashlib.sha256(f"{key.principal}\n{key.route}\n{key.key}".encode()).digest()


def _opened(purchase: show_purchases.Purchase, publishable_key: str) -> dict[str, object]:
    payment = purchase.payment
    return {
        "purchase_id": str(payment.id),
        "client_secret": purchase.client_secret,
        "publishable_key": publishable_key,
        "amount": payment.price_minor,
        "currency": payment.currency,
        "quantity": payment.credits,
        "status": payment.status,
        "invoice_id": str(purchase.invoice_id) if purchase.invoice_id else None,
        "hosted_invoice_url": payment.hosted_invoice_url,
    }


def _answer(purchase: show_purchases.Purchase, publishable_key: str) -> PurchaseAnswer:
    payment = purchase.payment
    return PurchaseAnswer.model_validate(
        {
            **_opened(purchase, publishable_key),
            "institution_id": str(payment.institution_id),
            "pay_by": "INVOICE" if payment.channel == "INVOICE" else "CARD",
            "unit_price_in_cents": payment.unit_price_minor,
            "amount_refunded": payment.refunded_minor,
            "invoice_number": payment.invoice_number,
            "payment_method_id": payment.stripe_method_id,
            "created_at": payment.created_at,
            "completed_at": payment.completed_at,
            "due_at": payment.due_at,
        }
    )
