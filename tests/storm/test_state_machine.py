"""The ledger against a model of coins: any history, in batches or alone, with cut connections and lost replies.

Three outcomes: done, refused, unknown; after an unknown one the same key tells which of the others it was. At the
end of every history the audit is clean. The storm's report shows how often each branch was taken.
"""

import asyncio
import collections
import functools
import json
import time
from collections.abc import Iterator
from math import inf
from uuid import UUID

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from typing_extensions import override

from tests import asking, people
from tests.storm import acts, coins, dice, stage
from tests.storm.acts import ACTS, Act
from topup.flows import verify
from topup.flows.requests import Answer, KeyReused, Request
from topup.ledger import commands, journal
from topup.runtime import house

pytestmark = pytest.mark.storm

HERE = "tests/storm/test_state_machine.py"
# In each of two manners of loading.
OPERATIONS_WANTED = 100_000
HISTORIES_AT_ONCE = 40
# A short run is the same every day, since it must reach what it must reach.
SHORT_SEED = 3
REACHED: collections.Counter[str] = collections.Counter()

CREDIT_ACCOUNTS = st.integers(min_value=0, max_value=2)
MOSTLY_THE_BUYER = st.sampled_from([0, 0, 0, 1, 2])
WHICH = st.integers(min_value=0, max_value=25)
HAPPENINGS = ("buy", "wait", "wait", "sweep", "freeze", "thaw")
WAYS_BACK = ("claw back", "give back", "dispute")
FAULTS: st.SearchStrategy[stage.Fault] = st.sampled_from(
    ["none", "none", "none", "none", "cut before commit", "reply lost"]
)


class Storm(RuleBasedStateMachine):
    """Everything that can happen to four accounts; the last of them counts sessions."""

    pool: people.Pool
    runner: asyncio.Runner

    def __init__(self) -> None:
        super().__init__()
        self.real = stage.Stage(self.pool, self.runner)
        self.model = coins.Coins()
        self.asked: list[tuple[Request, Answer]] = []
        self.looks = 0

    @initialize()
    def open(self) -> None:
        """Three accounts of credits, of which the first can buy, and one of sessions, each with something on it."""
        self.real.execute("UPDATE deployment SET is_demo = true, mode = 'test', clock_offset = '0'")
        self.real.open_for_a_person()
        for unit in ("credit", "credit", "session"):
            self.real.open(unit)
        self.model.purses = [coins.Purse(unit) for unit in ("credit", "credit", "credit", "session")]
        self.real.time(0)
        for number, account_id in enumerate(self.real.accounts):
            gift = commands.Credit(account_id, 20, "PROMOTION", asking.cause(), "topup", priority=20)
            self._same(self.real.post(gift), self.model.credit(number, 20, 20, inf), "gift")

    @rule(act=ACTS, fault=FAULTS)
    def ask(self, act: Act, fault: stage.Fault) -> None:
        """One request, perhaps with a fault, then again under its key until it is known what became of it."""
        self._ask([act], fault)

    @rule(act=ACTS)
    def ask_quietly(self, act: Act) -> None:
        """One request, and nothing goes wrong."""
        self._ask([act], "none")

    @rule(acts=st.lists(ACTS, min_size=2, max_size=8), fault=FAULTS)
    def ask_together(self, acts: list[Act], fault: stage.Fault) -> None:
        """Several requests in one transaction. What is asked of holds and lines concerns those from before."""
        self._ask(acts, fault)

    @precondition(lambda self: self.asked)
    @rule(which=WHICH)
    def repeat(self, which: int) -> None:
        """An old request again: the same answer, and nothing moves."""
        request, first = self.asked[which % len(self.asked)]
        [again] = self.real.ask([request], "none") or []
        assert again == Answer(first.status, first.body, is_replay=True)
        REACHED["repeated"] += 1
        REACHED["operations"] += 1

    @rule(what=st.sampled_from(HAPPENINGS), who=CREDIT_ACCOUNTS, which=WHICH)
    def meanwhile(self, what: str, who: int, which: int) -> None:
        """What happens without an application asking."""
        happenings = {"buy": self._buy, "wait": self._wait, "sweep": self._sweep}
        REACHED["operations"] += 1
        happenings.get(what, functools.partial(self._freeze, is_frozen=what == "freeze"))(who, which)

    @rule(what=st.sampled_from(WAYS_BACK), who=MOSTLY_THE_BUYER, which=WHICH)
    def money_goes_back(self, what: str, who: int, which: int) -> None:
        """And some of it comes again."""
        if not self.real.payments:
            self._buy(who, which)
        REACHED["operations"] += 1
        {"claw back": self._claw_back, "give back": self._give_back, "dispute": self._dispute}[what](who, which)

    @invariant()
    def figures_agree(self) -> None:
        """Balance, held and debt, and every lot in its place."""
        numbers = range(len(self.model.purses))
        assert self.real.standing() == [
            (self.model.figures(number), stage.as_lots(self.model, number)) for number in numbers
        ]

    @override
    def teardown(self) -> None:
        """Holds agree, and the audit finds nothing.

        What it asks of payments and their refunds (R1 to R6) is not asked here, where credits go back without either.
        """
        for number, hold in enumerate(self.model.holds):
            assert self.real.hold(number) == (hold.status, hold.captured)
        report = self.runner.run(verify.verify(self.pool))
        assert [breach for breach in report.breaches if not breach.name.startswith("R")] == []
        REACHED["histories"] += 1
        REACHED["something ended"] += self.model.ended

    def _buy(self, _who: int, which: int) -> None:
        payment, count = len(self.real.payments), 1 + which % 9
        assert self.real.buy(count) == "credited"
        assert self.model.credit(0, count, 100, inf, payment) == "done"
        REACHED["bought"] += 1

    def _claw_back(self, who: int, which: int) -> None:
        payment, cause = self._payment(which)
        command = commands.Clawback(
            self.real.accounts[who], which, self.real.payments[payment], "REFUND", cause, "stripe"
        )
        self._same(self.real.post(command), self.model.clawback(who, which, payment), "clawback")
        REACHED["in debt"] += self.model.purses[who].debt > 0

    def _give_back(self, who: int, which: int) -> None:
        """Of what was taken for some payment, since more is never asked for; where nothing was, it is taken now."""
        payment, cause = self._payment(which)
        due = self.model.due[who, payment]
        if not due:
            self._claw_back(who, which)
            return
        count, lost = 1 + which % due, self.model.lost[who, payment].copy()
        command = commands.GiveBack(
            self.real.accounts[who], count, self.real.payments[payment], "REFUND", cause, "stripe"
        )
        self._same(self.real.post(command), self.model.give_back(who, count, payment), "give back")
        REACHED["given back as a new lot"] += bool(self.model.lost[who, payment].keys() - lost.keys())

    def _dispute(self, who: int, which: int) -> None:
        payment, _ = self._payment(which)
        hold_id, holds = self.real.next_hold_id(), len(self.model.holds)
        command = commands.HoldDisputed(
            self.real.accounts[who], self.real.payments[payment], which % 7, hold_id, "stripe"
        )
        self._same(self.real.post(command), self.model.dispute(who, which % 7, payment), "dispute")
        if len(self.model.holds) > holds:
            self.real.holds.append(hold_id)
            REACHED["held for a dispute"] += 1

    def _payment(self, which: int) -> tuple[int, commands.Cause]:
        """One of the payments, and the cause of the next look at its money."""
        payment = which % len(self.real.payments)
        self.looks += 1
        return payment, commands.money_back(self.real.payments[payment], self.looks)

    def _wait(self, _who: int, which: int) -> None:
        hours = 1 + which % 3
        self.model.now += hours
        self.real.execute("UPDATE deployment SET clock_offset = clock_offset + make_interval(hours => %s)", hours)

    def _sweep(self, who: int, _which: int) -> None:
        self._same(self.real.post(commands.Settle(self.real.accounts[who])), self.model.settle(who), "sweep")

    def _freeze(self, who: int, _which: int, *, is_frozen: bool) -> None:
        self.model.purses[who].is_frozen = is_frozen
        statement = "UPDATE accounts SET frozen_at = CASE WHEN %s THEN topup_now() END WHERE id = %s"
        self.real.execute(statement, is_frozen, self.real.accounts[who])

    def _ask(self, batch: list[Act], fault: stage.Fault) -> None:
        told = [acts.tell(act, self.real, self.model) for act in batch]
        machine = asking.Machine(self.pool)
        requests = [machine.request(one.command, acts.key()) for one in told]
        answers = self.real.ask(requests, fault)
        assert (answers is None) is (fault != "none")
        written = [one.play() for one in told] if fault == "reply lost" else [None] * len(told)
        if answers is None:
            REACHED[f"unknown: {fault}"] += 1
            answers = self.real.ask(requests, "none") or []
        for one, request, answer, word in zip(told, requests, answers, written, strict=True):
            self._compare(one, request, answer, word)
        REACHED["batches"] += len(batch) > 1
        REACHED["operations"] += len(batch)

    def _compare(self, told: acts.Told, request: Request, answer: Answer | KeyReused, written: str | None) -> None:
        """`written` is what was answered before, unheard. Refusals that are not remembered are decided afresh."""
        is_repeat = written is not None and asking.status(written) != 404
        word = written if is_repeat else told.play()
        assert isinstance(answer, Answer)
        assert (stage.code(answer), answer.is_replay) == (word, is_repeat)
        REACHED[f"{told.verb}: {word}"] += 1
        if word == "done" and told.verb in ("spend", "capture"):
            self.real.uses.append((told.command.account_id, UUID(json.loads(answer.body)["id"])))
        if answer.status != 404:
            self.asked.append((request, Answer(answer.status, answer.body)))

    def _same(self, outcome: commands.Outcome, word: str, verb: str) -> None:
        assert (outcome.code if isinstance(outcome, commands.Denied) else "done") == word
        REACHED[f"{verb}: {word}"] += 1


@pytest.fixture
def storm(shared_database_url: str) -> Iterator[type[Storm]]:
    """The machine, with a pool and an event loop of its own, since Hypothesis calls it without one."""
    with asyncio.Runner() as runner:
        options = {"options": house.CONNECTION_OPTIONS}
        pool = people.Pool(shared_database_url, min_size=1, max_size=4, kwargs=options, open=False)
        runner.run(pool.open())

        class Here(Storm):
            pass

        Here.pool, Here.runner = pool, runner
        yield Here
        runner.run(pool.close())
    dice.note("state machine", **dict(sorted(REACHED.items())))


@pytest.mark.parametrize("first_lots_max", [journal.FIRST_LOTS_MAX, 1], ids=["as served", "one lot loaded at first"])
def test_every_history_of_the_ledger_ends_as_the_model_says(
    storm: type[Storm], first_lots_max: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Faults 17, 20, 40, 41, 44 to 47, 51 and 54."""
    monkeypatch.setattr(journal, "FIRST_LOTS_MAX", first_lots_max)
    REACHED.clear()
    deadline = time.monotonic() + dice.seconds(part=0.2, short=0)
    own = dice.of("state machine")
    size = settings(
        max_examples=HISTORIES_AT_ONCE,
        stateful_step_count=60 if dice.IS_LONG else 30,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    with dice.replayable(HERE):
        while True:
            run_state_machine_as_test(seed(own.getrandbits(64) if dice.IS_LONG else SHORT_SEED)(storm), settings=size)
            if time.monotonic() > deadline or REACHED["operations"] >= OPERATIONS_WANTED:
                break
    must_be_reached = (*MUST_BE_REACHED, *(REACHED_IN_LONG if dice.IS_LONG else ()))
    unreached = {branch for branch in must_be_reached if not REACHED[branch]}
    assert not unreached, "a storm that never gets there proves nothing about it"


MUST_BE_REACHED = (
    "batches",
    "bought",
    "in debt",
    "repeated",
    "something ended",
    "unknown: cut before commit",
    "unknown: reply lost",
    *(f"{verb}: done" for verb in acts.VERBS),
    *(f"spend: {word}" for word in ("insufficient_credits", "account_frozen", "amount_out_of_range")),
    "capture: hold_closed",
    "give back: done",
    "held for a dispute",
    "reverse: already_reversed",
)
REACHED_IN_LONG = ("capture: unknown_hold", "release: unknown_hold", "given back as a new lot")
