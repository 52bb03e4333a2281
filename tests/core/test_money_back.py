"""What has gone back decides what is taken back: all histories of refunds and disputes end in the same ledger.

Exhaustive on the pure rules: every history of up to six things that Stripe can do, looked at after each of them, twice,
or only now and then, ends as one look at the end would (faults 5 and 47), within the bounds R1 and R2.
"""

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest

from tests.ledger.paper import Paper
from topup.core import ids, money_back
from topup.core.money_back import Dispute, Money, Purchase, Refund, Taken
from topup.ledger.book import Account, Lot

P, Q = ids.new(), ids.new()
CREDITS, PAID = 7, 1000
LENGTH_MAX = 6
IS_LONG = os.environ.get("TOPUP_STORM") == "1"


@dataclass(frozen=True)
class Stripe:
    """What Stripe has of one charge: three refunds that may be made, two disputes that may be opened."""

    refunds: tuple[Refund | None, ...] = (None, None, None)
    disputes: tuple[Dispute | None, ...] = (None, None)

    def money(self) -> Money:
        return money_back.count(filter(None, self.refunds), filter(None, self.disputes))


REFUND_SIZES = (300, 333, 1000)
DISPUTE_SIZES = (1000, 250)
REFUND_STEPS = {None: "pending", "pending": "succeeded", "succeeded": "failed"}
DISPUTE_STEPS: dict[str | None, tuple[str, ...]] = {
    None: ("warning_needs_response", "needs_response"),
    "warning_needs_response": ("needs_response", "warning_closed"),
    "needs_response": ("lost", "won"),
    "lost": ("appeal_under_review",),
    "appeal_under_review": ("won",),
}


def next_steps(stripe: Stripe) -> Iterator[Stripe]:
    """Everything that can happen next. A refund is never of more than is left (that is Stripe's to refuse)."""
    for number, refund in enumerate(stripe.refunds):
        status = REFUND_STEPS.get(refund.status if refund else None)
        made = [one for one in (*stripe.refunds[:number], *stripe.refunds[number + 1 :]) if one and one.is_money_back]
        if status is None or (refund is None and sum(one.amount_minor for one in made) + REFUND_SIZES[number] > PAID):
            continue
        refunds = list(stripe.refunds)
        refunds[number] = Refund(REFUND_SIZES[number], status)
        yield replace(stripe, refunds=tuple(refunds))
    for number, dispute in enumerate(stripe.disputes):
        for status in DISPUTE_STEPS.get(dispute.status if dispute else None, ()):
            disputes = list(stripe.disputes)
            disputes[number] = Dispute(DISPUTE_SIZES[number], status)
            yield replace(stripe, disputes=tuple(disputes))


def histories(length: int) -> Iterator[tuple[Stripe, ...]]:
    """All of that length, each as the states that it went through."""
    if length == 0:
        yield (Stripe(),)
        return
    for before in histories(length - 1):
        for after in next_steps(before[-1]):
            yield (*before, after)


@dataclass
class Books:
    """A ledger on paper where the payment was bought and partly spent, and the flow that keeps it level."""

    spent: int
    paper: Paper = field(default_factory=Paper)
    alice: Account = field(init=False)
    taken: Taken = field(default_factory=lambda: Taken(0, 0))

    def __post_init__(self) -> None:
        self.alice = self.paper.account()
        self.paper.credit(self.alice, CREDITS, payment_id=P)
        if self.spent:
            self.paper.spend(self.alice, self.spent)
        self.paper.credit(self.alice, 2, payment_id=Q)

    def look(self, stripe: Stripe) -> None:
        """What a worker does when it has read Stripe."""
        plan = money_back.plan(Purchase(PAID, CREDITS), stripe.money(), self.taken, expired=0)
        if plan.credits > 0:
            self.paper.clawback(self.alice, plan.credits, payment_id=P)
        elif plan.credits < 0:
            self.paper.give_back(self.alice, -plan.credits, P)
        self.paper.dispute(self.alice, plan.hold_max, P)
        self.taken = Taken(self.taken.credits + plan.credits, self.taken.expired_instead + plan.expired_instead)

    def state(self) -> object:
        lots = sorted(self.paper.lots.values(), key=Lot.burn_order)
        return [(lot.remaining, lot.held) for lot in lots], self.alice.debt, self.taken


ENDS: dict[tuple[Stripe, int], object] = {}


def end(stripe: Stripe, spent: int) -> object:
    """The books after one look, at the end."""
    if (stripe, spent) not in ENDS:
        books = Books(spent)
        books.look(stripe)
        ENDS[stripe, spent] = books.state()
    return ENDS[stripe, spent]


def looked_at(history: tuple[Stripe, ...]) -> list[Stripe]:
    """Some of the states are seen late or twice, the last always: which, is fixed by the history's own shape."""
    seen = [state for number, state in enumerate(history) if (hash(str(history)) >> number) % 3]
    return [*seen, *seen[-1:], history[-1]]


@pytest.mark.parametrize("length", range(1, LENGTH_MAX + 1))
def test_amounts_of_every_history_are_those_of_its_end(length: int) -> None:
    """Faults 5 and 47, R1 and R2, on every history: whatever was seen on the way, the net taken back is the target."""
    purchase, tried = Purchase(PAID, CREDITS), 0
    for history in histories(length):
        taken = Taken(0, 0)
        for state in history:
            plan = money_back.plan(purchase, state.money(), taken, expired=0)
            taken = Taken(taken.credits + plan.credits, taken.expired_instead + plan.expired_instead)
            assert taken.credits == CREDITS * min(PAID, state.money().back_minor) // PAID
            assert 0 <= taken.credits <= CREDITS
            again = money_back.plan(purchase, state.money(), taken, expired=0)
            assert (again.credits, again.expired_instead) == (0, 0), "told twice, it changes nothing"
        tried += 1
    assert tried > 0


def transitions() -> set[tuple[Stripe, Stripe]]:
    """From every state that a history of that length passes through to every one that it can see next."""
    found: set[tuple[Stripe, Stripe]] = set()
    reached = {Stripe()}
    for _ in range(LENGTH_MAX):
        steps = {(before, after) for before in reached for after in next_steps(before)}
        found |= steps
        reached = {after for _, after in steps}
    return found


@pytest.mark.parametrize("spent", [0, 4, 7])
def test_every_step_from_every_state_ends_in_the_ledger_of_the_state_reached(spent: int) -> None:
    """Faults 5 and 47: by induction over the steps, all orders of all histories up to length six end in one ledger.

    Whatever the way to a state, its ledger is `end(state)`; so it is enough that every step from there leads to the
    `end` of the next. Told twice and told backwards (seen out of order) are steps like any other.
    """
    for before, after in transitions():
        for first, then in ((before, after), (after, before), (before, before)):
            books = Books(spent)
            books.look(first)
            books.look(then)
            assert books.state() == end(then, spent), (first, then)


def test_histories_that_skip_and_repeat_end_in_the_same_ledger() -> None:
    """The same once more without the induction, on a sample of whole histories."""
    sample = itertools.islice(histories(LENGTH_MAX), 0, None, 97 if IS_LONG else 1999)
    for history in sample:
        books = Books(spent=4)
        for state in looked_at(history):
            books.look(state)
        assert books.state() == end(history[-1], 4), history


@pytest.mark.parametrize("status", ["requested", "pending", "requires_action", "succeeded"])
def test_refund_counts_from_the_moment_it_is_asked_for(status: str) -> None:
    assert Refund(1, status).is_money_back


@pytest.mark.parametrize("status", ["failed", "canceled", "refused"])
def test_refund_counts_no_more_when_it_has_failed(status: str) -> None:
    assert not Refund(1, status).is_money_back


@pytest.mark.parametrize(
    ("status", "withdrawn", "reinstated", "standing"),
    [
        ("warning_needs_response", 0, 0, "asked about"),
        ("warning_under_review", 0, 0, "asked about"),
        ("warning_closed", 0, 0, "asked about"),
        ("needs_response", 10, 0, "open"),
        ("under_review", 10, 0, "open"),
        ("under_review", 10, 10, "over"),
        ("lost", 10, 0, "lost"),
        ("lost", 0, 0, "lost"),
        ("lost", 10, 10, "over"),
        ("appeal_needs_response", 10, 0, "lost"),
        ("won", 10, 10, "over"),
        ("won", 10, 0, "over"),
        ("prevented", 0, 0, "over"),
        ("a word of tomorrow", 10, 0, "open"),
    ],
)
def test_dispute_means_what_its_status_and_funds_say(
    status: str, withdrawn: int, reinstated: int, standing: str
) -> None:
    """Fault 48: an inquiry takes nothing and holds nothing."""
    assert Dispute(10, status, withdrawn, reinstated).standing == standing


@pytest.mark.parametrize(
    ("paid", "credits"), [(1000, 100), (999, 7), (7, 999), (1, 1), (3, 1000), (10_000_000, 100_000)]
)
def test_parts_add_up_to_the_whole_and_are_never_above_it(paid: int, credits: int) -> None:
    """Fault 64."""
    purchase = Purchase(paid, credits)
    shares = [purchase.share(back) for back in range(0, paid + 1, max(1, paid // 997))]
    assert shares == sorted(shares)
    assert purchase.share(paid) == purchase.share(paid * 3) == credits
    assert purchase.share(0) == purchase.share(-5) == 0
    assert purchase.share(paid - 1) < credits or credits > paid


def test_expired_credits_count_first_and_are_uncounted_last() -> None:
    purchase = Purchase(1000, 100)
    plan = money_back.plan(purchase, Money(1000, 0, 0), Taken(0, 0), expired=30)
    assert (plan.credits, plan.expired_instead) == (70, 30)
    plan = money_back.plan(purchase, Money(500, 0, 0), Taken(70, 30), expired=30)
    assert (plan.credits, plan.expired_instead) == (-50, 0)
    plan = money_back.plan(purchase, Money(1000, 0, 0), Taken(20, 30), expired=30)
    assert (plan.credits, plan.expired_instead) == (50, 0), "none counts twice"
    plan = money_back.plan(purchase, Money(0, 0, 0), Taken(70, 30), expired=30)
    assert (plan.credits, plan.expired_instead) == (-70, -30)


def test_credits_that_expire_after_a_clawback_change_nothing_by_themselves() -> None:
    plan = money_back.plan(Purchase(1000, 100), Money(500, 0, 0), Taken(50, 0), expired=50)
    assert (plan.credits, plan.expired_instead) == (0, 0)


def test_open_disputes_hold_what_losing_them_would_take() -> None:
    purchase = Purchase(1000, 100)
    assert money_back.plan(purchase, Money(0, 0, 1000), Taken(0, 0), expired=0).hold_max == 100
    assert money_back.plan(purchase, Money(600, 0, 1000), Taken(60, 0), expired=0).hold_max == 40
    assert money_back.plan(purchase, Money(0, 1000, 250), Taken(100, 0), expired=0).hold_max == 0


def test_without_a_charge_nothing_is_taken() -> None:
    assert money_back.plan(Purchase(0, 100), Money(10, 0, 0), Taken(0, 0), expired=0).credits == 0


def test_money_is_counted_by_what_became_of_each_refund_and_dispute() -> None:
    """Said in figures, since the histories above count both sides with the same function."""
    refunds = [Refund(100, "succeeded"), Refund(30, "pending"), Refund(500, "failed")]
    disputes = [
        Dispute(1, "lost"),
        Dispute(2, "lost"),
        Dispute(4, "needs_response"),
        Dispute(8, "under_review"),
        Dispute(16, "won"),
        Dispute(32, "warning_needs_response"),
    ]
    assert money_back.count(refunds, disputes) == Money(refunded_minor=130, lost_minor=3, open_minor=12)
    assert money_back.count([], []) == Money(0, 0, 0)
