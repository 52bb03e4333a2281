"""How much of a payment can go back now, in money and credits, and why not more. Pure.

A buyer gets back what is unspent, within the days that the package was sold with; an admin may refund all that is left
of a charge, credited or not, spent or not, and what cannot be taken back becomes debt. Called by topup.flows.refund.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from topup.core.money_back import Money, Purchase, Taken


@dataclass(frozen=True, slots=True)
class Case:
    """All that decides. `unspent` is what is free of the payment's own lots, `expired` what ended unused."""

    purchase: Purchase
    money: Money
    taken: Taken
    unspent: int
    expired: int
    is_complete: bool
    completed_at: datetime | None
    refund_days: int | None
    now: datetime
    unit: str


@dataclass(frozen=True, slots=True)
class Quote:
    """What can go back now; the reason is None when that is everything."""

    amount_minor: int
    credits: int
    reason: str | None

    @property
    def is_refundable(self) -> bool:
        """Whether anything can."""
        return self.amount_minor > 0


def for_admin(case: Case) -> Quote:
    """All that is left of the charge."""
    if reason := _why_nothing(case):
        return Quote(0, 0, reason)
    left_minor = _left_minor(case)
    reason = "The rest of the money has gone back already." if case.money.back_minor else None
    return Quote(left_minor, _credits(case, left_minor), reason)


def for_buyer(case: Case) -> Quote:
    """The unspent rest, within the package's policy."""
    if not case.is_complete:
        return Quote(0, 0, "The payment is not complete.")
    if reason := _why_nothing(case) or _why_not_by_policy(case):
        return Quote(0, 0, reason)
    amount_minor = max(0, _worth_minor(case) - case.money.back_minor)
    if amount_minor == 0:
        return Quote(0, 0, f"None of its {case.unit}s are left to give back.")
    is_all = amount_minor == case.purchase.charged_minor
    reason = None if is_all else f"Only unspent {case.unit}s can go back, and {case.unspent} are."
    return Quote(amount_minor, _credits(case, amount_minor), reason)


def whole_credits_minor(case: Case, amount_minor: int) -> int:
    """The most that a buyer who asks for so much can get without keeping a credit that was paid back in part."""
    total = case.purchase.share(case.money.back_minor + amount_minor)
    return min(amount_minor, max(0, _price_minor(case.purchase, total) - case.money.back_minor))


def _why_nothing(case: Case) -> str | None:
    if case.purchase.charged_minor <= 0:
        return "No money has come in for this payment."
    if case.money.open_minor:
        return "The payment is disputed, so the bank decides about the money."
    if _left_minor(case) <= 0:
        return "All of the money has gone back already."
    return None


def _why_not_by_policy(case: Case) -> str | None:
    if case.refund_days is None or case.completed_at is None:
        return "This package is sold without refunds. Write to support if something went wrong."
    if case.now >= (ended_at := case.completed_at + timedelta(days=case.refund_days)):
        return f"Refunds were possible until {ended_at.day} {ended_at:%B %Y}."
    if case.expired > case.taken.expired_instead:
        return f"Some of its {case.unit}s have expired. Write to support, who can look at it."
    return None


def _left_minor(case: Case) -> int:
    """While nothing is disputed: of a disputed payment nothing can go back."""
    return case.purchase.charged_minor - case.money.back_minor


def _credits(case: Case, amount_minor: int) -> int:
    if not case.is_complete:
        return 0
    return case.purchase.share(case.money.back_minor + amount_minor) - case.purchase.share(case.money.back_minor)


def _worth_minor(case: Case) -> int:
    """How much money may be back in all when every unspent credit is."""
    back = min(case.purchase.credits, case.purchase.share(case.money.back_minor) + case.unspent)
    return _price_minor(case.purchase, back)


def _price_minor(purchase: Purchase, credits_back: int) -> int:
    """The price of so many credits, rounded up to the sum that takes them all, and never to one that takes more."""
    charged_minor = purchase.charged_minor
    rounded_up = -(-charged_minor * credits_back // purchase.credits)
    most = -(-charged_minor * (credits_back + 1) // purchase.credits) - 1
    return min(charged_minor, rounded_up, most)
