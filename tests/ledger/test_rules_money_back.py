"""Credits taken back, given back and held while a dispute is open: by whichever way, the same lots in the end."""

import itertools
from collections.abc import Callable

import pytest

from tests.ledger.paper import Paper
from topup.core import ids
from topup.ledger import commands
from topup.ledger.book import Account, Lot

P, Q = ids.new(), ids.new()


@pytest.fixture
def paper() -> Paper:
    return Paper()


@pytest.fixture
def alice(paper: Paper) -> Account:
    return paper.account()


def stock(paper: Paper, alice: Account) -> list[tuple[int, int]]:
    """Free and held credits of each lot, in burn order, and the debt last."""
    lots = sorted(paper.lots.values(), key=Lot.burn_order)
    return [(lot.remaining, lot.held) for lot in lots] + [(-alice.debt, 0)]


def scene() -> tuple[Paper, Account]:
    """A gift of 4, the payment's lot of 10 of which 3 are spent, and another purchase of 6."""
    paper = Paper()
    alice = paper.account()
    paper.credit(alice, 10, payment_id=P)
    paper.spend(alice, 3)
    paper.credit(alice, 6, payment_id=Q)
    paper.credit(alice, 4, kind="PROMOTION", priority=50)
    return paper, alice


def test_what_was_taken_from_elsewhere_goes_back_there_and_the_last_taken_comes_first() -> None:
    """Fault 47: a refund that fails later costs the buyer nothing, whatever it had to take from."""
    paper, alice = scene()
    before = stock(paper, alice)
    paper.clawback(alice, 10, payment_id=P)
    paper.clawback(alice, 10, payment_id=P)
    assert stock(paper, alice)[-1] == (-3, 0)
    entry = paper.give_back(alice, 4, P)
    assert [(lot.payment_id, share) for lot, share in paper.moved(entry)] == [(None, 1)]
    entry = paper.give_back(alice, 8, P)
    assert [(lot.payment_id, share) for lot, share in paper.moved(entry)] == [(None, 3), (Q, 5)]
    paper.give_back(alice, 8, P)
    assert stock(paper, alice) == before


def test_lots_are_taken_from_and_given_back_to_by_whose_they_are_and_not_by_their_age(
    paper: Paper, alice: Account
) -> None:
    """Fault 47: a gift that is older than the purchase is still taken last."""
    gift = paper.credit(alice, 4, kind="PROMOTION", priority=50)
    other = paper.credit(alice, 6, payment_id=Q)
    own = paper.credit(alice, 10, payment_id=P)
    assert paper.moved(paper.clawback(alice, 20, payment_id=P)) == [(own, -10), (other, -6), (gift, -4)]
    assert paper.moved(paper.give_back(alice, 20, P)) == [(gift, 4), (other, 6), (own, 10)]


@pytest.mark.parametrize("steps", list(itertools.product([1, 5, 9, -1, -4], repeat=3)))
def test_taking_and_giving_in_steps_ends_where_one_step_would(steps: tuple[int, ...]) -> None:
    """Faults 5 and 47: only the level counts."""
    paper, alice = scene()
    level = 0
    for wanted in (*steps, 6):
        step = max(wanted, -level)
        level += step
        if step > 0:
            paper.clawback(alice, step, payment_id=P)
        elif step < 0:
            paper.give_back(alice, -step, P)
    other, alice_at_once = scene()
    other.clawback(alice_at_once, level, payment_id=P)
    assert stock(paper, alice) == stock(other, alice_at_once)


ACTS: dict[str, Callable[[Paper, Account], object]] = {
    "refund 2": lambda paper, alice: paper.clawback(alice, 2, payment_id=P),
    "refund 5": lambda paper, alice: paper.clawback(alice, 5, payment_id=P),
    "dispute": lambda paper, alice: paper.dispute(alice, 3, P),
}


@pytest.mark.parametrize("order", list(itertools.permutations(ACTS)), ids=" then ".join)
def test_dispute_before_or_after_refunds_holds_the_same_credits(order: tuple[str, ...]) -> None:
    """Fault 47. The hold is looked at again after each, as the flow does."""
    paper, alice = scene()
    is_disputed = False
    for name in order:
        ACTS[name](paper, alice)
        is_disputed = is_disputed or name == "dispute"
        if is_disputed:
            paper.dispute(alice, 3, P)
    assert stock(paper, alice) == [(4, 0), (0, 0), (6, 0), (0, 0)]
    other, alice_at_once = scene()
    other.clawback(alice_at_once, 4, payment_id=P)
    other.dispute(alice_at_once, 3, P)
    paper, alice = scene()
    paper.dispute(alice, 3, P)
    paper.clawback(alice, 4, payment_id=P)
    assert stock(paper, alice) == stock(other, alice_at_once) == [(4, 0), (0, 3), (6, 0), (0, 0)]


def test_disputed_credits_cannot_be_spent_captured_or_seen_as_a_hosts_hold(paper: Paper, alice: Account) -> None:
    paper.credit(alice, 10, payment_id=P)
    paper.spend(alice, 4)
    paper.dispute(alice, 10, P)
    assert (alice.balance, alice.held, alice.available()) == (6, 6, 0)
    [hold] = paper.holds.values()
    assert (hold.kind, hold.expires_at, hold.credits) == ("DISPUTE", None, 6)
    assert paper.capture(hold) == commands.Denied("unknown_hold")
    assert paper.release(hold) == commands.Denied("unknown_hold")


def test_only_the_disputed_payments_credits_are_held(paper: Paper, alice: Account) -> None:
    own, other = paper.credit(alice, 10, payment_id=P), paper.credit(alice, 5, payment_id=Q)
    paper.dispute(alice, 99, P)
    assert (own.held, other.held, alice.available()) == (10, 0, 5)


def test_dispute_that_is_told_again_changes_nothing(paper: Paper, alice: Account) -> None:
    paper.credit(alice, 10, payment_id=P)
    paper.dispute(alice, 10, P)
    holds, lines = dict(paper.holds), len(paper.lines)
    paper.dispute(alice, 10, P)
    assert (paper.holds, len(paper.lines)) == (holds, lines)


def test_hold_of_a_dispute_is_told_as_it_stands(paper: Paper, alice: Account) -> None:
    paper.credit(alice, 10, payment_id=P)

    def told(credits_max: int) -> commands.HoldView | None:
        return paper.done(commands.HoldDisputed(alice.id, P, credits_max, ids.new(), "stripe")).hold

    assert told(0) is None
    first = told(4)
    assert first is not None
    assert (first.credits, first.status, told(4)) == (4, "OPEN", first)
    second = told(6)
    assert second is not None
    assert (second.id != first.id, paper.holds[first.id].status) == (True, "RELEASED")
    assert told(0) is None
    assert {hold.id: hold.status for hold in paper.holds.values()} == {first.id: "RELEASED", second.id: "RELEASED"}


def test_lost_dispute_takes_what_was_held_for_it(paper: Paper, alice: Account) -> None:
    own = paper.credit(alice, 10, payment_id=P)
    paper.spend(alice, 4)
    paper.dispute(alice, 10, P)
    entry = paper.clawback(alice, 10, payment_id=P)
    assert paper.moved(entry) == [(own, -6)]
    [hold] = paper.holds.values()
    assert (hold.status, hold.captured, alice.held, alice.debt) == ("CAPTURED", 6, 0, 4)


def test_all_that_a_lost_dispute_took_is_captured_whatever_the_lots_and_steps(paper: Paper, alice: Account) -> None:
    for credits_in in (4, 3, 2):
        paper.credit(alice, credits_in, payment_id=P)
    paper.dispute(alice, 9, P)
    paper.clawback(alice, 5, payment_id=P)
    [hold] = paper.holds.values()
    assert (hold.status, hold.captured, hold.closed_at) == ("OPEN", 5, None)
    paper.clawback(alice, 4, payment_id=P)
    assert (hold.status, hold.captured, hold.closed_at) == ("CAPTURED", 9, paper.now)


def test_clawback_takes_free_credits_of_a_disputed_lot_before_held_ones(paper: Paper, alice: Account) -> None:
    own = paper.credit(alice, 10, payment_id=P)
    paper.dispute(alice, 4, P)
    assert paper.moved(paper.clawback(alice, 8, payment_id=P)) == [(own, -8)]
    assert (own.remaining, own.held) == (0, 2)


def test_freed_credits_repay_debt_first(paper: Paper, alice: Account) -> None:
    """Fault 46."""
    paper.credit(alice, 10, payment_id=P)
    paper.dispute(alice, 10, P)
    paper.clawback(alice, 3, payment_id=Q)
    assert (alice.held, alice.debt) == (10, 3)
    paper.dispute(alice, 10, P)
    assert alice.debt == 3, "held credits are not touched while the dispute is open"
    paper.dispute(alice, 0, P)
    assert (alice.balance, alice.held, alice.debt, alice.available()) == (7, 0, 0, 7)


def test_end_of_a_held_lot_waits_and_comes_with_the_end_of_the_dispute(paper: Paper, alice: Account) -> None:
    lot = paper.credit(alice, 10, valid_days=1, payment_id=P)
    paper.dispute(alice, 10, P)
    paper.wait(days=2)
    paper.settle(alice)
    assert (lot.held, alice.balance) == (10, 10)
    paper.dispute(alice, 0, P)
    assert alice.balance == 0
    assert paper.kinds(alice) == ["PURCHASE", "EXPIRY"]


def test_credits_given_back_to_an_ended_lot_end_at_once(paper: Paper, alice: Account) -> None:
    paper.credit(alice, 10, valid_days=1, payment_id=P)
    paper.clawback(alice, 10, payment_id=P)
    paper.wait(days=2)
    paper.give_back(alice, 10, P)
    assert alice.balance == 0
    assert paper.kinds(alice) == ["PURCHASE", "REFUND", "REFUND", "EXPIRY"]


def test_given_back_credits_keep_their_priority_and_end(paper: Paper, alice: Account) -> None:
    own = paper.credit(alice, 10, valid_days=5, payment_id=P)
    paper.clawback(alice, 10, payment_id=P)
    paper.give_back(alice, 10, P)
    assert [lot.id for lot in alice.lots] == [own.id]
    assert own.remaining == 10


def test_debt_that_was_repaid_meanwhile_comes_back_as_a_lot_on_the_purchases_terms(
    paper: Paper, alice: Account
) -> None:
    own = paper.credit(alice, 10, valid_days=5, payment_id=P)
    paper.spend(alice, 10)
    paper.clawback(alice, 10, payment_id=P)
    paper.credit(alice, 7, payment_id=Q)
    paper.give_back(alice, 10, P)
    assert (alice.balance, alice.debt, alice.available()) == (7, 0, 7)
    [back] = alice.lots
    assert (back.amount, back.payment_id, back.expires_at, back.priority) == (7, P, own.expires_at, 100)


def test_terms_of_what_comes_back_are_those_of_the_payments_oldest_lot_on_the_account(
    paper: Paper, alice: Account
) -> None:
    """Not of what else is there, nor of what went on to somebody else."""
    bob = paper.account()
    paper.credit(bob, 1, valid_days=1, payment_id=P)
    paper.credit(alice, 1, valid_days=2, payment_id=Q)
    oldest = paper.credit(alice, 5, valid_days=5, payment_id=P)
    paper.credit(alice, 5, valid_days=4, payment_id=P)
    paper.spend(alice, 11)
    paper.clawback(alice, 10, payment_id=P)
    paper.credit(alice, 10)
    paper.give_back(alice, 10, P)
    [back] = [lot for lot in alice.lots if lot.remaining]
    assert (back.remaining, back.payment_id, back.expires_at) == (10, P, oldest.expires_at)


def test_what_comes_back_to_one_account_leaves_the_lots_of_another_alone(paper: Paper, alice: Account) -> None:
    """Whoever asks names one account, also where the payment's credits were taken from two."""
    bob = paper.account()
    paper.credit(alice, 5, payment_id=P)
    paper.credit(bob, 5)
    paper.clawback(alice, 2, payment_id=P)
    paper.clawback(bob, 3, payment_id=P)
    paper.give_back(alice, 2, P)
    assert (alice.balance, bob.balance) == (5, 2)
    assert [lot.remaining for lot in paper.lots.values()] == [5, 2]


def test_what_comes_back_of_a_payment_that_brought_no_lot_never_ends(paper: Paper, alice: Account) -> None:
    paper.give_back(alice, 3, P)
    [back] = alice.lots
    assert (back.remaining, back.priority, back.expires_at, back.source, back.payment_id) == (3, 100, None, "REFUND", P)


def test_hold_of_a_host_keeps_its_promise_and_what_it_releases_is_held_at_the_next_look(
    paper: Paper, alice: Account
) -> None:
    own: Lot = paper.credit(alice, 10, payment_id=P)
    hold = paper.hold(alice, 4)
    paper.dispute(alice, 10, P)
    assert own.held == 10
    paper.release(hold)
    assert alice.available() == 4
    paper.dispute(alice, 10, P)
    assert (alice.held, alice.available()) == (10, 0)


@pytest.mark.parametrize("credits_in", [0, -1, 2**53])
def test_amounts_out_of_range_are_refused(paper: Paper, alice: Account, credits_in: int) -> None:
    """Fault 65."""
    cause = commands.money_back(P, 1)
    command = commands.GiveBack(alice.id, credits_in, P, "REFUND", cause, "stripe")
    assert paper.do(command) == commands.Denied("amount_out_of_range", required=credits_in)


def test_of_several_lots_of_a_payment_the_last_is_held_and_the_first_is_taken(paper: Paper, alice: Account) -> None:
    """A pool has several when sessions came back to it; so it makes no difference what comes first."""
    first, last = paper.credit(alice, 5, payment_id=P), paper.credit(alice, 5, payment_id=P)
    paper.dispute(alice, 3, P)
    assert [(lot.remaining, lot.held) for lot in (first, last)] == [(5, 0), (2, 3)]
    paper.clawback(alice, 6, payment_id=P)
    assert [(lot.remaining, lot.held) for lot in (first, last)] == [(0, 0), (1, 3)]
    paper.dispute(alice, 0, P)
    paper.give_back(alice, 6, P)
    assert [(lot.remaining, lot.held) for lot in (first, last)] == [(5, 0), (5, 0)]
