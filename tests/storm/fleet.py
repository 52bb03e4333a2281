"""Two web processes and two workers over one database, and what befalls them while others go on.

Whoever dies is started again on its old port, as a supervisor would.
"""

import asyncio
import contextlib
import random
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from tests.storm.nursery import WEB, WORKER
from tests.storm.processes import Process
from tests.storm.rig import Rig

SIZE = 2


@dataclass
class Fleet:
    """The running processes."""

    rig: Rig
    settings: dict[str, Any]
    webs: list[Process] = field(default_factory=list)
    workers: list[Process] = field(default_factory=list)
    kills: int = 0
    sleeps: int = 0

    @property
    def urls(self) -> list[str]:
        return [web.url for web in self.webs]

    async def kill(self, dice: random.Random) -> None:
        """Kill one of the four and start another in its place."""
        kind, place = dice.choice([WEB, WORKER]), dice.randrange(SIZE)
        processes = self.webs if kind == WEB else self.workers
        old = processes[place]
        await asyncio.to_thread(old.kill)
        processes[place] = await self._start(kind, int(old.url.rpartition(":")[2]))
        self.kills += 1

    async def sleep(self, dice: random.Random, seconds: float) -> None:
        """Let one of the four stand still for a while."""
        process = dice.choice([*self.webs, *self.workers])
        process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        process.send_signal(signal.SIGCONT)
        self.sleeps += 1

    async def _start(self, kind: str, port: int = 0) -> Process:
        return await asyncio.to_thread(self.rig.nursery.start, self.settings, role=kind, port=port)


@contextlib.asynccontextmanager
async def running(rig: Rig, **settings: object) -> AsyncIterator[Fleet]:
    """A fleet for the length of a block."""
    fleet = Fleet(rig, rig.settings(**settings))
    for _ in range(SIZE):
        fleet.webs.append(await fleet._start(WEB))
        fleet.workers.append(await fleet._start(WORKER))
    try:
        yield fleet
    finally:
        for process in (*fleet.webs, *fleet.workers):
            await asyncio.to_thread(process.kill)
