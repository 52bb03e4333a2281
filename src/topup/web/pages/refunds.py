"""Money back as a buyer asks for it: how much and for which credits first, then the act, and what became of it.

The form carries a key of its own, so that a double click or a reload is one refund. A buyer's page follows the policy
of the package also for an admin, whose own page it is not.
"""

import hashlib
from dataclasses import dataclass
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from topup import errors
from topup.core import ids, money
from topup.core.people import Person
from topup.core.refund_quotes import Quote
from topup.db.disputes import Dispute
from topup.db.payments import Payment
from topup.db.refunds import Refund
from topup.flows import refund, show_payment, show_payments
from topup.web import csrf, people
from topup.web.api import fields, models
from topup.web.context import HouseDep
from topup.web.pages import figures, forms, frame

KEY = "formKey"
DONE = "refunded"
NOTICE = "Your money is on its way back. It reaches your card or bank account within about ten days."
_REFUNDS = {
    "requested": "{price} is being sent back to you.",
    "pending": "{price} is on its way back to you.",
    "succeeded": "{price} was sent back to you. Banks take up to ten days to show it.",
    "requires_action": "{price} can be sent back once you have answered Stripe’s mail about it.",
    "failed": "A refund of {price} did not go through. Write to support, who finds another way.",
}
_DISPUTES = {
    "asked about": "Your bank has asked about {price} of this payment.",
    "open": "{price} of this payment is disputed. What is unspent of it is set aside until your bank decides.",
    "lost": "Your bank gave you {price} of this payment back, and what was bought with it was taken back.",
    "over": "A dispute over {price} of this payment has ended. The payment stands.",
}

router = APIRouter(include_in_schema=False)


class Wish(models.Body):
    """Why the money shall go back."""

    reason: fields.Reason


@dataclass(frozen=True, slots=True)
class Offer:
    """What can go back now, as text; no price where nothing can."""

    price: str
    counted: str
    reason: str

    @property
    def is_open(self) -> bool:
        """Whether there is anything to ask for."""
        return bool(self.price)


def offer(payment: Payment, quote: Quote) -> Offer:
    """A quote as the templates take it."""
    price = money.short(quote.amount_minor, payment.currency) if quote.is_refundable else ""
    return Offer(price, figures.counted(quote.credits, payment.unit), quote.reason or "")


def stories(whole: show_payment.Whole) -> list[str]:
    """What went back or may, in plain words, oldest first. A refund that was refused is nobody's story."""
    told = [(one.created_at, _of_refund(one)) for one in whole.refunds]
    told += [(one.opened_at, _of_dispute(one)) for one in whole.disputes]
    return [story for _, story in sorted(told) if story]


@router.get("/payments/{payment_id}/refund")
async def ask(request: Request, house: HouseDep, person: people.SignedInDep, payment_id: models.RowId) -> Response:
    """What would go back, to be agreed to."""
    return await _page(request, house, person, payment_id)


@router.post("/payments/{payment_id}/refund", dependencies=[Depends(csrf.guard)])
async def give(request: Request, house: HouseDep, person: people.SignedInDep, payment_id: models.RowId) -> Response:
    """Send it back."""
    values = await forms.read(request, "reason", "amount", KEY)
    wish, form = forms.judge(Wish, {"reason": values["reason"]})
    if wish is None:
        return await _page(request, house, person, payment_id, form=form, status=422)
    key = hashlib.sha256(f"{person.actor}\nrefund page\n{values[KEY]}".encode()).digest()
    # The sum that the person has read; where it has changed meanwhile, they read again.
    amount_minor = int(values["amount"]) if values["amount"].isascii() and values["amount"].isdigit() else None
    order = refund.Order(_asker(person), payment_id, amount_minor, wish.reason, key)
    try:
        await refund.give(house.pool, house.stripe, order)
    except (errors.Conflict, errors.Invalid) as refusal:
        return await _page(request, house, person, payment_id, form=forms.refused(values, refusal), status=409)
    return frame.go(f"/payments/{payment_id}?done={DONE}")


async def quoted(house: HouseDep, person: Person, payment: Payment) -> Offer:
    """What a payment's own page offers."""
    return offer(payment, await refund.quote(house.pool, _asker(person), payment.id))


def _asker(person: Person) -> refund.Asker:
    return refund.Asker(person.actor, person.user_id)


def _of_refund(one: Refund) -> str:
    return _REFUNDS.get(one.status, "").format(price=money.short(one.amount_minor, one.currency))


def _of_dispute(one: Dispute) -> str:
    return _DISPUTES[show_payment.standing(one)].format(price=money.short(one.amount_minor, one.currency))


async def _page(
    request: Request,
    house: HouseDep,
    person: Person,
    payment_id: UUID,
    *,
    form: forms.Form = forms.EMPTY,
    status: int = 200,
) -> Response:
    payment = await show_payments.own(house.pool, user_id=person.user_id, payment_id=payment_id)
    quote = await refund.quote(house.pool, _asker(person), payment_id)
    return await frame.show(
        request,
        "refund.html",
        status=status,
        payment_id=payment_id,
        package_name=payment.package_name,
        offer=offer(payment, quote),
        amount_minor=quote.amount_minor,
        form=form,
        form_key=str(ids.new()),
    )
