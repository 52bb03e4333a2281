"""Puts the parts together: data file, clock, switches, courier and timers, and opens units of work.

One `Sandbox` lives as long as the server. The API's door, the pages and the control calls all get it.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping

from stripe_sandbox.clock import Clock
from stripe_sandbox.courier import Courier
from stripe_sandbox.settings import Settings
from stripe_sandbox.store import Store
from stripe_sandbox.switches import Switches
from stripe_sandbox.timers import Job, Timers
from stripe_sandbox.work import Cause, Work


class Sandbox:
    """The running sandbox."""

    def __init__(self, settings: Settings, jobs: Mapping[str, Job]) -> None:
        self.settings = settings
        self.pace = settings.pace
        self.store = Store(settings.data)
        self.clock = Clock(self.store)
        self.switches = Switches()
        self.courier = Courier(self.store, self.clock, self.pace)
        self.timers = Timers(self.store, self.clock, jobs, self._work_as_of)
        self.is_stopping = False

    @contextlib.contextmanager
    def work(self, cause: Cause | None = None, as_of: float | None = None) -> Iterator[Work]:
        """Open a transaction; what it writes and the events it makes are there together or not at all."""
        moment = self.clock.now() if as_of is None else as_of
        with self.store.transaction():
            yield Work(self.store, moment, self.settings.public_url, self.pace, self.switches, cause or Cause())
        self.courier.wake()
        self.timers.wake()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Deliver and do what is due for as long as the server runs."""
        tasks = [asyncio.create_task(self.courier.run()), asyncio.create_task(self.timers.run())]
        try:
            yield
        finally:
            self.is_stopping = True
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.store.close()

    def _work_as_of(self, due_at: float) -> contextlib.AbstractContextManager[Work]:
        return self.work(as_of=due_at)
