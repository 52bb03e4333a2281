"""Callers who arrive while a batch is written share the next one: in order, within bounds, each answered for itself."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from topup import errors
from topup.runtime.group_commit import GroupCommit


class Passing(Exception):
    """A fault that goes away by itself."""


class Ledger:
    """Something that batches are written to. It stands still while `gate` is closed, and knows what it was asked."""

    def __init__(self, *, is_open: bool = True) -> None:
        self.gate = asyncio.Event()
        self.batches: list[list[int]] = []
        self.written: list[int] = []
        self.faults: dict[int, Exception] = {}
        self.passing = 0
        if is_open:
            self.gate.set()

    async def write(self, items: Sequence[int]) -> list[str]:
        self.batches.append(list(items))
        await self.gate.wait()
        if self.passing:
            self.passing -= 1
            raise Passing
        for item in items:
            if item in self.faults:
                raise self.faults[item]
        self.written += items
        return [f"did {item}" for item in items]


def commit(ledger: Ledger, **options: Any) -> GroupCommit[int, str]:
    return GroupCommit(ledger.write, is_passing=lambda fault: isinstance(fault, Passing), **options)


async def arrive(group: GroupCommit[int, str], *items: int) -> list[asyncio.Task[str]]:
    """Callers, one after the other but before anybody looks, each waiting for its answer."""
    callers = [asyncio.create_task(group.submit(item)) for item in items]
    await asyncio.sleep(0)
    return callers


async def settled(ledger: Ledger, batches: int) -> None:
    """Let the writers begin, as far as they can."""
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(ledger.batches) == batches


async def test_caller_alone_is_a_batch_of_one() -> None:
    ledger = Ledger()
    async with commit(ledger) as group:
        assert await group.submit(1) == "did 1"
    assert ledger.batches == [[1]]


async def test_callers_who_arrive_while_a_batch_is_written_share_the_next_in_their_order() -> None:
    ledger = Ledger(is_open=False)
    async with commit(ledger) as group:
        callers = await arrive(group, 1)
        await settled(ledger, 1)
        callers += await arrive(group, 2, 3, 4)
        ledger.gate.set()
        assert await asyncio.gather(*callers) == ["did 1", "did 2", "did 3", "did 4"]
    assert ledger.batches == [[1], [2, 3, 4]]


async def test_no_batch_is_longer_than_its_limit_and_nobody_is_overtaken() -> None:
    """Fairness: first come, first served."""
    ledger = Ledger(is_open=False)
    async with commit(ledger, batch_max=3) as group:
        callers = await arrive(group, *range(10))
        ledger.gate.set()
        await asyncio.gather(*callers)
    assert all(len(batch) <= 3 for batch in ledger.batches)
    assert ledger.written == list(range(10))


async def test_caller_who_finds_the_queue_full_is_refused_at_once_and_nobody_else() -> None:
    """Fault 25: bounded, with an honest answer."""
    ledger = Ledger(is_open=False)
    async with commit(ledger, queue_max=2) as group:
        callers = await arrive(group, 1)
        await settled(ledger, 1)
        callers += await arrive(group, 2, 3)
        with pytest.raises(errors.Unavailable) as refused:
            await group.submit(4)
        assert refused.value.code == "overloaded"
        ledger.gate.set()
        assert await asyncio.gather(*callers) == ["did 1", "did 2", "did 3"]
        assert await group.submit(5) == "did 5"
    assert 4 not in ledger.written


@pytest.mark.parametrize("who", [1, 2], ids=["whose batch is being written", "who waits"])
async def test_caller_who_goes_away_is_served_once_all_the_same(who: int) -> None:
    """Fault 20: a caller that gives up can ask again under its key; what it asked is neither lost nor doubled."""
    ledger = Ledger(is_open=False)
    async with commit(ledger) as group:
        first = await arrive(group, 1)
        await settled(ledger, 1)
        callers = [*first, *await arrive(group, 2, 3)]
        callers[who - 1].cancel()
        await asyncio.sleep(0)
        ledger.gate.set()
        answers = await asyncio.gather(*callers, return_exceptions=True)
    assert sorted(ledger.written) == [1, 2, 3]
    assert isinstance(answers[who - 1], asyncio.CancelledError)
    assert [answer for answer in answers if isinstance(answer, str)] == [f"did {n}" for n in (1, 2, 3) if n != who]


@pytest.mark.parametrize("poisoned", [(5,), (0, 7), (3, 4), tuple(range(8))], ids=str)
async def test_poisoned_members_fall_out_alone(poisoned: tuple[int, ...]) -> None:
    """Fault 15: everybody else is served, and served once."""
    ledger = Ledger(is_open=False)
    ledger.faults = {item: ValueError(f"poison {item}") for item in poisoned}
    async with commit(ledger) as group:
        callers = await arrive(group, *range(8))
        ledger.gate.set()
        answers = await asyncio.gather(*callers, return_exceptions=True)
    assert [str(answer) for answer in answers] == [
        f"poison {item}" if item in poisoned else f"did {item}" for item in range(8)
    ]
    assert sorted(ledger.written) == [item for item in range(8) if item not in poisoned]


async def test_members_that_a_fault_blames_are_refused_and_the_others_served_at_once() -> None:
    """Fault 26: who is known to be stuck need not be looked for."""
    ledger = Ledger(is_open=False)
    ledger.faults = {item: ValueError("stuck") for item in (2, 5)}
    door: GroupCommit[int, str] = GroupCommit(
        ledger.write, is_passing=lambda _fault: False, blamed=lambda _fault: {2, 5}
    )
    async with door as group:
        callers = await arrive(group, *range(8))
        ledger.gate.set()
        answers = await asyncio.gather(*callers, return_exceptions=True)
    assert [str(answer) for answer in answers] == ["stuck" if item in (2, 5) else f"did {item}" for item in range(8)]
    assert ledger.batches == [list(range(8)), [0, 1, 3, 4, 6, 7]]


async def test_batch_whose_members_are_all_to_blame_is_not_run_again() -> None:
    ledger = Ledger(is_open=False)
    ledger.faults = {1: ValueError("stuck")}
    door: GroupCommit[int, str] = GroupCommit(
        ledger.write, is_passing=lambda _fault: False, blamed=lambda _fault: range(2)
    )
    async with door as group:
        callers = await arrive(group, 1, 2)
        ledger.gate.set()
        assert [type(answer) for answer in await asyncio.gather(*callers, return_exceptions=True)] == [ValueError] * 2
    assert ledger.batches == [[1, 2]]


async def test_batch_that_meets_a_passing_fault_is_run_again_as_it_was() -> None:
    """Fault 27: deadlock, lost connection, a quicker twin."""
    ledger = Ledger(is_open=False)
    ledger.passing = 2
    async with commit(ledger) as group:
        callers = await arrive(group, 1, 2, 3)
        ledger.gate.set()
        assert await asyncio.gather(*callers) == ["did 1", "did 2", "did 3"]
    assert ledger.batches == [[1, 2, 3]] * 3
    assert ledger.written == [1, 2, 3]


async def test_fault_that_does_not_pass_in_time_reaches_every_member_and_the_next_are_served() -> None:
    """Fault 21: the database is away for longer than anybody would wait."""
    ledger = Ledger(is_open=False)
    ledger.passing = 1
    async with commit(ledger, patience_seconds=0) as group:
        callers = await arrive(group, 1, 2, 3)
        ledger.gate.set()
        answers = await asyncio.gather(*callers, return_exceptions=True)
        assert [type(answer) for answer in answers] == [Passing] * 3
        assert ledger.batches == [[1, 2, 3]], "a fault that is nobody's is not looked for in halves"
        assert await group.submit(4) == "did 4"


async def test_closing_writes_what_waits_and_takes_no_more() -> None:
    ledger = Ledger(is_open=False)
    group = commit(ledger, batch_max=2)
    async with group:
        callers = await arrive(group, 1, 2, 3, 4, 5)
        ledger.gate.set()
    assert await asyncio.gather(*callers) == [f"did {item}" for item in range(1, 6)]
    with pytest.raises(errors.Unavailable):
        await group.submit(6)


async def test_answers_that_do_not_fit_their_batch_are_a_fault_and_stop_nobody() -> None:
    """A writer that died silently would leave every later caller waiting for ever."""

    async def write(items: Sequence[int]) -> list[str]:
        return ["one answer"] if 2 in items or len(items) == 1 else []

    async with GroupCommit(write, is_passing=lambda _fault: False) as group:
        callers = [asyncio.create_task(group.submit(item)) for item in (1, 2, 3)]
        assert await asyncio.gather(*callers) == ["one answer"] * 3
        assert await group.submit(4) == "one answer"


async def test_two_writers_write_at_the_same_time() -> None:
    ledger = Ledger(is_open=False)
    async with commit(ledger, batch_max=1, writers=2) as group:
        callers = await arrive(group, 1, 2, 3)
        await settled(ledger, 2)
        assert ledger.batches == [[1], [2]]
        ledger.gate.set()
        await asyncio.gather(*callers)
    assert sorted(ledger.written) == [1, 2, 3]


async def test_sizes_of_batches_are_told() -> None:
    sizes: list[int] = []
    ledger = Ledger(is_open=False)
    group: GroupCommit[int, str] = GroupCommit(ledger.write, is_passing=lambda _fault: False, note_batch=sizes.append)
    async with group:
        callers = await arrive(group, 1)
        await settled(ledger, 1)
        callers += await arrive(group, 2, 3)
        ledger.gate.set()
        await asyncio.gather(*callers)
    assert sizes == [1, 2]
