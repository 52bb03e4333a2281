"""What a payment may become: its states, the facts that Stripe tells, and the one decision between them. Pure.

Facts come late, twice and in any order, so every decision looks at the present state alone and never goes back:
COMPLETED is final, `expired` and `failed` never undo it, and money that comes in late still counts.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal
from uuid import UUID

Status = Literal["PENDING", "PROCESSING", "COMPLETED", "EXPIRED", "FAILED", "REVIEW"]
Channel = Literal["CHECKOUT", "PAYMENT_INTENT", "INVOICE"]


class Told(StrEnum):
    """What a fact says about the money of a payment."""

    PAID = "paid"
    FREE = "free"
    ON_ITS_WAY = "on its way"
    FAILED = "failed"
    DECLINED = "declined"
    CANCELED = "canceled"
    EXPIRED = "expired"
    ISSUED = "issued on trust"
    WRITTEN_OFF = "written off"


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing Stripe said, by an event or when asked. Only PAID facts carry an amount (minor units).

    `payment_id` is a hint from metadata: it finds a payment, but amount, currency, mode and stored ids must agree
    (faults 63).
    """

    told: Told
    source: Channel
    is_live: bool
    payment_id: UUID | None = None
    session_id: str | None = None
    intent_id: str | None = None
    invoice_id: str | None = None
    customer_id: str | None = None
    paid_minor: int | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """Where a payment stands: its snapshot as far as a decision needs it, and what is known of it at Stripe."""

    channel: str
    status: str
    price_minor: int
    currency: str
    is_live: bool
    session_id: str | None
    intent_id: str | None
    invoice_id: str | None
    is_paid: bool = False
    is_given_up: bool = False
    """An admin looked at it and decided that it comes to nothing; whatever is told again changes that no more."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The status to write (None: leave all as it is), whether credits are due now, and why an admin must look.

    A reason without a status is money that does not fit a payment which is decided, because it came once more or not as
    invoiced: the payment stays as it is, and somebody is told.

    Money and credits come together, but for an invoice that was granted on trust: `is_money_in` says that it came.
    """

    status: Status | None = None
    is_credit_due: bool = False
    is_money_in: bool = False
    review_reason: str | None = None


LEAVE = Decision()


def decide(position: Position, fact: Fact) -> Decision:
    """What a fact changes. The same fact again changes nothing, since the state it led to leaves it."""
    if position.is_given_up:
        return _once_more(position, fact) if fact.told is Told.PAID else LEAVE
    match fact.told:
        case Told.PAID:
            return _paid(position, fact)
        case Told.FREE if position.status != "COMPLETED":
            return _review(position, "Stripe asked for no payment, and Topup gives no discount that could explain it")
        case Told.ON_ITS_WAY:
            return _from(position, "PROCESSING", "PENDING")
        case Told.FAILED:
            return _from(position, "FAILED", "PENDING", "PROCESSING")
        case Told.DECLINED:
            # A declined try leaves the buyer free to try again; only a delayed debit of an intent ends by it.
            return _from(position, "FAILED", "PROCESSING") if position.channel == "PAYMENT_INTENT" else LEAVE
        case Told.CANCELED:
            return _from(position, "EXPIRED", "PENDING") if position.channel == fact.source != "CHECKOUT" else LEAVE
        case Told.ISSUED:
            is_due = position.channel == "INVOICE" and position.status == "PENDING"
            return Decision("COMPLETED", is_credit_due=True) if is_due else LEAVE
        case Told.WRITTEN_OFF:
            # Such an invoice can still be paid.
            return LEAVE
        case Told.EXPIRED:
            return _from(position, "EXPIRED", "PENDING")
        case Told.FREE:
            return LEAVE


def after(position: Position, fact: Fact, decision: Decision) -> Position:
    """Where the payment stands once a decision is written, for the next fact of the same batch."""
    if decision.status is None:
        return position
    return replace(
        position,
        status=decision.status,
        session_id=position.session_id or fact.session_id,
        intent_id=position.intent_id or fact.intent_id,
        invoice_id=position.invoice_id or fact.invoice_id,
        is_paid=position.is_paid or decision.is_money_in,
    )


def _paid(position: Position, fact: Fact) -> Decision:
    is_on_trust = position.channel == "INVOICE" and position.status == "COMPLETED" and not position.is_paid
    if position.status == "COMPLETED" and not is_on_trust:
        return _once_more(position, fact)
    if position.status == "REVIEW":
        return LEAVE
    reason = disagreement(position, fact)
    if reason is None:
        return Decision("COMPLETED", is_credit_due=not is_on_trust, is_money_in=True)
    if fact.source != position.channel:
        # The intent of a checkout says what was received, tax and discounts included: only the session can tell them
        # from the price.
        return LEAVE
    return _review(position, reason)


def _once_more(position: Position, fact: Fact) -> Decision:
    """Money by another way than the one on record is new money; the rest was told before."""
    other = _another_object(position, fact)
    return LEAVE if other is None else Decision(review_reason=f"Paid once more. {other}")


def disagreement(position: Position, fact: Fact) -> str | None:
    """In which point the money is not the money that was quoted; None when all agree."""
    if fact.is_live != position.is_live:
        return "The payment was made in another mode (test or live) than it was quoted in"
    if (fact.currency or "").casefold() != position.currency:
        return f"Paid in {fact.currency}, quoted in {position.currency}"
    if fact.paid_minor != position.price_minor:
        return f"Paid {fact.paid_minor}, quoted {position.price_minor} {position.currency} (minor units)"
    return _another_object(position, fact)


def _another_object(position: Position, fact: Fact) -> str | None:
    """Which object at Stripe the money came by, where it is not the one on record."""
    for name, known, told in (
        ("checkout session", position.session_id, fact.session_id),
        ("payment intent", position.intent_id, fact.intent_id),
        ("invoice", position.invoice_id, fact.invoice_id),
    ):
        if known is not None and told is not None and known != told:
            return f"Paid by another {name} ({told}) than the one on record ({known})"
    return None


def _review(position: Position, reason: str) -> Decision:
    if position.status == "COMPLETED":
        return Decision(review_reason=reason)
    return LEAVE if position.status == "REVIEW" else Decision("REVIEW", review_reason=reason)


def _from(position: Position, status: Status, *froms: Status) -> Decision:
    return Decision(status) if position.status in froms else LEAVE
