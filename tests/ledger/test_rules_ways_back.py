"""Reversals, transfers between accounts, and what a frozen account still takes."""

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


@pytest.fixture
def bob(paper: Paper) -> Account:
    return paper.account()


def entry_of(outcome: commands.Outcome) -> commands.Entry:
    assert isinstance(outcome, commands.Done), outcome
    return outcome.entries[-1]


def test_reversal_goes_back_to_the_same_lots_in_reverse_order(paper: Paper, alice: Account) -> None:
    grant, paid = paper.credit(alice, 10, priority=50), paper.credit(alice, 10)
    spent = paper.spend(alice, 15)
    undone = entry_of(paper.reverse(spent))
    assert paper.moved(undone) == [(paid, 5), (grant, 10)]
    assert (undone.credits_signed, undone.kind, alice.balance) == (15, "REVERSAL", 20)


def test_reversal_names_the_transfer_that_it_undoes(paper: Paper, alice: Account) -> None:
    paper.credit(alice, 10)
    spent = paper.spend(alice, 4)
    undone = entry_of(paper.reverse(spent))
    [transfer] = [transfer for transfer in paper.transfers if transfer.id == undone.transfer_id]
    assert (transfer.reverses, transfer.credits) == (spent.transfer_id, 4)


def test_reversal_of_a_capture_opens_no_hold_again(paper: Paper, alice: Account) -> None:
    paper.credit(alice, 10)
    captured = entry_of(paper.capture(paper.hold(alice, 4), 3))
    paper.reverse(captured)
    assert (alice.balance, alice.held, alice.available()) == (10, 0, 10)


def test_reversal_repays_debt_from_what_was_spent_last(paper: Paper, alice: Account) -> None:
    grant, paid = paper.credit(alice, 10, priority=50), paper.credit(alice, 10)
    spent = paper.spend(alice, 20)
    paper.clawback(alice, 12)
    undone = entry_of(paper.reverse(spent))
    assert paper.moved(undone) == [(grant, 8)]
    assert (grant.remaining, paid.remaining, alice.debt) == (8, 0, 0)


def test_credits_reversed_into_an_ended_lot_end_at_once(paper: Paper, alice: Account) -> None:
    """Fault 40."""
    paper.credit(alice, 10, valid_days=1)
    spent = paper.spend(alice, 4)
    paper.wait(days=1)
    paper.reverse(spent)
    assert alice.balance == 0
    assert paper.kinds(alice) == ["PURCHASE", "USAGE", "EXPIRY", "REVERSAL", "EXPIRY"]


def test_second_reversal_in_the_same_batch_is_refused(paper: Paper, alice: Account) -> None:
    paper.credit(alice, 10)
    spent = paper.spend(alice, 4)
    paper.same_batch = True
    paper.settle(alice)
    paper._book = None
    assert isinstance(paper.reverse(spent), commands.Done)
    assert paper.reverse(spent) == commands.Denied("already_reversed")
    assert alice.balance == 10


def test_credits_keep_their_end_priority_and_payment_when_they_move(paper: Paper, alice: Account, bob: Account) -> None:
    payment_id = ids.new()
    gift = paper.credit(alice, 4, kind="PROMOTION", priority=50, valid_days=3)
    paid = paper.credit(alice, 10, payment_id=payment_id)
    outcome = paper.move(alice, bob, 6)
    assert isinstance(outcome, commands.Done)
    debit, credit = outcome.entries
    assert (debit.account_id, debit.credits_signed) == (alice.id, -6)
    assert (credit.account_id, credit.credits_signed) == (bob.id, 6)
    arrived = [(lot.amount, lot.expires_at, lot.priority, lot.source, lot.payment_id) for lot in bob.lots]
    assert arrived == [
        (4, gift.expires_at, 50, "PROMOTION", None),
        (2, None, 100, "PURCHASE", payment_id),
    ]
    assert (gift.remaining, paid.remaining) == (0, 8)


def test_lots_that_move_together_keep_their_order(paper: Paper, alice: Account, bob: Account) -> None:
    payments = [ids.new() for _ in range(12)]
    for payment_id in payments:
        paper.credit(alice, 1, payment_id=payment_id)
    paper.move(alice, bob, 12)
    assert [lot.payment_id for lot, _ in paper.moved(paper.spend(bob, 12))] == payments


def test_what_is_overdue_where_credits_arrive_is_booked_before_them(paper: Paper, alice: Account, bob: Account) -> None:
    paper.credit(alice, 10)
    paper.credit(bob, 3, valid_days=1)
    paper.wait(days=1)
    paper.move(alice, bob, 5)
    assert paper.kinds(bob) == ["PURCHASE", "EXPIRY", "TRANSFER"]


def test_both_lines_of_a_move_tell_of_one_transfer(paper: Paper, alice: Account, bob: Account) -> None:
    paper.credit(alice, 10)
    outcome = paper.move(alice, bob, 10)
    assert isinstance(outcome, commands.Done)
    assert len({entry.transfer_id for entry in outcome.entries}) == 1
    assert alice.balance + bob.balance == 10


def test_moved_credits_end_with_the_lot_they_came_from(paper: Paper, alice: Account, bob: Account) -> None:
    paper.credit(alice, 10, valid_days=1)
    paper.move(alice, bob, 6)
    paper.wait(days=1)
    paper.settle(bob)
    assert (bob.balance, paper.kinds(bob)) == (0, ["TRANSFER", "EXPIRY"])


def test_clawback_follows_no_credits_that_were_moved_away(paper: Paper, alice: Account, bob: Account) -> None:
    """From a pool likewise: what students have, they keep, and the pool owes."""
    payment_id = ids.new()
    paper.credit(alice, 10, payment_id=payment_id)
    paper.move(alice, bob, 8)
    paper.clawback(alice, 10, payment_id=payment_id)
    assert (alice.balance, alice.debt, bob.balance) == (-8, 8, 8)


@pytest.fixture
def frozen(paper: Paper, alice: Account) -> Account:
    paper.credit(alice, 10)
    alice.is_frozen = True
    return alice


def test_frozen_account_still_takes_what_comes_in(paper: Paper, frozen: Account, bob: Account) -> None:
    paper.credit(frozen, 5)
    paper.credit(bob, 5)
    assert isinstance(paper.move(bob, frozen, 5), commands.Done)
    assert frozen.balance == 20


def test_frozen_account_takes_back_a_reversal_and_a_released_hold(paper: Paper, alice: Account) -> None:
    paper.credit(alice, 10)
    spent, hold = paper.spend(alice, 4), paper.hold(alice, 3)
    alice.is_frozen = True
    assert isinstance(paper.reverse(spent), commands.Done)
    assert isinstance(paper.release(hold), commands.Done)
    assert (alice.balance, alice.held) == (10, 0)


def test_money_that_went_back_is_taken_from_a_frozen_account_too(paper: Paper, frozen: Account) -> None:
    paper.clawback(frozen, 12)
    assert (frozen.balance, frozen.debt) == (-2, 2)


def test_nothing_ends_on_a_frozen_account_until_it_thaws(paper: Paper, alice: Account) -> None:
    """What was wrong about it shall be looked at as it was."""
    paper.credit(alice, 10, valid_days=1)
    hold = paper.hold(alice, 4, seconds=60)
    alice.is_frozen = True
    paper.wait(days=2)
    paper.settle(alice)
    assert (alice.balance, hold.status) == (10, "OPEN")
    alice.is_frozen = False
    paper.settle(alice)
    assert (alice.balance, hold.status) == (0, "EXPIRED")
