"""The states of a payment in plain words: what happened, what it means for the money, what to do next. And the roles.

Pure. One table for the payments list, the payment's own page and the return page, so that they never disagree.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from topup.core.roles import Role
from topup.db.payments import Payment
from topup.web.pages import figures

Tone = Literal["good", "waiting", "careful", "bad", "calm"]
ROLES: Mapping[Role, str] = {"OWNER": "Owner", "BILLING": "Billing", "MANAGER": "Manager", "STUDENT": "Student"}
ROLE_RIGHTS: Mapping[Role, str] = {
    "OWNER": "may do everything",
    "BILLING": "buys and pays",
    "MANAGER": "gives sessions",
    "STUDENT": "uses sessions",
}
INVITED_AS: Mapping[Role, str] = {
    "OWNER": "as an owner, who may do everything there",
    "BILLING": "to look after its purchases, cards and invoices",
    "MANAGER": "to give sessions to its students",
    "STUDENT": "as a student",
}


@dataclass(frozen=True, slots=True)
class Words:
    """One state: `short` stands in a list, `title` on top of a page."""

    short: str
    title: str
    money: str
    next: str
    tone: Tone


_FIXED = {
    "PENDING": Words(
        "Not paid yet",
        "This payment is not paid yet",
        "No payment has been confirmed.",
        "If you have just paid, the credits come by themselves within minutes: please do not pay twice.",
        "waiting",
    ),
    "PROCESSING": Words(
        "Bank is settling",
        "Your bank is settling the payment",
        "A payment by bank can take several working days. The credits are added when the money arrives.",
        "There is nothing more for you to do, and no need to pay again.",
        "waiting",
    ),
    "EXPIRED": Words(
        "Expired, not charged",
        "This checkout has expired",
        "You have not been charged.",
        "The page at Stripe was open for too long. Choose a package again to get a new one.",
        "bad",
    ),
    "FAILED": Words(
        "Failed, not charged",
        "The payment did not go through",
        "You have not been charged, and no credits were added.",
        "Your bank refused it. Try again with another card, or ask your bank.",
        "bad",
    ),
    "REVIEW": Words(
        "Being checked",
        "We are checking this payment",
        "What Stripe told us does not match what was ordered, so a person looks at it. Your money is not lost: "
        "it becomes credits or it goes back to you.",
        "You need not pay again. If you write to support, quote the reference.",
        "careful",
    ),
}
CONFIRMING = Words(
    "Confirming",
    "Confirming your payment",
    "Stripe has sent you back to us, and we are waiting for its word on the payment.",
    "This takes a few seconds. The page changes by itself.",
    "waiting",
)
STILL_CONFIRMING = Words(
    "Confirming",
    "Still confirming your payment",
    "Stripe’s word is taking longer than usual. If you have paid, nothing is lost: the credits are added as soon as it "
    "comes, and a receipt is mailed to you.",
    "You can close this page and look into your account later. Please do not pay twice.",
    "waiting",
)


def of_payment(one: Payment) -> Words:
    """The words for one payment. Once money went back or is disputed, that is said before that it was paid."""
    if one.status != "COMPLETED":
        return _FIXED[one.status]
    counted = figures.counted(one.credits, one.unit)
    charged_minor = one.charged_minor if one.charged_minor is not None else one.paid_minor
    if one.disputed_minor:
        return Words("Disputed", f"{counted}, disputed", "This payment was disputed at the bank.", "", "careful")
    if one.refunded_minor and one.refunded_minor >= (charged_minor or one.price_minor):
        return Words("Refunded", f"{counted}, refunded", "All of the money went back.", "", "calm")
    if one.refunded_minor:
        return Words("Partly refunded", f"{counted}, partly refunded", "A part of the money went back.", "", "calm")
    return Words("Paid", f"{counted} added", "The payment is complete, and its receipt is mailed to you.", "", "good")
