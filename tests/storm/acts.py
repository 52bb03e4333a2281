"""What an application may ask for, told twice: as a command to the ledger, and as a move of coins in the model."""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from hypothesis import strategies as st

from tests import asking
from tests.storm import coins, stage
from topup.core import ids
from topup.ledger import commands

HOST = "application:host"
VERBS = ("grant", "spend", "spend", "hold", "capture", "release", "reverse", "move")
Play = Callable[[], str]


@dataclass(frozen=True)
class Act:
    """One thing that is asked for. `which` is taken modulo what there is; without any, credits are spent instead."""

    verb: str
    who: int
    other: int
    which: int
    count: int
    hours: int
    is_final: bool


ACTS = st.builds(
    Act,
    verb=st.sampled_from(VERBS),
    who=st.integers(min_value=0, max_value=3),
    other=st.integers(min_value=0, max_value=3),
    which=st.integers(min_value=0, max_value=50),
    count=st.integers(min_value=0, max_value=9),
    hours=st.integers(min_value=0, max_value=5),
    is_final=st.booleans(),
)


@dataclass
class Told:
    """An act as a command; `play` makes the same move in the model and returns the model's word for how it went."""

    verb: str
    command: commands.Command
    play: Play


def tell(act: Act, real: stage.Stage, model: coins.Coins) -> Told:
    """Translate an act. Holds and lines are those that were there before the batch."""
    if act.verb in ("capture", "release") and real.holds:
        return _on_hold(act, act.which % len(real.holds), real, model)
    if act.verb == "reverse" and real.uses:
        return _reverse(act.which % len(real.uses), real, model)
    tellers = {"grant": _grant, "hold": _hold, "move": _move}
    return tellers.get(act.verb, _spend)(act, real, model)


def _grant(act: Act, real: stage.Stage, model: coins.Coins) -> Told:
    ends = model.now + act.hours + 0.5 if act.hours else inf
    command = commands.Credit(
        real.accounts[act.who],
        act.count * 3,
        "PROMOTION",
        asking.cause(),
        "topup",
        priority=10 * (act.which % 3),
        expires_at=real.time(ends) if act.hours else None,
    )
    return Told("grant", command, lambda: model.credit(act.who, act.count * 3, command.priority, ends))


def _spend(act: Act, real: stage.Stage, model: coins.Coins) -> Told:
    command = commands.Spend(real.accounts[act.who], act.count, asking.cause(), HOST)
    return Told("spend", command, lambda: model.spend(act.who, act.count))


def _hold(act: Act, real: stage.Stage, model: coins.Coins) -> Told:
    hours = act.hours + 0.5
    hold_id = real.next_hold_id()
    command = commands.PlaceHold(real.accounts[act.who], act.count, hold_id, int(hours * 3600), HOST)

    def play() -> str:
        outcome = model.hold(act.who, act.count, model.now + hours)
        if outcome == "done":
            real.holds.append(hold_id)
        return outcome

    return Told("hold", command, play)


def _on_hold(act: Act, which: int, real: stage.Stage, model: coins.Coins) -> Told:
    account_id, hold_id = real.accounts[model.holds[which].purse], real.holds[which]
    if act.verb == "release":
        return Told("release", commands.Release(account_id, hold_id, HOST), lambda: model.release(which))
    count = act.count or None
    command = commands.Capture(account_id, hold_id, count, asking.cause(), HOST, act.is_final)
    return Told("capture", command, lambda: model.capture(which, count, is_final=act.is_final))


def _reverse(which: int, real: stage.Stage, model: coins.Coins) -> Told:
    account_id, entry_id = real.uses[which]
    command = commands.Reverse(account_id, entry_id, asking.cause(), HOST)
    return Told("reverse", command, lambda: model.reverse(which))


def _move(act: Act, real: stage.Stage, model: coins.Coins) -> Told:
    source, target = real.accounts[act.who], real.accounts[act.other]
    command = commands.Move(source, target, act.count, asking.cause(), HOST)
    return Told("move", command, lambda: model.move(act.who, act.other, act.count))


def key() -> str:
    """A fresh idempotency key."""
    return str(ids.new())
