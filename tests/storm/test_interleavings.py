"""Every pair of money operations at once, statement by statement, in orders drawn by lot, ends as one after the other.

Both outcomes and all figures must be what the model of coins says of one of the two serial orders: an operation that
read before it had the lock would show here.
"""

import asyncio
import copy
import itertools
import random
from collections.abc import Awaitable, Callable, Iterator
from math import inf

import pytest

from tests import asking
from tests.storm import acts, coins, dice, stage, turns
from tests.storm.acts import Act, Told
from topup.db import sql
from topup.flows import requests, verify
from topup.flows.requests import Answer, KeyReused
from topup.ledger import commands

pytestmark = pytest.mark.storm

ROUNDS = max(1, int(dice.MINUTES / 6)) if dice.IS_LONG else 1


def act(verb: str, who: int = 0, other: int = 1, count: int = 6) -> Act:
    return Act(verb, who, other, which=0, count=count, hours=2, is_final=True)


# Alice has 9 to spend and 4 on hold, Bob has 5: some pairs cannot both have all they want, and one is refused.
OPERATIONS: dict[str, Act] = {
    "grant": act("grant", count=3),
    "spend": act("spend"),
    "hold": act("hold"),
    "capture": act("capture", count=3),
    "capture all": act("capture", count=0),
    "release": act("release"),
    "reverse": act("reverse"),
    "move to Bob": act("move", 0, 1),
    "move to Alice": act("move", 1, 0, 5),
    "claw back": act("claw back", count=11),
    "sweep": act("sweep"),
}
PAIRS = list(itertools.combinations_with_replacement(OPERATIONS, 2))


@pytest.fixture(scope="module")
def theatre(shared_database_url: str) -> Iterator[tuple[stage.Stage, sql.Connection]]:
    """A stage whose pool can be stepped, and a connection that sees who waits for whom."""
    with asyncio.Runner() as runner:
        opened = turns.pool(shared_database_url)
        pool = runner.run(opened.__aenter__())
        monitor = runner.run(_connect(shared_database_url))
        yield stage.Stage(pool, runner), monitor
        runner.run(monitor.close())
        runner.run(opened.__aexit__(None, None, None))


async def _connect(database_url: str) -> sql.Connection:
    return await turns.psycopg.AsyncConnection.connect(database_url, autocommit=True)


def prepare(theatre: stage.Stage) -> tuple[stage.Stage, coins.Coins]:
    """Alice and Bob afresh, in the ledger and in the model."""
    real = stage.Stage(theatre.pool, theatre.runner, started_at=theatre.time(0))
    model = coins.Coins(purses=[coins.Purse("credit"), coins.Purse("credit")])
    real.open_for_a_person()
    real.open("credit")
    assert real.buy(8) == "credited"
    model.credit(0, 8, 100, inf, 0)
    for who, count in ((0, 8), (1, 5)):
        play(real, commands.Credit(real.accounts[who], count, "PROMOTION", asking.cause(), "topup", priority=50))
        model.credit(who, count, 50, inf)
    entry = play(real, commands.Spend(real.accounts[0], 3, asking.cause(), acts.HOST)).entries[0]
    real.uses.append((real.accounts[0], entry.id))
    model.spend(0, 3)
    real.holds.append(real.next_hold_id())
    play(real, commands.PlaceHold(real.accounts[0], 4, real.holds[0], 3600, acts.HOST))
    model.hold(0, 4, 1)
    return real, model


def play(real: stage.Stage, command: commands.Command) -> commands.Done:
    outcome = real.post(command)
    assert isinstance(outcome, commands.Done)
    return outcome


def tell(what: Act, real: stage.Stage, model: coins.Coins) -> Told:
    account_id, payment_id = real.accounts[0], real.payments[0]
    if what.verb == "sweep":
        return Told("sweep", commands.Settle(account_id), lambda: model.settle(0))
    if what.verb == "claw back":
        command = commands.Clawback(account_id, what.count, payment_id, "REFUND", asking.cause(), "stripe")
        return Told("claw back", command, lambda: model.clawback(0, what.count, 0))
    return acts.tell(what, real, model)


@pytest.mark.parametrize(("one", "other"), PAIRS, ids=lambda name: name)
def test_two_operations_at_once_end_as_one_after_the_other(
    theatre: tuple[stage.Stage, sql.Connection], one: str, other: str
) -> None:
    """Faults 40, 43, 45, 55 and 57."""
    for turn in range(ROUNDS):
        order = random.Random(f"{dice.SEED if dice.IS_LONG else ''} {one}, {other}, {turn}")
        real, model = prepare(theatre[0])
        asked = [tell(OPERATIONS[name], real, model).command for name in (one, other)]
        answers = real.run(turns.interleave(theatre[1], order, [_asking(real, command) for command in asked]))
        seen = ([_word(answer) for answer in answers], [real.figures(0), real.figures(1)], [real.lots(0), real.lots(1)])
        assert seen in [_serial(real, model, [one, other], first) for first in (0, 1)]
        dice.note("interleavings", pairs_run=1)


def test_after_all_pairs_the_audit_finds_nothing(theatre: tuple[stage.Stage, sql.Connection]) -> None:
    assert theatre[0].run(verify.verify(theatre[0].pool)).breaches == ()


def _asking(real: stage.Stage, command: commands.Command) -> Callable[[], Awaitable[list[Answer | KeyReused]]]:
    request = asking.Machine(real.pool).request(command, acts.key())
    return lambda: requests.post(real.pool, [request])


def _word(answer: object) -> str:
    assert isinstance(answer, list), answer
    return stage.code(answer[0])


def _serial(real: stage.Stage, model: coins.Coins, names: list[str], first: int) -> object:
    """What the model says when the first, or the second, goes before the other."""
    there, told = copy.deepcopy(model), copy.copy(real)
    told.holds = list(real.holds)
    plays = [tell(OPERATIONS[name], told, there).play for name in names]
    words = ["", ""]
    for number in (first, 1 - first):
        words[number] = plays[number]()
    return words, [there.figures(0), there.figures(1)], [stage.as_lots(there, 0), stage.as_lots(there, 1)]
