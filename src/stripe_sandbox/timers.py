"""Does what falls due on the sandbox's clock: sessions expire, debits settle, refunds arrive, disputes open.

Each job runs in a transaction of its own and as of the moment it was due, so that moving the clock by a month gives
the same objects as waiting for it. What a job name means is the table that `sandbox` hands in.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Final, TypeAlias

from stripe_sandbox.clock import Clock
from stripe_sandbox.store import Store
from stripe_sandbox.work import Work

log = logging.getLogger("stripe_sandbox")

Job: TypeAlias = Callable[[Work, str], None]
OpenWork: TypeAlias = Callable[[float], AbstractContextManager[Work]]

FIRST_DUE: Final = "SELECT * FROM jobs WHERE due_at <= ? ORDER BY due_at, id LIMIT 1"
FORGET: Final = "DELETE FROM jobs WHERE id = ?"
NEXT_DUE: Final = "SELECT min(due_at) AS at FROM jobs"
IDLE_S_MAX: Final = 3600.0


class Timers:
    """The background task that does what is due."""

    def __init__(self, store: Store, clock: Clock, jobs: Mapping[str, Job], open_work: OpenWork) -> None:
        self.store = store
        self.clock = clock
        self.jobs = jobs
        self.open_work = open_work
        self.woken = asyncio.Event()

    def wake(self) -> None:
        """Look for due jobs now."""
        self.woken.set()

    async def run(self) -> None:
        """Do jobs until cancelled."""
        while True:
            self.woken.clear()
            self.do_due()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.woken.wait(), self._idle_s())

    def do_due(self) -> int:
        """Do all jobs that are due, those they bring about included; return how many."""
        done = 0
        while job := self.store.row(FIRST_DUE, (self.clock.now(),)):
            try:
                with self.open_work(job["due_at"]) as work:
                    work.store.execute(FORGET, (job["id"],))
                    self.jobs[job["job"]](work, job["object_id"])
            except Exception:
                log.exception("The job %s of %s failed", job["job"], job["object_id"])
                with self.store.transaction():
                    self.store.execute(FORGET, (job["id"],))
            done += 1
        return done

    def _idle_s(self) -> float:
        row = self.store.row(NEXT_DUE)
        if row is None or row["at"] is None:
            return IDLE_S_MAX
        return min(IDLE_S_MAX, max(0.005, row["at"] - self.clock.now()))
