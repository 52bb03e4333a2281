"""An institution's purchases: the list, one of them, its moving state, its receipt.

One that can still be paid is gone on with here. What Stripe adds to the address of somebody it sends back is taken off
first. Looking at one asks Stripe, which heals a lost webhook (topup.flows.show_purchases); the list asks nobody.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from topup import errors
from topup.core import ids, money
from topup.db.payments import Payment
from topup.flows import cancel_purchase, show_invoices, show_pool, show_purchases
from topup.flows.show_purchases import Purchase
from topup.web import csrf
from topup.web.api import models
from topup.web.context import HouseDep
from topup.web.pages import buy_sessions, elements, frame, institution_door, payments, purchase_words, reader
from topup.web.pages.reader import Reader
from topup.web.pages.wording import Words

PAGE_PURCHASES = 20
USUAL_SECONDS = 20
GIVE_UP_SECONDS = 600
_SOON_SECONDS, _LATER_SECONDS = 2, 5
_METHODS = {"PAYMENT_INTENT": "Card, through Stripe", "INVOICE": "Invoice, through Stripe"}

Since = Annotated[int, Query(ge=0, le=2**40)]
Short = Annotated[str, Query(max_length=40)]

router = APIRouter(prefix="/institutions", include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Shown:
    """One purchase, money as text. `can_pay` where the page may take a card for it."""

    id: UUID
    words: Words
    quantity: int
    unit: str
    price: str
    price_exact: str
    price_minor: int
    each: str
    method: str
    buyer: str
    refunded: str
    disputed: str
    created_at: datetime
    completed_at: datetime | None
    due_at: datetime | None
    invoice_number: str
    invoice_id: UUID | None
    is_invoice: bool
    has_stripe_invoice: bool
    has_receipt: bool
    is_open: bool


@dataclass(frozen=True, slots=True)
class Act:
    """A button under the state."""

    href: str
    text: str


@dataclass(frozen=True, slots=True)
class State:
    """What a purchase's page shows while it may move; asked for again after `wait_seconds`, while it is moving."""

    key: str
    words: Words
    available: int | None
    acts: Sequence[Act]
    is_paper: bool
    is_moving: bool
    wait_seconds: int
    next_page: str
    next_poll: str


@router.get("/{institution_id}/purchases")  # noqa: FAST003 - the door takes it
async def purchases(
    request: Request, house: HouseDep, entry: institution_door.PayingEntry, cursor: Short = ""
) -> Response:
    """The list, newest first; each opens in place."""
    found = await show_purchases.newest(
        house.pool, institution_id=entry.institution_id, before=ids.read(cursor), limit=PAGE_PURCHASES + 1
    )
    page = found[:PAGE_PURCHASES]
    buyers = await show_purchases.buyers(house.pool, page)
    reads = reader.of_request(request)
    return await frame.show(
        request,
        "purchases.html",
        rail=entry.rail,
        home=entry.home,
        name=entry.seat.institution_name,
        pool=await show_pool.figures(house.pool, entry.institution_id),
        purchases=[_shown(one, reads, buyers) for one in page],
        is_newest=not cursor,
        older=str(page[-1].payment.id) if len(found) > PAGE_PURCHASES else "",
    )


@router.get("/{institution_id}/purchases/{purchase_id}")  # noqa: FAST003 - the door takes it
async def purchase(
    request: Request,
    house: HouseDep,
    entry: institution_door.PayingEntry,
    purchase_id: models.RowId,
    since: Since = 0,
    tried: Short = "",
) -> Response:
    """One purchase: paid here if it can be, otherwise how it stands. `since`: when waiting began (for words only)."""
    if (clean := elements.cleaned(request)) is not None:
        return clean
    found = await _one(house, entry, purchase_id)
    reads = reader.of_request(request)
    shown = _shown(found, reads, await show_purchases.buyers(house.pool, [found]))
    if found.client_secret is not None:
        return await frame.show(
            request,
            "purchase_open.html",
            rail=entry.rail,
            home=entry.home,
            name=entry.seat.institution_name,
            institution_id=entry.institution_id,
            one=shown,
            words=purchase_words.unpaid(found.payment),
            is_card_saved=found.payment.is_card_saved,
            currency=found.payment.currency,
            ways=await buy_sessions.ways_of(house, entry.institution_id, chosen=found.payment.stripe_method_id or ""),
            script=elements.used_by(request),
            has_failed=bool(tried),
        )
    now = int(time.time())
    state = await _state(house, entry, found, reads, began=since or now, now=now)
    return await frame.show(
        request,
        "purchase.html",
        rail=entry.rail,
        home=entry.home,
        name=entry.seat.institution_name,
        one=shown,
        state=state,
    )


@router.get("/{institution_id}/purchases/{purchase_id}/state")  # noqa: FAST003 - the door takes it
async def moved(
    request: Request,
    house: HouseDep,
    entry: institution_door.PayingEntry,
    purchase_id: models.RowId,
    since: Since = 0,
    seen: Short = "",
) -> Response:
    """The state alone, or 204 while it is the one that was seen."""
    found = await _one(house, entry, purchase_id)
    if found.client_secret is not None:
        return Response(headers={"HX-Redirect": _path(entry, found.payment)})
    state = await _state(house, entry, found, reader.of_request(request), began=since, now=int(time.time()))
    if state.key == seen:
        return Response(status_code=204)
    return frame.fragment(request, "purchase_state.html", state=state)


@router.post("/{institution_id}/purchases/{purchase_id}/cancel", dependencies=[Depends(csrf.guard)])  # noqa: FAST003
async def cancel(house: HouseDep, entry: institution_door.PayingEntry, purchase_id: models.RowId) -> Response:
    """Give up one that waits for a card, and say how it stands."""
    await cancel_purchase.cancel(house.pool, house.stripe, institution_id=entry.institution_id, payment_id=purchase_id)
    return frame.go(f"{entry.home}/purchases/{purchase_id}")


@router.get("/{institution_id}/purchases/{purchase_id}/receipt")  # noqa: FAST003 - the door takes it
async def receipt(
    request: Request, house: HouseDep, entry: institution_door.PayingEntry, purchase_id: models.RowId
) -> Response:
    """A receipt to print; there is none before the money is in."""
    found = await _one(house, entry, purchase_id)
    one = found.payment
    if one.completed_at is None or one.paid_minor is None or found.invoice_id is None:
        raise errors.NotFound("There is no receipt, because this purchase is not paid.")
    invoice = await show_invoices.stored(house.pool, institution_id=entry.institution_id, invoice_id=found.invoice_id)
    billed_to = invoice.billed_to
    return await frame.show(
        request,
        "receipt.html",
        rail=entry.rail,
        receipt=payments.Receipt(
            number=one.invoice_number or str(one.id),
            paid_at=invoice.paid_at or one.completed_at,
            name=str(billed_to.get("company") or billed_to.get("name") or entry.seat.institution_name),
            email=str(billed_to.get("email") or ""),
            method=_METHODS[one.channel],
            package_name=one.package_name,
            credits=one.credits,
            unit=one.unit,
            price=money.short(one.paid_minor, one.currency),
            refunded=money.short(one.refunded_minor, one.currency) if one.refunded_minor else "",
            currency=one.currency.upper(),
            stripe_url=one.receipt_url or "",
        ),
    )


async def _one(house: HouseDep, entry: institution_door.Entry, purchase_id: UUID) -> Purchase:
    return await show_purchases.one(
        house.pool, house.stripe, institution_id=entry.institution_id, payment_id=purchase_id
    )


async def _state(
    house: HouseDep, entry: institution_door.Entry, found: Purchase, reads: Reader, *, began: int, now: int
) -> State:
    available = None
    if found.payment.status == "COMPLETED":
        available = (await show_pool.figures(house.pool, entry.institution_id)).available
    return of_purchase(found, entry, reads, available=available, began=began, waited_seconds=now - began)


def of_purchase(
    found: Purchase,
    entry: institution_door.Entry,
    reads: Reader,
    *,
    available: int | None,
    began: int,
    waited_seconds: int,
) -> State:
    """The state of a purchase for somebody who has waited so long. Pure."""
    payment = found.payment
    is_slow = payment.channel == "PAYMENT_INTENT" and waited_seconds > USUAL_SECONDS
    words = purchase_words.of_purchase(payment, reads, is_slow=is_slow)
    is_made = payment.channel != "INVOICE" or payment.hosted_invoice_url is not None
    key = f"{payment.status}{'' if is_made else '-making'}{'-slow' if is_slow else ''}"
    path = _path(entry, payment)
    is_quick = payment.status == "PENDING" and payment.channel == "PAYMENT_INTENT" and not is_slow
    return State(
        key=key,
        words=words,
        available=available,
        acts=_acts(found, entry),
        is_paper=payment.status == "PENDING" and payment.channel == "INVOICE" and is_made,
        is_moving=payment.status in ("PENDING", "PROCESSING") and waited_seconds < GIVE_UP_SECONDS,
        wait_seconds=_SOON_SECONDS if is_quick else _LATER_SECONDS,
        next_page=f"{path}?since={began}",
        next_poll=f"{path}/state?since={began}&seen={key}",
    )


def _acts(found: Purchase, entry: institution_door.Entry) -> list[Act]:
    payment, home = found.payment, entry.home
    everything = Act(f"{home}/purchases", "All purchases")
    if payment.status == "COMPLETED":
        give = Act(f"{home}/allocations", "Give sessions to students")
        pool = Act(home, "See the pool")
        paper = [] if found.invoice_id is None else [Act(f"{home}/invoices/{found.invoice_id}/pdf", "Invoice as PDF")]
        return [give if entry.may("allocate") else pool, *paper]
    if payment.status in ("EXPIRED", "FAILED"):
        return [Act(f"{home}/buy?quantity={payment.credits}", f"Buy {payment.credits} again"), everything]
    if payment.hosted_invoice_url is not None and found.invoice_id is not None:
        invoice = f"{home}/invoices/{found.invoice_id}"
        price = money.short(payment.price_minor, payment.currency)
        return [Act(invoice, f"Pay {price} on Stripe’s page"), Act(f"{invoice}/pdf", "Invoice as PDF")]
    return [everything]


def _shown(found: Purchase, reads: Reader, buyers: Mapping[UUID, str]) -> Shown:
    one = found.payment
    is_open = one.status == "PENDING" and one.channel == "PAYMENT_INTENT"
    return Shown(
        id=one.id,
        words=purchase_words.listed(one, reads),
        quantity=one.credits,
        unit=one.unit,
        price=money.short(one.price_minor, one.currency),
        price_exact=money.long(one.price_minor, one.currency),
        price_minor=one.price_minor,
        each=money.short(one.unit_price_minor, one.currency) if one.unit_price_minor is not None else "",
        method="Invoice" if one.channel == "INVOICE" else "Card",
        buyer=buyers.get(one.user_id, "") if one.user_id else "",
        refunded=money.long(one.refunded_minor, one.currency) if one.refunded_minor else "",
        disputed=money.long(one.disputed_minor, one.currency) if one.disputed_minor else "",
        created_at=one.created_at,
        completed_at=one.completed_at,
        due_at=one.due_at if one.paid_minor is None else None,
        invoice_number=one.invoice_number or "",
        invoice_id=found.invoice_id,
        is_invoice=one.channel == "INVOICE",
        has_stripe_invoice=one.hosted_invoice_url is not None,
        has_receipt=one.completed_at is not None and one.paid_minor is not None and found.invoice_id is not None,
        is_open=is_open,
    )


def _path(entry: institution_door.Entry, payment: Payment) -> str:
    return f"{entry.home}/purchases/{payment.id}"
