"""How one object at Stripe and one payment of ours compare: agree, to be mended, or to be explained by a person. Pure.

Mending is topup.core.payments' decision, the same as for a delivery; this adds what no delivery would ever say.
"""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from topup.core import payments
from topup.core.payments import Channel, Fact, Position, Told


class Kind(StrEnum):
    """What does not agree."""

    NO_PAYMENT = "object_without_payment"
    NO_OBJECT = "payment_without_object"
    OTHER_SUM = "other_sum"
    PAID_AGAIN = "paid_again"
    NOT_CREDITED = "paid_not_credited"
    NOT_TAKEN_BACK = "money_back_not_booked"


MEANINGS = {
    Kind.NO_PAYMENT: "Stripe has an object with our mark, paid or still payable, for which there is no payment here",
    Kind.NO_OBJECT: "a completed payment for which Stripe has nothing that succeeded",
    Kind.OTHER_SUM: "a completed payment of another amount, currency or mode than at Stripe",
    Kind.PAID_AGAIN: "money came in for a payment that was completed by another object",
    Kind.NOT_CREDITED: "paid at Stripe, and crediting it failed",
    Kind.NOT_TAKEN_BACK: "a refund or dispute that could not be booked for over a quarter of an hour",
}


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """One thing to be explained: `subject` is Stripe's id or, where Stripe has none, our payment's."""

    kind: Kind
    subject: str
    payment_id: UUID | None
    told: str


@dataclass(frozen=True, slots=True)
class Object:
    """A session, intent or invoice at Stripe, as far as it is compared."""

    id: str
    channel: Channel
    hint: UUID | None
    is_payable: bool
    fact: Fact | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows. `is_mendable`: the fact changes our payment; `is_proof`: Stripe has the money of this payment."""

    is_mendable: bool = False
    is_proof: bool = False
    discrepancy: Discrepancy | None = None


AGREES = Verdict()


def compare(payment_id: UUID | None, position: Position | None, found: Object) -> Verdict:
    """Compare an object with the payment it belongs to; None where there is none."""
    if position is None:
        return _without_payment(found)
    if found.fact is None:
        return AGREES
    decision = payments.decide(position, found.fact)
    is_paid = found.fact.told is Told.PAID
    if decision.status is not None:
        return Verdict(is_mendable=True, is_proof=is_paid)
    if decision.review_reason is not None:
        return Verdict(discrepancy=Discrepancy(Kind.PAID_AGAIN, found.id, payment_id, decision.review_reason))
    if not is_paid or found.channel != position.channel or position.status != "COMPLETED":
        return Verdict(is_proof=is_paid)
    difference = payments.disagreement(position, found.fact)
    other = None if difference is None else Discrepancy(Kind.OTHER_SUM, found.id, payment_id, difference)
    return Verdict(is_proof=True, discrepancy=other)


def _without_payment(found: Object) -> Verdict:
    """Only what carries our mark is ours, and what ended unpaid is nobody's loss."""
    if found.hint is None:
        return AGREES
    has_money = found.fact is not None and found.fact.told in (Told.PAID, Told.FREE, Told.ON_ITS_WAY)
    if not has_money and not found.is_payable:
        return AGREES
    state = "paid" if has_money else "open to be paid"
    told = f"It names payment {found.hint}, which does not exist, and is {state}"
    return Verdict(discrepancy=Discrepancy(Kind.NO_PAYMENT, found.id, found.hint, told))
