"""Credits set aside: placed, captured, given back, and what happens when the lot or the hold ends meanwhile."""

from datetime import timedelta

import pytest

from tests.ledger.paper import Paper
from topup.core import ids
from topup.ledger import commands
from topup.ledger.book import Account, Hold


@pytest.fixture
def paper() -> Paper:
    return Paper()


@pytest.fixture
def alice(paper: Paper) -> Account:
    return paper.account()


def parts(hold: Hold) -> list[tuple[int, int]]:
    return [(part.amount, part.remaining) for part in hold.parts]


def test_hold_sets_credits_aside_without_a_line_on_the_statement(paper: Paper, alice: Account) -> None:
    paper.credit(alice, 10)
    hold = paper.hold(alice, 4)
    assert (alice.balance, alice.held, alice.available()) == (10, 4, 6)
    assert (hold.status, hold.captured, parts(hold)) == ("OPEN", 0, [(4, 4)])
    assert paper.kinds(alice) == ["PURCHASE"]


def test_hold_takes_lots_in_burn_order(paper: Paper, alice: Account) -> None:
    paid = paper.credit(alice, 10)
    grant = paper.credit(alice, 10, priority=50)
    hold = paper.hold(alice, 15)
    assert [(part.lot, part.amount) for part in hold.parts] == [(grant, 10), (paid, 5)]


def test_hold_is_told_as_it_stands_after_each_step(paper: Paper, alice: Account) -> None:
    paper.credit(alice, 10)
    hold_id, end = ids.new(), paper.now + timedelta(seconds=60)
    command = commands.PlaceHold(alice.id, 6, hold_id, 60, "application:a", description="Essay")
    assert paper.done(command).hold == commands.HoldView(hold_id, alice.id, 6, 0, "OPEN", end)
    hold = paper.holds[hold_id]
    assert (hold.description, hold.actor, hold.created_at) == ("Essay", "application:a", paper.now)
    captured = paper.capture(hold, 2, is_final=False)
    assert isinstance(captured, commands.Done)
    assert captured.hold == commands.HoldView(hold_id, alice.id, 6, 2, "OPEN", end)
    released = paper.release(hold)
    assert isinstance(released, commands.Done)
    assert released.hold == commands.HoldView(hold_id, alice.id, 6, 2, "RELEASED", end)


def test_held_credits_cannot_be_spent_or_held_again(paper: Paper, alice: Account) -> None:
    """Fault 42."""
    paper.credit(alice, 10)
    paper.hold(alice, 4)
    command = commands.Spend(alice.id, 7, paper.cause(), "application:a")
    assert paper.do(command) == commands.Denied("insufficient_credits", available=6, required=7)
    paper.hold(alice, 6)
    assert alice.available() == 0


def test_capture_of_all_closes_the_hold(paper: Paper, alice: Account) -> None:
    paper.credit(alice, 10)
    hold = paper.hold(alice, 4)
    outcome = paper.capture(hold)
    assert isinstance(outcome, commands.Done)
    assert (outcome.entries[0].credits_signed, outcome.entries[0].kind) == (-4, "HOLD_CAPTURE")
    assert (hold.status, hold.captured) == ("CAPTURED", 4)
    assert (alice.balance, alice.held, alice.available()) == (6, 0, 6)


def test_final_capture_of_a_part_gives_the_rest_back(paper: Paper, alice: Account) -> None:
    """Fault 44."""
    paper.credit(alice, 10)
    hold = paper.hold(alice, 4)
    paper.capture(hold, 1)
    assert (hold.status, hold.captured, parts(hold)) == ("CAPTURED", 1, [(4, 0)])
    assert (alice.balance, alice.held, alice.available()) == (9, 0, 9)


def test_partial_captures_leave_the_hold_open_until_it_is_empty(paper: Paper, alice: Account) -> None:
    """Fault 43: together never more than was held."""
    paper.credit(alice, 10)
    hold = paper.hold(alice, 4)
    paper.capture(hold, 1, is_final=False)
    assert (hold.status, hold.captured, alice.held) == ("OPEN", 1, 3)
    assert paper.capture(hold, 4, is_final=False) == commands.Denied("more_than_held", available=3, required=4)
    paper.capture(hold, 3, is_final=False)
    assert (hold.status, hold.captured, alice.held, alice.balance) == ("CAPTURED", 4, 0, 6)
    assert paper.capture(hold, 1) == commands.Denied("hold_closed", details={"status": "CAPTURED"})


def test_capture_empties_lots_in_the_order_in_which_they_would_have_been_spent(paper: Paper, alice: Account) -> None:
    paid = paper.credit(alice, 10)
    grant = paper.credit(alice, 3, priority=50)
    hold = paper.hold(alice, 5)
    outcome = paper.capture(hold, 4)
    assert isinstance(outcome, commands.Done)
    assert paper.moved(outcome.entries[0]) == [(grant, -3), (paid, -1)]
    assert (grant.remaining, paid.remaining) == (0, 9)


def test_release_gives_everything_back_to_its_lots(paper: Paper, alice: Account) -> None:
    lots = [paper.credit(alice, 2), paper.credit(alice, 2)]
    hold = paper.hold(alice, 3)
    paper.release(hold)
    assert [(lot.remaining, lot.held) for lot in lots] == [(2, 0), (2, 0)]
    assert (hold.status, hold.closed_at, alice.held) == ("RELEASED", paper.now, 0)
    assert paper.release(hold) == commands.Denied("hold_closed", details={"status": "RELEASED"})


@pytest.mark.parametrize(("seconds", "status"), [(59, "OPEN"), (60, "EXPIRED"), (61, "EXPIRED")])
def test_hold_ends_at_its_time(paper: Paper, alice: Account, seconds: int, status: str) -> None:
    """Faults 40 and 44."""
    paper.credit(alice, 10)
    hold = paper.hold(alice, 4, seconds=60)
    paper.wait(seconds=seconds)
    paper.settle(alice)
    assert hold.status == status
    assert alice.available() == (6 if status == "OPEN" else 10)


def test_credits_of_a_hold_that_ended_can_be_spent_though_nothing_swept_it(paper: Paper, alice: Account) -> None:
    """Fault 41."""
    paper.credit(alice, 10)
    hold = paper.hold(alice, 10, seconds=60)
    paper.wait(seconds=60)
    paper.spend(alice, 10)
    assert (hold.status, alice.balance) == ("EXPIRED", 0)


def test_capture_of_a_hold_placed_before_its_lot_ended_is_honoured(paper: Paper, alice: Account) -> None:
    """Fault 40: the hold was a promise."""
    lot = paper.credit(alice, 10, valid_days=1)
    paper.wait(hours=23)
    hold = paper.hold(alice, 4, seconds=7200)
    paper.wait(hours=1)
    outcome = paper.capture(hold)
    assert isinstance(outcome, commands.Done)
    assert paper.moved(outcome.entries[0]) == [(lot, -4)]
    assert paper.kinds(alice) == ["PURCHASE", "EXPIRY", "HOLD_CAPTURE"]
    assert alice.balance == 0


def test_what_a_hold_gives_back_to_an_ended_lot_ends_at_once(paper: Paper, alice: Account) -> None:
    """Fault 40."""
    paper.credit(alice, 10, valid_days=1)
    paper.wait(hours=23)
    hold = paper.hold(alice, 4, seconds=7200)
    paper.wait(hours=1)
    paper.release(hold)
    assert (alice.balance, alice.available()) == (0, 0)
    assert paper.kinds(alice) == ["PURCHASE", "EXPIRY", "EXPIRY"]


def test_rest_of_a_final_capture_on_an_ended_lot_ends_at_once(paper: Paper, alice: Account) -> None:
    """Fault 40."""
    paper.credit(alice, 10, valid_days=1)
    hold = paper.hold(alice, 10, seconds=86_400)
    paper.wait(days=1, microseconds=-1)
    paper.capture(hold, 1)
    assert alice.available() == 9
    other = paper.hold(alice, 9, seconds=60)
    paper.wait(microseconds=1)
    paper.capture(other, 1)
    assert (alice.balance, paper.kinds(alice)[-1]) == (0, "EXPIRY")


def test_hold_and_lot_that_end_at_the_same_instant_leave_nothing(paper: Paper, alice: Account) -> None:
    """Fault 40: whichever is booked first."""
    paper.credit(alice, 10, valid_days=1)
    paper.wait(hours=23)
    hold = paper.hold(alice, 10, seconds=3600)
    paper.wait(hours=1)
    paper.settle(alice)
    assert (hold.status, alice.balance, alice.held) == ("EXPIRED", 0, 0)


def test_hold_placed_and_captured_in_one_batch_leaves_one_line(paper: Paper, alice: Account) -> None:
    paper.same_batch = True
    paper.credit(alice, 10)
    hold = paper.hold(alice, 4)
    paper.capture(hold, 3)
    assert (hold.status, hold.captured, alice.available()) == ("CAPTURED", 3, 7)
