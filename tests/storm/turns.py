"""Lets two transactions run statement by statement, in an order that somebody else decides.

Every statement and every commit of a stepped connection waits at a turnstile. A task that waits for a lock of the other
one is seen by `pg_blocking_pids` and left alone until the other has gone on.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextvars import ContextVar
from typing import Any, TypeVar, cast

import psycopg
from typing_extensions import override

from tests import people
from topup.db import sql
from topup.runtime import house

Result = TypeVar("Result")
BLOCKED = "SELECT cardinality(pg_blocking_pids(%s)) > 0"
LOOK_SECONDS = 0.002


class Turnstile:
    """Where one task stands before each of its statements."""

    def __init__(self) -> None:
        self.is_waiting = False
        self.backend_pid: int | None = None
        self._gate = asyncio.Event()

    async def wait(self, backend_pid: int) -> None:
        """Stand here until let through."""
        self.backend_pid = backend_pid
        self.is_waiting = True
        await self._gate.wait()
        self._gate.clear()

    def let_through(self) -> None:
        """Let the task run to its next statement."""
        self.is_waiting = False
        self._gate.set()


TURNSTILE: ContextVar[Turnstile | None] = ContextVar("TURNSTILE", default=None)


async def _stand(conn: psycopg.AsyncConnection[Any]) -> None:
    turnstile = TURNSTILE.get()
    if turnstile is not None:
        await turnstile.wait(conn.info.backend_pid)


class SteppedCursor(psycopg.AsyncCursor[Any]):
    """Waits before every statement."""

    @override
    async def execute(self, *arguments: Any, **options: Any) -> "SteppedCursor":
        await _stand(self.connection)
        return await super().execute(*arguments, **options)


class SteppedConnection(psycopg.AsyncConnection[Any]):
    """Waits before every commit, too."""

    @override
    async def commit(self) -> None:
        await _stand(self)
        await super().commit()


@contextlib.asynccontextmanager
async def pool(database_url: str) -> AsyncIterator[people.Pool]:
    """A pool whose connections can be stepped; a task without a turnstile passes freely."""
    options = {"options": house.CONNECTION_OPTIONS, "cursor_factory": SteppedCursor}
    async with people.Pool(
        database_url, connection_class=SteppedConnection, min_size=3, max_size=4, kwargs=options, open=False
    ) as opened:
        yield cast("people.Pool", opened)


async def interleave(
    monitor: sql.Connection, order: random.Random, works: Sequence[Callable[[], Awaitable[Result]]]
) -> list[Result | BaseException]:
    """Run some works at once, one statement at a time, the next one chosen by `order`; what each came to."""
    turnstiles = [Turnstile() for _ in works]
    tasks = [asyncio.create_task(_work(*pair)) for pair in zip(works, turnstiles, strict=True)]
    while not all(task.done() for task in tasks):
        ready = [
            turnstile
            for task, turnstile in zip(tasks, turnstiles, strict=True)
            if not task.done() and await _is_ready(monitor, task, turnstile)
        ]
        if ready:
            order.choice(ready).let_through()
    return list(await asyncio.gather(*tasks, return_exceptions=True))


async def _work(work: Callable[[], Awaitable[Result]], turnstile: Turnstile) -> Result:
    TURNSTILE.set(turnstile)
    return await work()


async def _is_ready(monitor: sql.Connection, task: "asyncio.Task[Any]", turnstile: Turnstile) -> bool:
    """Wait until a task stands at its turnstile, is done, or waits for another's lock."""
    while not turnstile.is_waiting and not task.done():
        await asyncio.sleep(LOOK_SECONDS)
        if not turnstile.is_waiting and await sql.value(monitor, BLOCKED, [turnstile.backend_pid]):
            break
    return turnstile.is_waiting and not task.done()
