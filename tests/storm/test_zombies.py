"""Processes that fall asleep in the middle of something, are replaced, and wake up: both finish, the effect is once."""

import signal
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from tests.storm import dice, faulty, flows
from tests.storm.processes import Process
from tests.storm.rig import Rig
from tests.storm.walk import Walk
from topup.core import mails
from topup.db import outbox

pytestmark = [pytest.mark.storm, pytest.mark.slow]

HERE = "tests/storm/test_zombies.py"
SLEEP_SECONDS = min(60.0, dice.MINUTES) if dice.IS_LONG else 1.5
POINTS = 2
# More than any of these flows has; a point behind the last one puts nobody to sleep.
IO_MAX = 30


def points(what: str) -> list[int]:
    return dice.of(what).sample(range(2, IO_MAX), POINTS)


def is_asleep(process: Process) -> bool:
    return Path(f"/proc/{process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "T"


def falls_asleep(process: Process, work: "Future[Any]") -> bool:
    """Wait until the process sleeps over this work; False when the work was over first."""
    while not work.done():
        if is_asleep(process):
            return True
        time.sleep(0.005)
    return False


def wake_later(process: Process) -> threading.Timer:
    """Wake it when others have had the time to take over."""
    waking = threading.Timer(SLEEP_SECONDS, process.send_signal, [signal.SIGCONT])
    waking.start()
    return waking


def spend(process: Process, ground: Rig, path: str, key: str) -> httpx2.Response | None:
    """One spend, asked once; None when there was no answer."""
    headers = {"Authorization": f"Bearer {ground.api_key}", "Idempotency-Key": key}
    try:
        return httpx2.post(f"{process.url}{path}", json={"amount": 3}, headers=headers, timeout=120)
    except httpx2.TransportError:
        return None


def test_spend_whose_process_sleeps_is_done_once_by_the_one_that_takes_over(ground: Rig) -> None:
    """Fault 19: asleep at some read or write, perhaps with the row locked, while the client asks another process."""
    walk = Walk(ground)
    for at in points("sleeping spends"):
        account, key = walk.account(10), str(uuid4())
        path = f"/api/accounts/{account}/spends"
        sleeper = ground.nursery.start(ground.settings())
        sleeper.tell("arm", at=at, way=faulty.STOPPED)
        with ThreadPoolExecutor(1) as client, dice.replayable(f"{HERE} -k spend_whose"):
            asking = client.submit(spend, sleeper, ground, path, key)
            is_sleeping = falls_asleep(sleeper, asking)
            waking = wake_later(sleeper)
            told = walk.post(path, {"amount": 3}, Idempotency_Key=key)
            waking.join()
            first = asking.result()
            assert told["balanceAfter"] == ground.balance(account) == 7
            assert ground.value(flows.LINES, UUID(account), "USAGE") == 1
            assert first is None or first.status_code == 503 or first.json() == told
        sleeper.kill()
        dice.note("zombies", tried=1, asleep=is_sleeping)
    walk.end()
    ground.audit()


@pytest.mark.parametrize("name", ["outbox", "reconcile recent", "settle overdue"])
def test_work_whose_worker_sleeps_is_done_once_by_the_one_that_takes_over(ground: Rig, name: str) -> None:
    """Fault 19: a worker stopped at some read or write of its work, which another does meanwhile."""
    for at in points(f"sleeping {name}"):
        walk = Walk(ground)
        case = CASES[name](walk)
        sleeper = ground.nursery.start(ground.settings())
        sleeper.tell("arm", at=at, way=faulty.STOPPED)
        with ThreadPoolExecutor(1) as other, dice.replayable(f"{HERE} -k work_whose"):
            working = other.submit(sleeper.tell, "work", name=name)
            is_sleeping = falls_asleep(sleeper, working)
            waking = wake_later(sleeper)
            case.wait()
            walk.work(name)
            waking.join()
            working.result()
            # What the sleeper could not finish, since it lost its connection, is finished by the next turn.
            case.wait()
            walk.work(name)
            case.check()
        walk.end()
        sleeper.kill()
        dice.note("zombies", tried=1, asleep=is_sleeping)
    ground.audit()


class Mail:
    """A mail is claimed for a while; the while is over."""

    def __init__(self, walk: Walk) -> None:
        self.rig, self.recipient = walk.rig, f"{uuid4().hex}@example.com"
        walk.rig.run(self._put())

    async def _put(self) -> None:
        async with self.rig.pool.connection() as conn:
            await outbox.put(
                conn, kind=mails.ALREADY_REGISTERED, cause=self.recipient, recipient=self.recipient, details={}
            )

    def wait(self) -> None:
        self.rig.execute("UPDATE outbox SET next_try_at = topup_now() WHERE sent_at IS NULL")

    def check(self) -> None:
        arrived = [one for one in self.rig.mail.arrived if one.recipients == [self.recipient]]
        assert 1 <= len(arrived) <= 2
        assert len({one.message["Message-ID"] for one in arrived}) == 1
        assert self.rig.value("SELECT sent_at IS NOT NULL FROM outbox WHERE recipient = %s", self.recipient)


class Purchase:
    """A paid checkout of which no delivery told."""

    def __init__(self, walk: Walk) -> None:
        self.walk, self.buyer = walk, flows.buyer(walk)
        walk.rig.box.pay(self.buyer.checkout["sessionUrl"])

    def wait(self) -> None:
        """Nothing keeps another worker from looking."""

    def check(self) -> None:
        flows.is_credited(self.walk, self.buyer)


class Expiry:
    """A gift whose time is over."""

    def __init__(self, walk: Walk) -> None:
        self.walk, self.account = walk, flows.account_with_expired_gift(walk)

    def wait(self) -> None:
        """Nothing keeps another worker from sweeping."""

    def check(self) -> None:
        flows.is_settled(self.walk, self.account)


CASES: dict[str, type[Mail] | type[Purchase] | type[Expiry]] = {
    "outbox": Mail,
    "reconcile recent": Purchase,
    "settle overdue": Expiry,
}
