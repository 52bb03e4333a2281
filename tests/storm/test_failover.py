"""A primary and its synchronous standby: fail-over in the midst of spending, waits that end in vain, and a ghost."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import psycopg
import psycopg_pool
import pytest

from tests import people, stripe_bodies
from tests.asking import Machine, cause
from tests.runtime.test_start import SOUND
from tests.storm import clusters
from topup import errors
from topup.db import connections, idempotency, migrate, sql
from topup.flows import keyed, receive, verify
from topup.flows.requests import Answer, KeyReused
from topup.ledger import commands
from topup.runtime import house, start
from topup.runtime.backups import taking
from topup.runtime.doctor import database
from topup.runtime.doctor.findings import State
from topup.settings import Settings

pytestmark = pytest.mark.slow

CALLERS = 8
CREDITS = 1_000_000
SYNCHRONOUS = "ALTER SYSTEM SET synchronous_standby_names = 'FIRST 1 (second)'"
ALONE = "ALTER SYSTEM SET synchronous_standby_names = ''"
RELOAD = "SELECT pg_reload_conf()"
FOLLOWED = "SELECT EXISTS (SELECT FROM pg_stat_replication WHERE sync_state = 'sync' AND state = 'streaming')"
CANCEL = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
SPENT = "SELECT key FROM idempotency WHERE status = 201"


@dataclass(frozen=True)
class Pair:
    """Two servers and the address that names both."""

    first: clusters.Cluster
    second: clusters.Cluster

    @property
    def url(self) -> str:
        both = f"127.0.0.1:{self.first.port},127.0.0.1:{self.second.port}"
        return urlsplit(self.first.url)._replace(netloc=f"topup:{clusters.PASSWORD}@{both}").geturl()

    def settings(self) -> Settings:
        return Settings.model_validate({**SOUND, "database_url": self.url})


@pytest.fixture
def pair() -> Iterator[Pair]:
    with clusters.workshop() as shop:
        made = Pair(shop.cluster("first"), shop.cluster("second"))
        made.first.make()
        made.first.start()
        migrate.upgrade(made.first.url)
        made.second.follow(made.first, "second")
        made.second.start("hot_standby=on")
        made.first.execute(SYNCHRONOUS)
        made.first.execute(RELOAD)
        made.first.wait_for(FOLLOWED)
        yield made


@pytest.fixture
async def home(pair: Pair) -> AsyncIterator[house.House]:
    async with house.opened(pair.settings()) as opened:
        yield opened


@dataclass
class Host:
    """A host application that spends, asks again under the same key until it is answered, and notes the answers."""

    home: house.House
    account_id: UUID
    answered: dict[str, float] = field(default_factory=dict)

    async def spend(self, key: str) -> Answer:
        machine = Machine(self.home.pool)
        command = commands.Spend(self.account_id, 1, cause(), machine.principal)
        answer = await self.home.requests.submit(machine.request(command, key))
        assert isinstance(answer, Answer)
        assert answer.status == 201, answer.body
        self.answered[key] = time.monotonic()
        return answer

    async def keep_spending(self, name: str, stop: asyncio.Event) -> None:
        for number in itertools.count():
            while not stop.is_set():
                try:
                    await self.spend(f"{name}-{number}")
                    break
                except (psycopg.OperationalError, psycopg.errors.ReadOnlySqlTransaction):
                    await asyncio.sleep(0.1)
            if stop.is_set():
                return

    async def has_answered_since(self, moment: float, count: int = 20) -> None:
        deadline = time.monotonic() + 40
        while sum(answered_at > moment for answered_at in self.answered.values()) < count:
            assert time.monotonic() < deadline, "no answer any more"
            await asyncio.sleep(0.05)


async def test_nothing_answered_is_lost_when_the_standby_takes_over_in_the_midst_of_spending(
    pair: Pair, home: house.House
) -> None:
    """Faults 21, 22 and 23: and the old primary that comes back is not spoken to again."""
    host = Host(home, await Machine(home.pool).open(credits_in=CREDITS))
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for number in range(CALLERS):
            group.create_task(host.keep_spending(f"caller-{number}", stop))
        await host.has_answered_since(0, count=100)
        await asyncio.to_thread(pair.first.stop)
        lost_at = time.monotonic()
        await asyncio.to_thread(pair.second.promote)
        promoted_at = time.monotonic()
        await host.has_answered_since(promoted_at)
        outage_seconds = min(at for at in host.answered.values() if at > promoted_at) - lost_at
        stop.set()

    kept = {key for (key,) in pair.second.execute(SPENT)}
    assert set(host.answered) - kept == set()
    assert len(kept) >= len(host.answered)
    assert await Machine(home.pool).balance(host.account_id) == CREDITS - len(kept)
    assert (await verify.verify(home.pool)).breaches == ()
    assert outage_seconds < 20, "the pool did not find the new primary"

    pair.first.start("synchronous_standby_names=")
    ghost = connections.look(pair.url)
    assert [host.takes_writes for host in ghost] == [True, True]
    with pytest.raises(errors.Unavailable, match="both take writes: stop the one"):
        start.ensure_database(pair.url)
    seen = connections.Primary()
    async with await psycopg.AsyncConnection.connect(pair.second.url) as conn:
        await seen.check(conn)
    async with await psycopg.AsyncConnection.connect(pair.first.url) as conn:
        with pytest.raises(connections.WrongServer, match="before the last fail-over"):
            await seen.check(conn)


async def test_commit_that_no_standby_confirmed_is_not_taken_for_done(pair: Pair, home: house.House) -> None:
    """Fault 20: the server says success, with a warning. Asked again, it is answered once it is so."""
    host = Host(home, await Machine(home.pool).open(credits_in=10))
    delivery = receive.read(stripe_bodies.event("payment_intent.created", {"id": "pi_1"}, event_id="evt_1"))
    assert delivery is not None

    async def all_three() -> list[object]:
        """A spend, a delivery of Stripe's, and a call that answers for itself."""
        asked = (host.spend("doubtful"), home.deliveries.submit(delivery), keyed_act(home.pool))
        return list(await asyncio.gather(*asked, return_exceptions=True))

    assert await standby_finding(pair) is State.OK
    pair.second.stop()
    for _ in range(2):
        asking = asyncio.create_task(all_three())
        while not asking.done():
            await asyncio.to_thread(pair.first.execute, CANCEL)
            await asyncio.sleep(0.1)
        assert [type(outcome) for outcome in asking.result()] == [connections.UnconfirmedCommit] * 3
    assert {key for (key,) in pair.first.execute(SPENT)} == {"doubtful", "keyed"}
    assert await standby_finding(pair) is State.FAILED

    pair.second.start("hot_standby=on")
    pair.first.wait_for(FOLLOWED)
    spent, delivered, kept = await all_three()
    assert isinstance(spent, Answer)
    assert isinstance(kept, Answer)
    assert (spent.is_replay, delivered, kept.is_replay) == (True, "duplicate", True)
    assert await Machine(home.pool).balance(host.account_id) == 9


async def standby_finding(pair: Pair) -> State:
    """What the doctor says of the standby."""
    async with await psycopg.AsyncConnection.connect(pair.first.url, autocommit=True) as conn:
        examined = await database.check(pair.settings(), conn)
    return next(finding.state for finding in examined.findings if finding.check == "standby")


async def keyed_act(pool: people.Pool) -> Answer | KeyReused:
    async def act(_conn: sql.Connection) -> Answer:
        return Answer(201, "{}")

    def word(refusal: errors.TopupError) -> Answer:
        raise refusal

    key = idempotency.Key("application:host", "POST /acts", "keyed")
    return await keyed.once(pool, key, b"fingerprint", act, word)


async def test_no_decision_is_made_on_a_standby_and_backups_are_taken_there(pair: Pair, tmp_path: Path) -> None:
    """Fault 24."""
    assert (await taking.take(pair.second.url, tmp_path, say=lambda _: None)).manifest.rows
    with pytest.raises(errors.Unavailable, match="a standby or read-only"):
        start.ensure_database(pair.second.url)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(connections.conninfo(pair.second.url))
    async with people.Pool(
        pair.second.url, min_size=0, max_size=1, timeout=1, configure=connections.Primary().check, open=False
    ) as pool:
        with pytest.raises(psycopg_pool.PoolTimeout):
            async with pool.connection():
                pass
    start.ensure_database(pair.url)
