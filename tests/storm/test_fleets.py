"""Two web processes and two workers on one database, under load, while parts of it die, sleep or are cut off."""

import asyncio
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import SERVERS
from tests.storm import dice, fleet, proxy, rig, servers, traffic
from tests.storm.rig import Rig
from tests.storm.servers import BY_CRASH, IMMEDIATELY, Server
from tests.storm.traffic import Traffic
from tests.storm.walk import Walk
from tests.stripe_boxes import StripeBox

pytestmark = [pytest.mark.storm, pytest.mark.slow]

HERE = "tests/storm/test_fleets.py"
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
UNSENT = "SELECT count(*) FROM outbox WHERE sent_at IS NULL AND kind = 'receipt'"
BACK_SECONDS_MAX = 10
HEALED_SECONDS_MAX = 60


@pytest.fixture
def server() -> Iterator[Server]:
    folder = SERVERS / f"storm-{secrets.token_hex(4)}"
    with servers.running(folder) as opened:
        yield opened


@pytest.fixture
def ground(database_url: str, shared_stripe_box: StripeBox, tmp_path: Path) -> Iterator[Rig]:
    shared_stripe_box.end_outage()
    with rig.running(database_url, shared_stripe_box, tmp_path) as opened:
        yield opened


@pytest.fixture
def shaky(server: Server, shared_stripe_box: StripeBox, tmp_path: Path) -> Iterator[Rig]:
    shared_stripe_box.end_outage()
    with rig.running(server.url, shared_stripe_box, tmp_path) as opened:
        yield opened


def told(section: str, blown: Traffic) -> None:
    """Put into the report what the clients saw."""
    dice.note(section, **{name.replace(" ", "_"): count for name, count in blown.seen.items()})


async def audited(ground: Rig, blown: Traffic) -> None:
    """All that was acknowledged is there once, and all that waited has been done."""
    await blown.settle()
    # Whoever died held mails for a while; here the next one need not wait for that.
    await ground.act("UPDATE outbox SET next_try_at = topup_now() WHERE sent_at IS NULL")
    async with asyncio.timeout(HEALED_SECONDS_MAX):
        while await ground.look(UNSENT):  # noqa: ASYNC110 - another process does it
            await asyncio.sleep(0.1)


def test_postgresql_that_dies_under_load_loses_nothing_that_was_acknowledged(server: Server, shaky: Rig) -> None:
    """Faults 20 and 21: stopped immediately and killed, again and again; all are served again within seconds."""
    span = dice.seconds(part=0.12, short=5)
    own = dice.of("restarts")
    waits: list[float] = []

    async def storm() -> Traffic:
        async with fleet.running(shaky) as ships:
            blown = await traffic.prepare(shaky, ships, payments=400 if dice.IS_LONG else 80)

            async def hazards() -> None:
                end = time.monotonic() + span
                while time.monotonic() < end or server.restarts < 2:
                    await asyncio.sleep(own.uniform(0.5, 4.0))
                    await server.crash(own.choice((IMMEDIATELY, BY_CRASH)) if server.restarts > 1 else BY_CRASH)
                    back_at, answered_at = time.monotonic(), blown.last_answered_at
                    async with asyncio.timeout(BACK_SECONDS_MAX * 3):
                        while blown.last_answered_at == answered_at or blown.last_answered_at < back_at:  # noqa: ASYNC110
                            await asyncio.sleep(0.02)
                    waits.append(blown.last_answered_at - back_at)

            await blown.blow(hazards)
            await audited(shaky, blown)
            return blown

    with dice.replayable(f"{HERE} -k dies_under"):
        blown = shaky.run(storm())
        shaky.audit()
    told("restarts of PostgreSQL", blown)
    worst = max(waits)
    dice.note("restarts of PostgreSQL", restarts=server.restarts, ms_until_served_again_at_most=round(worst * 1000))
    assert worst < BACK_SECONDS_MAX, "the pool does not find back"


def test_two_webs_and_two_workers_lose_and_double_nothing_while_they_die_and_sleep(ground: Rig) -> None:
    """Faults 17 to 20, 27 and 57: killed, stopped for a while, cut off, and commits whose answers are lost."""
    span = dice.seconds(part=0.08, short=6)
    own = dice.of("fleet")

    async def storm() -> tuple[Traffic, fleet.Fleet, proxy.Proxy]:
        async with (
            proxy.before(ground.database_url) as (shaking, url),
            fleet.running(ground, database_url=url) as ships,
        ):
            blown = await traffic.prepare(ground, ships, payments=2000 if dice.IS_LONG else 80)

            async def hazards() -> None:
                end = time.monotonic() + span
                while time.monotonic() < end or not (ships.kills and ships.sleeps and shaking.lost):
                    await asyncio.sleep(own.uniform(0.1, 1.0))
                    match own.randrange(6):
                        case 0 | 1:
                            await ships.kill(own)
                        case 2:
                            await ships.sleep(own, own.uniform(0.5, 60.0 if dice.IS_LONG else 3.0))
                        case 3:
                            shaking.losses = own.randint(1, 4)
                        case 4:
                            shaking.reset()
                        case _:
                            shaking.is_black_hole, shaking.delay_seconds = own.random() < 0.5, own.uniform(0.0, 0.2)
                            await asyncio.sleep(own.uniform(0.2, 3.0))
                            shaking.is_black_hole, shaking.delay_seconds = False, 0.0
                shaking.losses = 0

            await blown.blow(hazards)
            await audited(ground, blown)
            return blown, ships, shaking

    with dice.replayable(f"{HERE} -k two_webs"):
        blown, ships, shaking = ground.run(storm())
        ground.audit()
    told("fleet of four", blown)
    dice.note("fleet of four", kills=ships.kills, sleeps=ships.sleeps, commits_without_an_answer=shaking.lost)
    assert ground.value(DEADLOCKS) == 0


def test_clocks_that_step_forth_and_back_move_no_credit(ground: Rig) -> None:
    """Fault 39: the database's clock jumps by up to a day either way while everybody is at work."""
    span = dice.seconds(part=0.02, short=3)
    own = dice.of("clocks")
    step = "UPDATE deployment SET is_demo = true, mode = 'test', clock_offset = make_interval(secs => %s)"

    async def storm() -> Traffic:
        async with fleet.running(ground) as ships:
            blown = await traffic.prepare(ground, ships, payments=40)
            blown.are_clocks_stepping = True

            async def hazards() -> None:
                end = time.monotonic() + span
                while time.monotonic() < end:
                    await asyncio.sleep(own.uniform(0.05, 0.5))
                    await ground.act(step, own.uniform(-86_400, 86_400))
                    dice.note("clocks", steps=1)

            await blown.blow(hazards)
            await ground.act(step, 86_400 * 2)
            await asyncio.to_thread(settle_everything, ground)
            await audited(ground, blown)
            return blown

    with dice.replayable(f"{HERE} -k clocks"):
        blown = ground.run(storm())
        ground.audit()
    told("clocks", blown)


def settle_everything(ground: Rig) -> None:
    """Holds that ended give back."""
    walk = Walk(ground)
    walk.work("settle overdue")
    walk.end()
