"""How many credits go back with the money, computed anew from all that Stripe says of a payment at one moment. Pure.

Level-based: nothing here knows events. What has gone back by now decides what should have been taken by now, so that
duplicates, disorder, partial and failed refunds, disputes won, reinstated or crossed by a refund are no special cases.
Money is in minor units of one currency. Called by topup.flows.take_money_back and topup.flows.refund.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Standing = Literal["asked about", "open", "lost", "over"]

# Stripe's words (https://docs.stripe.com/refunds#see-also, https://docs.stripe.com/disputes); "refused" is ours.
UNDONE = frozenset({"failed", "canceled", "refused"})
DISPUTES_OVER = frozenset({"won", "prevented"})
INQUIRY = "warning_"
APPEAL = "appeal_"


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund; "requested" is one of ours that Stripe has not answered yet."""

    amount_minor: int
    status: str

    @property
    def is_money_back(self) -> bool:
        """Whether it counts: from the moment it is asked for until it fails."""
        return self.status not in UNDONE


@dataclass(frozen=True, slots=True)
class Dispute:
    """A dispute with the funds that moved by it."""

    amount_minor: int
    status: str
    withdrawn_minor: int = 0
    reinstated_minor: int = 0

    @property
    def standing(self) -> Standing:
        """What it means for us. Only a lost one is money back; an appeal is against one that was lost.

        A word that Stripe adds tomorrow counts as open: its credits are held, and nothing is taken for good.
        """
        is_reinstated = 0 < self.withdrawn_minor <= self.reinstated_minor
        if self.status in DISPUTES_OVER or is_reinstated:
            return "over"
        if self.status.startswith(INQUIRY):
            return "asked about"
        return "lost" if self.status == "lost" or self.status.startswith(APPEAL) else "open"


@dataclass(frozen=True, slots=True)
class Purchase:
    """What was charged, tax included, and what was granted for it."""

    charged_minor: int
    credits: int

    def share(self, back_minor: int) -> int:
        """The credits that go with so much of the money, rounded down; all of them with all of it (faults 64)."""
        if self.charged_minor <= 0:
            return 0
        return self.credits * min(self.charged_minor, max(0, back_minor)) // self.charged_minor


@dataclass(frozen=True, slots=True)
class Money:
    """Where the money of a payment is."""

    refunded_minor: int
    lost_minor: int
    open_minor: int

    @property
    def back_minor(self) -> int:
        """What has gone back for good, as things stand."""
        return self.refunded_minor + self.lost_minor


@dataclass(frozen=True, slots=True)
class Taken:
    """What has been taken back so far: credits by the ledger, and expired ones that count as taken."""

    credits: int
    expired_instead: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What must change: credits to take (negative: to give back), expired ones to count, how many to hold at most."""

    credits: int
    expired_instead: int
    hold_max: int


def count(refunds: Iterable[Refund], disputes: Iterable[Dispute]) -> Money:
    """Where the money is, from all refunds and disputes there are."""
    by_standing = {"asked about": 0, "open": 0, "lost": 0, "over": 0}
    for dispute in disputes:
        by_standing[dispute.standing] += dispute.amount_minor
    refunded_minor = sum(refund.amount_minor for refund in refunds if refund.is_money_back)
    return Money(refunded_minor, by_standing["lost"], by_standing["open"])


def plan(purchase: Purchase, money: Money, taken: Taken, expired: int) -> Plan:
    """From what should be taken back and what is, to the difference.

    `expired` are the credits of this purchase that ended unused, ever: the buyer has lost them already, so they count
    first. Going down, credits come back before expired ones are uncounted, since only credits can be spent.
    """
    target = purchase.share(money.back_minor)
    hold_max = purchase.share(money.back_minor + money.open_minor) - target
    missing = target - taken.credits - taken.expired_instead
    if missing >= 0:
        instead = min(missing, max(0, expired - taken.expired_instead))
        return Plan(missing - instead, instead, hold_max)
    given_back = min(-missing, taken.credits)
    return Plan(-given_back, missing + given_back, hold_max)
