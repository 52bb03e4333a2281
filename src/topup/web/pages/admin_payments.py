"""Payments at the desk: everybody's, and one of them whole, to be decided or given back.

Money goes back through the same flow as over the API, under a key that the form carries, so that a double click is one
refund. Whatever is refused says what became of the money.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from topup import errors
from topup.core import ids, money
from topup.core.refund_quotes import Quote
from topup.db.payments import Payment, WentBack
from topup.flows import refund, resolve_review, show_holder, show_payment
from topup.runtime.house import House
from topup.web import csrf
from topup.web import errors as problems
from topup.web.api import models
from topup.web.context import HouseDep
from topup.web.pages import admin_door, desk, figures, forms, frame
from topup.web.pages.wording import Tone

PATH = f"{admin_door.HOME}/payments"
PAGE_PAYMENTS = 30
INVALID = 422
TOO_MUCH = "amount_not_refundable"
REASON_LENGTH_MAX = 500
DONE = {
    "refunded": "The money is on its way back, and the credits that went with it are taken back.",
    "asked": "Stripe has not answered yet. It is asked again by itself; the credits are taken back already.",
    "credited": "The payment is credited.",
    "closed": "The payment is closed without credits. Give the money back here if any came in.",
}
_FILTERS = (
    ("", "All"),
    ("REVIEW", "To decide"),
    ("COMPLETED", "Paid"),
    ("PROCESSING", "On their way"),
    ("FAILED", "Failed"),
    ("REFUNDED", "Refunded"),
    ("DISPUTED", "Disputed"),
)
_MONEY_BACK: Mapping[str, WentBack] = {"REFUNDED": "refunded", "DISPUTED": "disputed"}
_DECISIONS: dict[str, tuple[resolve_review.Outcome, str]] = {
    "credit": ("COMPLETED", "credited"),
    "close": ("FAILED", "closed"),
}
Status = Literal["", "REVIEW", "COMPLETED", "PROCESSING", "FAILED", "REFUNDED", "DISPUTED"]
Short = Annotated[str, Query(max_length=40)]

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened, in words."""

    at: datetime
    what: str
    tone: Tone
    money: str
    detail: str


@dataclass(frozen=True, slots=True)
class Refundable:
    """What may go back now; `why` says why not more."""

    is_possible: bool
    amount: str
    credits: str
    why: str


@router.get(PATH)
async def payments(
    request: Request, house: HouseDep, entry: admin_door.AdminEntry, status: Status = "", before: Short = ""
) -> Response:
    """Everybody's, newest first."""
    last = forms.id_of(before) if before else None
    rows = await _newest(house, status, before=last)
    older = {"status": status, "before": rows[PAGE_PAYMENTS - 1].id} if len(rows) > PAGE_PAYMENTS else None
    return await frame.show(
        request,
        "admin_payments.html",
        rail=entry.rail,
        payments=await desk.with_buyers(house, rows[:PAGE_PAYMENTS]),
        filters=[(f"{PATH}?status={word}" if word else PATH, text, word == status) for word, text in _FILTERS],
        is_newest=not before,
        older=f"{PATH}?{urlencode(older)}" if older else "",
    )


@router.get(PATH + "/{payment_id}")
async def payment(
    request: Request, house: HouseDep, entry: admin_door.AdminEntry, payment_id: models.RowId, done: Short = ""
) -> Response:
    """One of them, with all that happened to it."""
    return await _page(request, house, entry, payment_id, done=DONE.get(done, ""))


@router.post(PATH + "/{payment_id}/refunds", dependencies=[Depends(csrf.guard)])
async def give_back(
    request: Request, house: HouseDep, entry: admin_door.AdminEntry, payment_id: models.RowId
) -> Response:
    """Give money back, all that can go or a part of it."""
    values = await forms.read(request, "amount", "reason", "key")
    found = (await show_payment.show(house.pool, payment_id)).payment
    amount_minor = money.typed(values["amount"], found.currency)
    faults = {} if amount_minor else {"amount": "Enter an amount such as 10.00."}
    faults |= _reason_fault(values, "reason")
    if faults:
        return await _page(request, house, entry, payment_id, form=forms.Form(values, faults), status=INVALID)
    key = hashlib.sha256(f"{entry.admin.actor}\ndesk refund\n{forms.id_of(values['key'])}".encode()).digest()
    order = refund.Order(refund.Asker(entry.admin.actor, None), payment_id, amount_minor, values["reason"].strip(), key)
    try:
        made = await refund.give(house.pool, house.stripe, order)
    except errors.TopupError as fault:
        refusal = await _in_money(house, order, found.currency) if fault.code == TOO_MUCH else fault
        return await _refused(request, house, entry, payment_id, values, refusal)
    return _back(payment_id, "asked" if made.status == "requested" else "refunded")


@router.post(PATH + "/{payment_id}/decision", dependencies=[Depends(csrf.guard)])
async def decide(request: Request, house: HouseDep, entry: admin_door.AdminEntry, payment_id: models.RowId) -> Response:
    """Decide a payment that stands in review, once and with a reason."""
    values = await forms.read(request, "decision", "why")
    outcome, word = _DECISIONS.get(values["decision"], _DECISIONS["close"])
    faults = {} if values["decision"] in _DECISIONS else {"decision": "Choose what to do."}
    faults |= _reason_fault(values, "why")
    if faults:
        return await _page(request, house, entry, payment_id, form=forms.Form(values, faults), status=INVALID)
    try:
        reason = values["why"].strip()
        await resolve_review.resolve(house.pool, payment_id, outcome, reason=reason, actor=entry.admin.actor)
    except errors.Conflict as refusal:
        return await _refused(request, house, entry, payment_id, values, refusal)
    return _back(payment_id, word)


async def _newest(house: House, status: Status, *, before: UUID | None) -> Sequence[Payment]:
    """One page, and one more if there is one."""
    if what := _MONEY_BACK.get(status):
        return await show_payment.page_of_money_back(house.pool, what, before=before, limit=PAGE_PAYMENTS + 1)
    return await show_payment.page(house.pool, status=status or None, before=before, limit=PAGE_PAYMENTS + 1)


async def _in_money(house: House, order: refund.Order, currency: str) -> errors.Conflict:
    """The refusal of a sum that is too high, as people count money; the API's says it in minor units."""
    quote = await refund.quote(house.pool, order.asker, order.payment_id)
    why = f" {quote.reason}" if quote.reason else ""
    return errors.Conflict(f"At most {money.long(quote.amount_minor, currency)} can go back now.{why}", code=TOO_MUCH)


async def _refused(
    request: Request,
    house: House,
    entry: admin_door.Entry,
    payment_id: UUID,
    values: dict[str, str],
    refusal: errors.TopupError,
) -> Response:
    status = problems.problem_of(refusal).status
    return await _page(request, house, entry, payment_id, form=forms.refused(values, refusal), status=status)


def _back(payment_id: UUID, word: str) -> Response:
    return frame.go(f"{PATH}/{payment_id}?done={word}")


async def _page(
    request: Request,
    house: House,
    entry: admin_door.Entry,
    payment_id: UUID,
    *,
    done: str = "",
    form: forms.Form = forms.EMPTY,
    status: int = 200,
) -> Response:
    whole = await show_payment.show(house.pool, payment_id)
    holder = await show_holder.holder(house.pool, whole.payment.account_id)
    quote = await refund.quote(house.pool, refund.Asker(entry.admin.actor, None), payment_id)
    one = whole.payment
    return await frame.show(
        request,
        "admin_payment.html",
        rail=entry.rail,
        status=status,
        form=form,
        form_key=str(ids.new()),
        done=done,
        payment=one,
        row=desk.of_payment(one),
        who=desk.of_account(holder),
        facts=_facts(one),
        steps=[_step(step, one) for step in whole.timeline()],
        refundable=_refundable(quote, one),
        refund_form=forms.Form(
            {"amount": str(money.major(quote.amount_minor, one.currency)), **form.values}, form.faults
        ),
    )


def _facts(one: Payment) -> Sequence[tuple[str, str, bool]]:
    """Name, value, and whether it is something to be copied."""
    told = [
        ("Bought", f"{figures.counted(one.credits, one.unit)} for {money.long(one.price_minor, one.currency)}", False),
        ("Paid", money.long(one.paid_minor, one.currency) if one.paid_minor is not None else "", False),
        ("Refunded", money.long(one.refunded_minor, one.currency) if one.refunded_minor else "", False),
        ("Disputed", money.long(one.disputed_minor, one.currency) if one.disputed_minor else "", False),
        ("Taken back", figures.counted(one.credits_taken_back, one.unit) if one.credits_taken_back else "", False),
        ("Reference", str(one.id), True),
        ("Checkout session", one.stripe_session_id or "", True),
        ("Payment intent", one.stripe_intent_id or "", True),
        ("Invoice", one.stripe_invoice_id or "", True),
        ("Customer", one.stripe_customer_id or "", True),
    ]
    return [fact for fact in told if fact[1]]


def _step(step: show_payment.Step, one: Payment) -> Step:
    is_bad = step.what.startswith("dispute") or step.what.endswith(("failed", "refused", "FAILED"))
    tone: Tone = "good" if step.what == "credited" else "careful" if is_bad else "calm"
    amount = money.long(step.amount_minor, one.currency) if step.amount_minor is not None else ""
    words = step.what.replace("_", " ").capitalize()
    return Step(step.at, words, tone, amount, step.detail or "")


def _refundable(quote: Quote, one: Payment) -> Refundable:
    return Refundable(
        is_possible=quote.is_refundable,
        amount=money.short(quote.amount_minor, one.currency),
        credits=figures.counted(quote.credits, one.unit),
        why=quote.reason or "",
    )


def _reason_fault(values: Mapping[str, str], name: str) -> dict[str, str]:
    text = values[name].strip()
    is_one = 0 < len(text) <= REASON_LENGTH_MAX and "\x00" not in text
    return {} if is_one else {name: "Say why, in up to 500 characters."}
