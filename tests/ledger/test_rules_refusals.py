"""Every rung of every rule: what is refused, by which name, and that a refusal changes nothing."""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.ledger.paper import Paper
from topup.core import ids
from topup.ledger import commands
from topup.ledger.book import Account, Hold

MAX = 9_007_199_254_740_991


@dataclass
class Scene:
    """Alice has 100 spendable credits and 20 on hold, Bob nothing, Sam an account in sessions."""

    paper: Paper
    alice: Account
    bob: Account
    sam: Account
    hold: Hold
    spent: commands.Entry
    bought: commands.Entry

    def cause(self) -> commands.Cause:
        return self.paper.cause()


@pytest.fixture
def scene() -> Scene:
    paper = Paper()
    alice, bob, sam = paper.account(), paper.account(), paper.account("session")
    paper.credit(alice, 130)
    bought = paper.lines[0].entry
    spent = paper.spend(alice, 10)
    hold = paper.hold(alice, 20)
    return Scene(paper, alice, bob, sam, hold, spent, bought)


def credit(scene: Scene, credits_in: int) -> commands.Credit:
    return commands.Credit(scene.alice.id, credits_in, "PURCHASE", scene.cause(), "stripe")


def spend(scene: Scene, credits_out: int) -> commands.Spend:
    return commands.Spend(scene.alice.id, credits_out, scene.cause(), "application:a")


def place(scene: Scene, credits_held: int) -> commands.PlaceHold:
    return commands.PlaceHold(scene.alice.id, credits_held, ids.new(), 60, "application:a")


def capture(scene: Scene, credits_out: int | None) -> commands.Capture:
    return commands.Capture(scene.alice.id, scene.hold.id, credits_out, scene.cause(), "application:a")


def release(scene: Scene) -> commands.Release:
    return commands.Release(scene.alice.id, scene.hold.id, "application:a")


def reverse(scene: Scene, entry: commands.Entry) -> commands.Reverse:
    return commands.Reverse(scene.alice.id, entry.id, scene.cause(), "application:a")


def move(scene: Scene, target: Account, credits_moved: int) -> commands.Move:
    return commands.Move(scene.alice.id, target.id, credits_moved, scene.cause(), "application:a")


def clawback(scene: Scene, credits_back: int) -> commands.Clawback:
    return commands.Clawback(scene.alice.id, credits_back, ids.new(), "REFUND", scene.cause(), "stripe")


def freeze(scene: Scene) -> None:
    scene.alice.is_frozen = True


def close_hold(scene: Scene) -> None:
    scene.paper.release(scene.hold)


def end_hold(scene: Scene) -> None:
    scene.paper.wait(seconds=3600)


def turn_into_dispute(scene: Scene) -> None:
    scene.hold.kind, scene.hold.expires_at = "DISPUTE", None


def reverse_once(scene: Scene) -> None:
    scene.paper.reverse(scene.spent)


def fill_bob(scene: Scene) -> None:
    scene.paper.credit(scene.bob, MAX)


def nothing(_scene: Scene) -> None:
    pass


UNKNOWN = ids.new()
Make = Callable[[Scene], commands.Command]
RUNGS: list[tuple[str, Callable[[Scene], None], Make, str]] = [
    ("credit nothing", nothing, lambda s: credit(s, 0), "amount_out_of_range"),
    ("credit less than nothing", nothing, lambda s: credit(s, -1), "amount_out_of_range"),
    ("credit 2^53", nothing, lambda s: credit(s, MAX + 1), "amount_out_of_range"),
    ("credit until the balance is 2^53", nothing, lambda s: credit(s, MAX - 119), "amount_out_of_range"),
    ("spend nothing", nothing, lambda s: spend(s, 0), "amount_out_of_range"),
    ("spend less than nothing", nothing, lambda s: spend(s, -100), "amount_out_of_range"),
    ("spend 2^53", nothing, lambda s: spend(s, MAX + 1), "amount_out_of_range"),
    ("spend more than there is", nothing, lambda s: spend(s, 101), "insufficient_credits"),
    ("spend when frozen", freeze, lambda s: spend(s, 1), "account_frozen"),
    ("hold nothing", nothing, lambda s: place(s, 0), "amount_out_of_range"),
    ("hold less than nothing", nothing, lambda s: place(s, -1), "amount_out_of_range"),
    ("hold more than there is", nothing, lambda s: place(s, 101), "insufficient_credits"),
    ("hold when frozen", freeze, lambda s: place(s, 1), "account_frozen"),
    ("capture nothing", nothing, lambda s: capture(s, 0), "more_than_held"),
    ("capture less than nothing", nothing, lambda s: capture(s, -1), "more_than_held"),
    ("capture more than is held", nothing, lambda s: capture(s, 21), "more_than_held"),
    ("capture of a closed hold", close_hold, lambda s: capture(s, 1), "hold_closed"),
    ("capture of a hold that ended", end_hold, lambda s: capture(s, 1), "hold_closed"),
    ("capture of a dispute's hold", turn_into_dispute, lambda s: capture(s, 1), "unknown_hold"),
    ("capture when frozen", freeze, lambda s: capture(s, 1), "account_frozen"),
    ("release of a closed hold", close_hold, release, "hold_closed"),
    ("release of a hold that ended", end_hold, release, "hold_closed"),
    ("release of a dispute's hold", turn_into_dispute, release, "unknown_hold"),
    ("reverse a purchase", nothing, lambda s: reverse(s, s.bought), "not_reversible"),
    ("reverse twice", reverse_once, lambda s: reverse(s, s.spent), "already_reversed"),
    ("move nothing", nothing, lambda s: move(s, s.bob, 0), "amount_out_of_range"),
    ("move less than nothing", nothing, lambda s: move(s, s.bob, -1), "amount_out_of_range"),
    ("move more than there is", nothing, lambda s: move(s, s.bob, 101), "insufficient_credits"),
    ("move to oneself", nothing, lambda s: move(s, s.alice, 1), "same_account"),
    ("move to another unit", nothing, lambda s: move(s, s.sam, 1), "unit_mismatch"),
    ("move when frozen", freeze, lambda s: move(s, s.bob, 1), "account_frozen"),
    ("move until the balance is 2^53", fill_bob, lambda s: move(s, s.bob, 1), "amount_out_of_range"),
    ("claw back nothing", nothing, lambda s: clawback(s, 0), "amount_out_of_range"),
    ("claw back less than nothing", nothing, lambda s: clawback(s, -1), "amount_out_of_range"),
    ("claw back 2^53", nothing, lambda s: clawback(s, MAX + 1), "amount_out_of_range"),
]


@pytest.mark.parametrize(("prepare", "make", "code"), [rung[1:] for rung in RUNGS], ids=[rung[0] for rung in RUNGS])
def test_refusal_has_its_name_and_moves_nothing(
    scene: Scene, prepare: Callable[[Scene], None], make: Make, code: str
) -> None:
    """Faults 42 to 44, 62 and 65."""
    prepare(scene)
    scene.paper.settle(scene.alice)
    before = copy.deepcopy((scene.alice, scene.bob, scene.hold, len(scene.paper.lines), len(scene.paper.holds)))
    outcome = scene.paper.do(make(scene))
    assert isinstance(outcome, commands.Denied)
    assert outcome.code == code
    after = (scene.alice, scene.bob, scene.hold, len(scene.paper.lines), len(scene.paper.holds))
    assert before == after


@pytest.mark.parametrize(
    "make",
    [
        lambda: commands.Credit(UNKNOWN, 1, "PURCHASE", commands.Cause("test", "x"), "stripe"),
        lambda: commands.Spend(UNKNOWN, 1, commands.Cause("test", "x"), "application:a"),
        lambda: commands.PlaceHold(UNKNOWN, 1, ids.new(), 60, "application:a"),
        lambda: commands.Capture(UNKNOWN, ids.new(), 1, commands.Cause("test", "x"), "application:a"),
        lambda: commands.Release(UNKNOWN, ids.new(), "application:a"),
        lambda: commands.Reverse(UNKNOWN, ids.new(), commands.Cause("test", "x"), "application:a"),
        lambda: commands.Move(UNKNOWN, ids.new(), 1, commands.Cause("test", "x"), "application:a"),
        lambda: commands.Clawback(UNKNOWN, 1, ids.new(), "REFUND", commands.Cause("test", "x"), "stripe"),
        lambda: commands.Settle(UNKNOWN),
    ],
    ids=lambda make: type(make()).__name__,
)
def test_account_that_does_not_exist_is_unknown(make: Callable[[], commands.Command]) -> None:
    assert Paper().do(make()) == commands.Denied("unknown_account")


def test_move_to_an_account_that_does_not_exist_is_refused(scene: Scene) -> None:
    command = commands.Move(scene.alice.id, UNKNOWN, 1, scene.cause(), "application:a")
    assert scene.paper.do(command) == commands.Denied("unknown_account")


def test_hold_of_somebody_else_is_as_unknown_as_one_that_does_not_exist(scene: Scene) -> None:
    foreign = commands.Capture(scene.bob.id, scene.hold.id, 1, scene.cause(), "application:a")
    missing = commands.Capture(scene.bob.id, UNKNOWN, 1, scene.cause(), "application:a")
    assert scene.paper.do(foreign) == scene.paper.do(missing) == commands.Denied("unknown_hold")


def test_line_of_somebody_else_is_as_unknown_as_one_that_does_not_exist(scene: Scene) -> None:
    foreign = commands.Reverse(scene.bob.id, scene.spent.id, scene.cause(), "application:a")
    missing = commands.Reverse(scene.bob.id, UNKNOWN, scene.cause(), "application:a")
    assert scene.paper.do(foreign) == scene.paper.do(missing) == commands.Denied("unknown_entry")


def test_refusal_for_want_of_credit_says_what_there_is_and_what_it_takes(scene: Scene) -> None:
    outcome = scene.paper.do(spend(scene, 101))
    assert outcome == commands.Denied("insufficient_credits", available=100, required=101)


@pytest.mark.parametrize("credits_back", [0, -1, MAX + 1])
def test_refusal_of_a_number_that_no_movement_has_says_the_number(scene: Scene, credits_back: int) -> None:
    """Fault 65."""
    for command in (credit(scene, credits_back), spend(scene, credits_back), clawback(scene, credits_back)):
        assert scene.paper.do(command) == commands.Denied("amount_out_of_range", required=credits_back)


def test_refusal_to_reverse_says_what_the_line_is(scene: Scene) -> None:
    outcome = scene.paper.do(reverse(scene, scene.bought))
    assert outcome == commands.Denied("not_reversible", details={"kind": "PURCHASE"})


def test_credit_that_has_expired_already_is_refused(scene: Scene) -> None:
    command = commands.Credit(scene.alice.id, 1, "ADJUSTMENT", scene.cause(), "user:admin", expires_at=scene.paper.now)
    assert scene.paper.do(command) == commands.Denied("already_expired")


def test_largest_number_that_every_client_reads_is_a_balance(scene: Scene) -> None:
    """Fault 65: 2^53 - 1 goes in, comes out, and one more is refused."""
    scene.paper.credit(scene.bob, MAX)
    assert scene.bob.balance == MAX
    one_more = commands.Credit(scene.bob.id, 1, "PURCHASE", scene.cause(), "stripe")
    assert scene.paper.do(one_more) == commands.Denied("amount_out_of_range", required=1)
    scene.paper.spend(scene.bob, MAX)
    assert scene.bob.balance == 0


def test_purchase_of_2_to_the_53_is_refused_even_where_debt_would_swallow_it(scene: Scene) -> None:
    """Fault 65: the balance would be small enough, the transfer would not."""
    scene.paper.clawback(scene.bob, 1000)
    command = commands.Credit(scene.bob.id, MAX + 1, "PURCHASE", scene.cause(), "stripe")
    assert scene.paper.do(command) == commands.Denied("amount_out_of_range", required=MAX + 1)


def test_reversal_that_would_lift_the_balance_over_2_to_the_53_waits_until_there_is_room(scene: Scene) -> None:
    """Fault 65."""
    scene.paper.credit(scene.bob, MAX)
    spent = scene.paper.spend(scene.bob, 5)
    scene.paper.credit(scene.bob, 5)
    assert scene.paper.reverse(spent) == commands.Denied("amount_out_of_range", required=5)
    scene.paper.spend(scene.bob, 5)
    assert isinstance(scene.paper.reverse(spent), commands.Done)
