"""Payments as their buyer sees them: the list, one payment, its receipt. Another's payment is not there.

Shows what is stored and asks nobody; the return page (returned.py) is the one that asks Stripe.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from topup import errors
from topup.core import ids, money
from topup.core.people import Person
from topup.db.payments import Payment
from topup.flows import show_payment, show_payments
from topup.web import people
from topup.web.context import HouseDep
from topup.web.pages import frame, refunds, wording

PAGE_PAYMENTS = 20
_METHODS = {
    "CHECKOUT": "Stripe Checkout",
    "PAYMENT_INTENT": "Card, through Stripe",
    "INVOICE": "Invoice, through Stripe",
}

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Shown:
    """One payment, money as text."""

    id: UUID
    words: wording.Words
    package_name: str
    credits: int
    unit: str
    price: str
    price_exact: str
    paid_otherwise: str
    refunded: str
    disputed: str
    created_at: datetime
    completed_at: datetime | None
    has_receipt: bool
    resume_url: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What is printed."""

    number: str
    paid_at: datetime
    name: str
    email: str
    method: str
    package_name: str
    credits: int
    unit: str
    price: str
    refunded: str
    currency: str
    stripe_url: str


@router.get("/payments")
async def payments(
    request: Request, house: HouseDep, person: people.SignedInDep, cursor: Annotated[str, Query(max_length=40)] = ""
) -> Response:
    """The list, newest first; each opens in place."""
    found = await show_payments.newest(
        house.pool, user_id=person.user_id, before=ids.read(cursor), limit=PAGE_PAYMENTS + 1
    )
    return await frame.show(
        request,
        "payments.html",
        payments=_shown(found[:PAGE_PAYMENTS]),
        is_newest=not cursor,
        older=str(found[PAGE_PAYMENTS - 1].id) if len(found) > PAGE_PAYMENTS else "",
    )


@router.get("/payments/{payment_id}")
async def payment(
    request: Request,
    house: HouseDep,
    person: people.SignedInDep,
    payment_id: str,
    done: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """One payment on its own page, with what went back of it and what can."""
    found = await _own(house, person, payment_id)
    return await frame.show(
        request,
        "payment.html",
        one=shown(found),
        stories=refunds.stories(await show_payment.show(house.pool, found.id)),
        offer=await refunds.quoted(house, person, found) if found.completed_at else None,
        notice=refunds.NOTICE if done == refunds.DONE else "",
    )


@router.get("/payments/{payment_id}/receipt")
async def receipt(request: Request, house: HouseDep, person: people.SignedInDep, payment_id: str) -> Response:
    """A receipt to print; there is none before the payment is complete."""
    found = await _own(house, person, payment_id)
    if found.completed_at is None:
        raise errors.NotFound("There is no receipt, because this payment is not complete.")
    return await frame.show(request, "receipt.html", receipt=_receipt(found, found.completed_at, person))


def shown(one: Payment) -> Shown:
    """A payment as the templates take it."""
    return Shown(
        id=one.id,
        words=wording.of_payment(one),
        package_name=one.package_name,
        credits=one.credits,
        unit=one.unit,
        price=money.short(one.price_minor, one.currency),
        price_exact=money.long(one.price_minor, one.currency),
        paid_otherwise=money.long(one.paid_for_minor, one.currency) if one.paid_for_minor != one.price_minor else "",
        refunded=money.long(one.refunded_minor, one.currency) if one.refunded_minor else "",
        disputed=money.long(one.disputed_minor, one.currency) if one.disputed_minor else "",
        created_at=one.created_at,
        completed_at=one.completed_at,
        has_receipt=one.completed_at is not None,
        resume_url=(one.checkout_url or "") if one.status == "PENDING" else "",
    )


def _shown(found: Sequence[Payment]) -> list[Shown]:
    return [shown(one) for one in found]


async def _own(house: HouseDep, person: Person, payment_id: str) -> Payment:
    key = ids.read(payment_id)
    if key is None:
        raise errors.NotFound
    return await show_payments.own(house.pool, user_id=person.user_id, payment_id=key)


def _receipt(one: Payment, paid_at: datetime, person: Person) -> Receipt:
    return Receipt(
        number=one.invoice_number or str(one.id),
        paid_at=paid_at,
        name=f"{person.first_name} {person.last_name}".strip(),
        email=person.email,
        method=_METHODS[one.channel],
        package_name=one.package_name,
        credits=one.credits,
        unit=one.unit,
        price=money.short(one.paid_for_minor, one.currency),
        refunded=money.short(one.refunded_minor, one.currency) if one.refunded_minor else "",
        currency=one.currency.upper(),
        stripe_url=one.receipt_url or "",
    )
