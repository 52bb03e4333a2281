"""Credits taken back, the debt where they are spent already, and everything that repays it."""

import itertools

import pytest

from tests.ledger.paper import Paper
from topup.core import ids
from topup.ledger import commands
from topup.ledger.book import Account


@pytest.fixture
def paper() -> Paper:
    return Paper()


@pytest.fixture
def alice(paper: Paper) -> Account:
    return paper.account()


def in_debt(paper: Paper, alice: Account, credits_owed: int) -> commands.Entry:
    """Alice bought, spent and was refunded; the line of the spend."""
    paper.credit(alice, credits_owed)
    spent = paper.spend(alice, credits_owed)
    paper.clawback(alice, credits_owed)
    assert (alice.balance, alice.debt) == (-credits_owed, credits_owed)
    return spent


def test_clawback_takes_its_own_lot_then_paid_ones_then_any_then_debt(paper: Paper, alice: Account) -> None:
    """Faults 45 and 47."""
    refunded, other = ids.new(), ids.new()
    gift = paper.credit(alice, 10, kind="PROMOTION", priority=50)
    paid = paper.credit(alice, 10, payment_id=other)
    own = paper.credit(alice, 10, payment_id=refunded)
    taken = [paper.moved(paper.clawback(alice, 8, payment_id=refunded)) for _ in range(4)]
    assert taken == [[(own, -8)], [(own, -2), (paid, -6)], [(paid, -4), (gift, -4)], [(gift, -6)]]
    assert (alice.balance, alice.debt) == (-2, 2)


@pytest.mark.parametrize("credits_back", [1, 9_007_199_254_740_991])
def test_clawback_may_be_as_small_or_as_large_as_any_movement(paper: Paper, alice: Account, credits_back: int) -> None:
    """Fault 65."""
    paper.clawback(alice, credits_back)
    assert alice.debt == credits_back


def test_clawback_of_spent_credits_is_debt_and_nothing_can_be_spent(paper: Paper, alice: Account) -> None:
    """Fault 46."""
    in_debt(paper, alice, 10)
    assert alice.available() == 0
    command = commands.Spend(alice.id, 1, paper.cause(), "application:a")
    assert paper.do(command) == commands.Denied("insufficient_credits", available=0, required=1)


def test_clawback_leaves_what_is_held_and_takes_it_when_it_comes_back(paper: Paper, alice: Account) -> None:
    """Fault 45."""
    paper.credit(alice, 10)
    hold = paper.hold(alice, 6)
    paper.clawback(alice, 10)
    assert (alice.balance, alice.held, alice.debt) == (0, 6, 6)
    paper.release(hold)
    assert (alice.balance, alice.held, alice.debt, alice.available()) == (0, 0, 0, 0)
    assert paper.kinds(alice) == ["PURCHASE", "REFUND", "ADJUSTMENT", "ADJUSTMENT"]
    causes = [(transfer.cause.type, transfer.cause.id) for transfer in paper.transfers[-2:]]
    assert causes == [("debt_repayment", f"{hold.id}:out"), ("debt_repayment", f"{hold.id}:in")]


def test_held_credits_are_captured_though_the_account_is_in_debt(paper: Paper, alice: Account) -> None:
    """Fault 45: the hold was a promise."""
    paper.credit(alice, 10)
    hold = paper.hold(alice, 6)
    paper.clawback(alice, 10)
    paper.capture(hold)
    assert (alice.balance, alice.held, alice.debt) == (-6, 0, 6)


def test_rest_of_a_final_capture_repays_debt(paper: Paper, alice: Account) -> None:
    paper.credit(alice, 10)
    hold = paper.hold(alice, 6)
    paper.clawback(alice, 10)
    paper.capture(hold, 1)
    assert (alice.balance, alice.debt, alice.available()) == (-1, 1, 0)


def test_hold_that_ends_repays_debt(paper: Paper, alice: Account) -> None:
    paper.credit(alice, 10)
    paper.hold(alice, 6, seconds=60)
    paper.clawback(alice, 6)
    assert (alice.balance, alice.debt) == (4, 2)
    paper.wait(seconds=60)
    paper.settle(alice)
    assert (alice.balance, alice.debt, alice.available()) == (4, 0, 4)


@pytest.mark.parametrize("is_swept", [True, False], ids=["swept in between", "not swept"])
def test_holds_that_ended_repay_debt_in_the_order_in_which_they_ended(
    paper: Paper, alice: Account, *, is_swept: bool
) -> None:
    """Fault 41: it makes no difference when they are booked."""
    paper.credit(alice, 4)
    paper.hold(alice, 4, seconds=120)
    grant = paper.credit(alice, 4, priority=50)
    paper.hold(alice, 4, seconds=60)
    paper.clawback(alice, 3)
    paper.wait(seconds=60)
    if is_swept:
        paper.settle(alice)
    paper.wait(seconds=60)
    paper.settle(alice)
    assert (alice.available(), grant.remaining) == (5, 1)


@pytest.mark.parametrize(
    ("kind", "priority"), [("PURCHASE", 100), ("PROMOTION", 50), ("WELCOME_BONUS", 50), ("DISPUTE", 100)]
)
@pytest.mark.parametrize(
    ("credits_in", "debt", "available"), [(4, 6, 0), (10, 0, 0), (15, 0, 5)], ids=["a part", "all", "more"]
)
def test_whatever_comes_in_repays_debt_first(
    paper: Paper, alice: Account, kind: str, priority: int, credits_in: int, debt: int, available: int
) -> None:
    """Fault 46: a purchase, a grant, a dispute that was won."""
    in_debt(paper, alice, 10)
    lot = paper.credit(alice, credits_in, kind=kind, priority=priority)
    assert (alice.debt, alice.available(), lot.remaining) == (debt, available, available)
    assert paper.lines[-1].entry.credits_signed == credits_in
    assert lot.amount == credits_in


def test_reversed_spend_repays_debt_first(paper: Paper, alice: Account) -> None:
    spent = in_debt(paper, alice, 10)
    paper.clawback(alice, 5)
    paper.reverse(spent)
    assert (alice.balance, alice.debt, alice.available()) == (-5, 5, 0)


def test_credits_moved_in_repay_debt_first(paper: Paper, alice: Account) -> None:
    in_debt(paper, alice, 10)
    bob = paper.account()
    paper.credit(bob, 20)
    paper.move(bob, alice, 15)
    assert (alice.balance, alice.debt, alice.available(), bob.balance) == (5, 0, 5, 5)


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_order_in_which_debt_and_credits_come_makes_no_difference_to_the_balance(
    paper: Paper, alice: Account, order: tuple[int, ...]
) -> None:
    """Fault 47."""
    acts = [
        lambda: paper.credit(alice, 10),
        lambda: paper.clawback(alice, 7),
        lambda: paper.credit(alice, 3, kind="PROMOTION", priority=50),
        lambda: paper.clawback(alice, 9),
    ]
    for number in order:
        acts[number]()
    assert (alice.balance, alice.debt, alice.available()) == (-3, 3, 0)
