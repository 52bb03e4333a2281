"""Which lot pays, and when a lot has ended."""

from datetime import timedelta

import pytest

from tests.ledger.paper import NOW, Paper
from topup.core import ids
from topup.ledger import commands
from topup.ledger.book import Lot


def shares(paper: Paper, entry: commands.Entry) -> list[tuple[Lot, int]]:
    return [(lot, -change) for lot, change in paper.moved(entry)]


def test_lower_priority_is_spent_first() -> None:
    paper = Paper()
    alice = paper.account()
    paid = paper.credit(alice, 10, priority=commands.PURCHASE_PRIORITY)
    welcome = paper.credit(alice, 10, priority=commands.GRANT_PRIORITY, kind="WELCOME_BONUS")
    assert shares(paper, paper.spend(alice, 15)) == [(welcome, 10), (paid, 5)]


def test_priority_goes_before_expiry() -> None:
    paper = Paper()
    alice = paper.account()
    ending = paper.credit(alice, 10, valid_days=1)
    lasting = paper.credit(alice, 10, priority=commands.GRANT_PRIORITY)
    assert shares(paper, paper.spend(alice, 11)) == [(lasting, 10), (ending, 1)]


def test_earlier_expiry_is_spent_first_and_never_comes_last() -> None:
    paper = Paper()
    alice = paper.account()
    never = paper.credit(alice, 10)
    later = paper.credit(alice, 10, valid_days=2)
    sooner = paper.credit(alice, 10, valid_days=1)
    assert shares(paper, paper.spend(alice, 25)) == [(sooner, 10), (later, 10), (never, 5)]


def test_older_lot_is_spent_first_among_equals() -> None:
    paper = Paper()
    alice = paper.account()
    first, second, third = (paper.credit(alice, 10) for _ in range(3))
    assert shares(paper, paper.spend(alice, 25)) == [(first, 10), (second, 10), (third, 5)]


def test_lots_that_came_in_one_batch_are_burnt_in_the_order_in_which_they_came() -> None:
    paper = Paper(same_batch=True)
    alice = paper.account()
    lots = [paper.credit(alice, 1) for _ in range(20)]
    assert [lot for lot, _ in shares(paper, paper.spend(alice, 20))] == lots


@pytest.mark.parametrize(
    ("microseconds", "available"), [(-1, 10), (0, 0), (1, 0)], ids=["just before", "at the instant", "just after"]
)
def test_lot_lives_while_now_is_before_its_end(microseconds: int, available: int) -> None:
    """Fault 40: at the very instant of its end it is over."""
    paper = Paper()
    alice = paper.account()
    paper.credit(alice, 10, expires_at=NOW + timedelta(hours=1))
    paper.wait(hours=1, microseconds=microseconds)
    paper.settle(alice)
    assert alice.available() == available
    assert ("EXPIRY" in paper.kinds(alice)) is (available == 0)


def test_expired_credits_cannot_be_spent_though_nothing_swept_them() -> None:
    """Fault 41: a week without a sweep."""
    paper = Paper()
    alice = paper.account()
    paper.credit(alice, 10, valid_days=1)
    paper.credit(alice, 3)
    paper.wait(days=8)
    command = commands.Spend(alice.id, 4, paper.cause(), "application:a")
    assert paper.do(command) == commands.Denied("insufficient_credits", available=3, required=4)
    assert paper.kinds(alice) == ["PURCHASE", "PURCHASE", "EXPIRY"]


def test_expiry_takes_what_its_own_lot_still_has_and_nothing_else() -> None:
    """Fault 41: a sweep that runs twice books once."""
    paper = Paper()
    alice = paper.account()
    ending, lasting = paper.credit(alice, 10, valid_days=1), paper.credit(alice, 10)
    paper.spend(alice, 4)
    paper.wait(days=1)
    for _ in range(2):
        paper.settle(alice)
    assert (ending.remaining, lasting.remaining, alice.balance) == (0, 10, 10)
    assert paper.kinds(alice) == ["PURCHASE", "PURCHASE", "USAGE", "EXPIRY"]


def test_each_expiry_of_a_lot_has_a_cause_of_its_own() -> None:
    """Fault 41: by the lot and the line, since credits may come back to a lot that has ended and end again."""
    paper = Paper()
    alice = paper.account()
    lot = paper.credit(alice, 10, valid_days=1)
    spent = paper.spend(alice, 4)
    paper.wait(days=1)
    paper.settle(alice)
    paper.reverse(spent)
    causes = [(line.entry.cause.type, line.entry.cause.id) for line in paper.lines if line.entry.kind == "EXPIRY"]
    assert causes == [("expiry", f"{lot.id}:3"), ("expiry", f"{lot.id}:5")]


def test_lot_ends_its_days_after_it_came_in_and_not_after_it_was_bought() -> None:
    paper = Paper()
    lot = paper.credit(paper.account(), 10, valid_days=30)
    assert lot.expires_at == NOW + timedelta(days=30)


def test_lot_remembers_what_brought_it() -> None:
    paper, payment_id = Paper(), ids.new()
    lot = paper.credit(paper.account(), 10, payment_id=payment_id, kind="PURCHASE")
    assert (lot.payment_id, lot.source, lot.priority, lot.amount, lot.opened_seq) == (
        payment_id,
        "PURCHASE",
        100,
        10,
        1,
    )


def test_spend_of_everything_leaves_nothing_and_the_next_is_refused() -> None:
    paper = Paper()
    alice = paper.account()
    paper.credit(alice, 7)
    paper.spend(alice, 7)
    command = commands.Spend(alice.id, 1, paper.cause(), "application:a")
    assert paper.do(command) == commands.Denied("insufficient_credits", available=0, required=1)
