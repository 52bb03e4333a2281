"""Lets callers who arrive while a batch is being written share the next one. Knows nothing of what is written.

First come, first served; bounded in length; one caller's cancellation neither stops nor repeats its work. A batch that
raises is run again without the culprit, who is looked for in halves unless the fault tells, so one poisoned member
never takes others with it; a batch that met a passing fault (deadlock, lost connection) is run again as it was, which
needs the work to be idempotent: looking its keys up first.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from topup import errors

Item = TypeVar("Item")
Answer = TypeVar("Answer")

FIRST_PAUSE_SECONDS = 0.02


@dataclass(slots=True)
class _Member(Generic[Item, Answer]):
    item: Item
    answer: asyncio.Future[Answer]


class GroupCommit(Generic[Item, Answer]):
    """A queue in front of `write`, which takes a batch and answers each member in order."""

    def __init__(
        self,
        write: Callable[[Sequence[Item]], Awaitable[Sequence[Answer]]],
        *,
        is_passing: Callable[[BaseException], bool],
        blamed: Callable[[BaseException], Collection[int]] | None = None,
        batch_max: int = 256,
        queue_max: int = 10_000,
        patience_seconds: float = 4.0,
        writers: int = 1,
        note_batch: Callable[[int], None] = lambda _size: None,
    ) -> None:
        self._write = write
        self._is_passing = is_passing
        self._blamed = blamed
        self._batch_max = batch_max
        self._queue_max = queue_max
        self._patience_seconds = patience_seconds
        self._writers = writers
        self._note_batch = note_batch
        self._waiting: deque[_Member[Item, Answer]] = deque()
        self._arrived = asyncio.Event()
        self._is_closing = False
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> "GroupCommit[Item, Answer]":
        """Start the writers."""
        self._tasks = [asyncio.create_task(self._serve()) for _ in range(self._writers)]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Write what is waiting, then stop."""
        self._is_closing = True
        self._arrived.set()
        await asyncio.gather(*self._tasks)

    async def submit(self, item: Item) -> Answer:
        """Wait for the batch that takes `item`; its answer, or whatever `write` raised for it alone.

        Raises errors.Unavailable at once when the queue is full. A cancelled caller's item is written all the same.
        """
        if self._is_closing or len(self._waiting) >= self._queue_max:
            raise errors.Unavailable("Too many requests are waiting. Try again in a moment.", code="overloaded")
        member: _Member[Item, Answer] = _Member(item, asyncio.get_running_loop().create_future())
        self._waiting.append(member)
        self._arrived.set()
        return await member.answer

    async def _serve(self) -> None:
        while await self._has_work():
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._batch_max))]
            if batch:
                self._note_batch(len(batch))
                await self._settle(batch)

    async def _has_work(self) -> bool:
        """Wait until somebody is waiting; False when there is nobody and there will be nobody."""
        while not self._waiting:
            if self._is_closing:
                return False
            self._arrived.clear()
            await self._arrived.wait()
        return True

    async def _settle(self, batch: list[_Member[Item, Answer]]) -> None:
        try:
            answers = _one_for_each(batch, await self._write_patiently([member.item for member in batch]))
        except Exception as fault:  # noqa: BLE001 - whatever it is, it belongs to the caller whose item raised it
            await self._settle_without(batch, fault)
            return
        for member, answer in zip(batch, answers, strict=True):
            if not member.answer.done():
                member.answer.set_result(answer)

    async def _settle_without(self, batch: list[_Member[Item, Answer]], fault: Exception) -> None:
        """Refuse those who are to blame and serve the others; where nobody is known to be, look for them in halves."""
        if len(batch) == 1 or self._is_passing(fault):
            _refuse(batch, fault)
            return
        if blamed := self._blamed(fault) if self._blamed else ():
            _refuse([member for place, member in enumerate(batch) if place in blamed], fault)
            if others := [member for place, member in enumerate(batch) if place not in blamed]:
                await self._settle(others)
            return
        middle = len(batch) // 2
        await self._settle(batch[:middle])
        await self._settle(batch[middle:])

    async def _write_patiently(self, items: list[Item]) -> Sequence[Answer]:
        """Run a batch, again after passing faults, with growing pauses, until patience ends."""
        deadline = time.monotonic() + self._patience_seconds
        pause_max = FIRST_PAUSE_SECONDS
        while True:
            try:
                return await self._write(items)
            except Exception as fault:
                if not self._is_passing(fault) or time.monotonic() + pause_max > deadline:
                    raise
            await asyncio.sleep(random.uniform(pause_max / 2, pause_max))  # noqa: S311 - spreads retries, guards nothing
            pause_max *= 2


def _refuse(members: Sequence[_Member[Item, Answer]], fault: Exception) -> None:
    for member in members:
        if not member.answer.done():
            member.answer.set_exception(fault)


def _one_for_each(batch: Sequence[object], answers: Sequence[Answer]) -> Sequence[Answer]:
    """A writer that stumbled over a missing answer would be gone, and every later caller would wait for ever."""
    if len(answers) != len(batch):
        raise errors.Broken(f"A batch of {len(batch)} was given {len(answers)} answers.")
    return answers
