"""A program that starts the application again and again, quickly: it has imported everything and forks at each order.

`python -m tests.storm.nursery`; each line of its input is the orders of one child. A child is a whole process of the
application, web or worker. It does what it is told over the socket that its orders name, and ends when that closes.
The event loop is asyncio's and not uvloop, so that its reads and writes can be counted.
"""

import asyncio
import contextlib
import dataclasses
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2

httpx2.alias_httpx()

# Each is imported here so that no child has to.
from tests.storm import faulty  # noqa: E402
from topup import worker  # noqa: E402
from topup.db import app_role  # noqa: E402
from topup.gateway import mail_words  # noqa: E402
from topup.runtime import house as houses  # noqa: E402
from topup.runtime import logs  # noqa: E402
from topup.settings import Settings  # noqa: E402
from topup.web import app as web  # noqa: E402
from topup.web import serving  # noqa: E402

WEB, WORKER = "web", "worker"


def main() -> None:
    """Fork a child for each order, until the input ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    faulty.install()
    for line in iter(sys.stdin.readline, ""):
        orders = json.loads(line)
        if os.fork() == 0:
            with contextlib.suppress(KeyboardInterrupt):
                asyncio.run(_Child(orders).live())
            os._exit(0)


@dataclasses.dataclass
class _Child:
    orders: dict[str, Any]

    async def live(self) -> None:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        settings = Settings.model_validate(self.orders["settings"])
        logs.configure("error")
        stop = asyncio.Event()
        async with houses.opened(settings, role=app_role.NAME) as house, asyncio.TaskGroup() as group:
            port = 0
            if self.orders["role"] == WEB:
                port = await self._serve(house, stop, group)
            else:
                group.create_task(worker.run(house, stop=stop))
            group.create_task(self._obey(house, port, stop))

    async def _serve(self, house: houses.House, stop: asyncio.Event, group: asyncio.TaskGroup) -> int:
        bound = serving.bind("127.0.0.1", self.orders["port"])
        ready = asyncio.Event()
        application = web.create_app(house)
        group.create_task(serving.serve(application, bound, settings=house.settings, stop=stop, on_ready=ready.set))
        await ready.wait()
        return int(bound.getsockname()[1])

    async def _obey(self, house: houses.House, port: int, stop: asyncio.Event) -> None:
        reader, writer = await asyncio.open_unix_connection(self.orders["socket"])
        writer.write(json.dumps({"pid": os.getpid(), "port": port}).encode() + b"\n")
        while line := await reader.readline():
            answer = await self._act(house, json.loads(line), stop)
            writer.write(json.dumps(answer).encode() + b"\n")
        if not stop.is_set():
            os._exit(1)  # whoever started it is gone

    async def _act(self, house: houses.House, told: dict[str, Any], stop: asyncio.Event) -> dict[str, Any]:
        counted = {"count": faulty.PLAN.count, "has_fired": faulty.PLAN.has_fired}
        if told["act"] == "arm":
            faulty.PLAN.lay(told["at"], told["way"])
        elif told["act"] == "work":
            try:
                await _verb(house, told["name"])
            except Exception as fault:  # noqa: BLE001 - told to whoever asked
                return {"failed": f"{type(fault).__name__}: {fault}"}
        elif told["act"] == "stop":
            stop.set()
        return counted


async def _verb(house: houses.House, name: str) -> None:
    """What the worker does in a loop or at a set time, done now."""
    brand = mail_words.Brand(app_name=house.settings.app_name, frontend_url=house.settings.frontend_url)
    loops: dict[str, Callable[[], Awaitable[object]]] = {
        "outbox": lambda: worker._send_mails(house, brand),
        "inbox": lambda: worker._retry_events(house),
        "money back": lambda: worker._take_money_back(house),
    }
    timers = {timer.name: timer.verb for timer in worker.TIMERS}
    await (loops[name]() if name in loops else timers[name](house))


if __name__ == "__main__":
    main()
