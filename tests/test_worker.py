"""The worker: it sends and retries by itself, ends in order, and whatever kills it is made good by the next one."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest
from procrastinate import App
from procrastinate import exceptions as job_errors

from tests import mail_servers, people, run_worker, stripe_bodies
from tests.mail_servers import MailServer
from topup import worker
from topup.core import facts, mails
from topup.db import events, heartbeats, outbox, sql, statements
from topup.runtime import house
from topup.runtime.house import House

TIMER = "forget old mails"


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    async with mail_servers.running() as running:
        yield running


@pytest.fixture
async def home(database_url: str, server: MailServer) -> AsyncIterator[House]:
    async with house.opened(run_worker.settings(database_url, server.port)) as opened:
        yield opened


@asynccontextmanager
async def working(home: House) -> AsyncIterator[asyncio.Event]:
    """A worker in this process; it is stopped, and must end by itself, on leaving."""
    stop = asyncio.Event()
    running = asyncio.create_task(worker.run(home, stop=stop))
    try:
        yield stop
    finally:
        stop.set()
        await running


@asynccontextmanager
async def process(database_url: str, server: MailServer) -> AsyncIterator[asyncio.subprocess.Process]:
    """A worker in a process of its own."""
    started = await asyncio.create_subprocess_exec(
        sys.executable, str(Path(run_worker.__file__)), database_url, str(server.port), cwd=Path(__file__).parent.parent
    )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        await started.wait()


async def until(is_so: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await is_so():  # noqa: ASYNC110 -- another process does it, so it is seen only by looking
            await asyncio.sleep(0.05)


async def put(home: House, *recipients: str) -> None:
    async with home.pool.connection() as conn:
        for recipient in recipients:
            await outbox.put(conn, kind=mails.ALREADY_REGISTERED, cause=recipient, recipient=recipient, details={})


async def is_all_sent(home: House) -> bool:
    async with home.pool.connection() as conn:
        return not await sql.value(conn, "SELECT count(*) FROM outbox WHERE sent_at IS NULL")


async def hearts(home: House) -> dict[str, heartbeats.Heartbeat]:
    async with home.pool.connection() as conn:
        return {heart.name: heart for heart in await heartbeats.everyone(conn)}


async def jobs(home: House, status: str) -> int:
    async with home.pool.connection() as conn:
        count = "SELECT count(*) FROM procrastinate_jobs WHERE status = %s AND task_name = %s"
        return int(await sql.value(conn, count, [status, TIMER]))


async def let_workers_look_dead(home: House) -> None:
    async with home.pool.connection() as conn:
        await sql.run(conn, "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 minute'")


@asynccontextmanager
async def jobs_app(home: House) -> AsyncIterator[App]:
    app = worker.compose(home)
    async with app.open_async(pool=home.pool):
        yield app


async def defer(home: House, *, timestamp: int = 0) -> None:
    """Let the timer's time have come."""
    async with jobs_app(home) as app:
        await app.tasks[TIMER].defer_async(timestamp=timestamp)


async def test_mails_are_sent_as_they_are_put_and_hearts_beat(home: House, server: MailServer) -> None:
    loops = {"outbox", "inbox", "money back", "rescue"}
    async with working(home):
        await put(home, "alice@example.com")
        await until(lambda: is_all_sent(home))
        await put(home, "bob@example.com")
        await until(lambda: is_all_sent(home))

        async def all_beat() -> bool:
            return loops <= {name for name, heart in (await hearts(home)).items()}

        await until(all_beat)
    assert [arrived.recipients for arrived in server.arrived] == [["alice@example.com"], ["bob@example.com"]]
    beaten = await hearts(home)
    assert {name: beaten[name].last_error for name in loops} == dict.fromkeys(loops)


async def test_an_event_whose_effect_failed_is_applied_by_the_worker(home: House) -> None:
    alice = await people.person(home.pool, "Alice")
    payment_id = await people.pending(home.pool, alice)
    body = stripe_bodies.event("checkout.session.completed", stripe_bodies.session(payment_id))
    told = facts.event(json.loads(body))
    assert told is not None
    async with home.pool.connection() as conn:
        row = events.Finished(
            told.id, told.type, told.object_id, told.api_version, told.is_live, body, told.happened_at, outcome="failed"
        )
        await events.fail(conn, row, error="It failed.")
        await sql.run(conn, "UPDATE stripe_events SET next_try_at = topup_now()")

    async def is_credited() -> bool:
        async with home.pool.connection() as conn:
            found = await statements.balance(conn, alice.account_id)
            return found is not None and found.balance == 100

    async with working(home):
        await until(is_credited)
        await until(lambda: is_all_sent(home))


async def test_stopping_waits_for_the_mail_in_hand(home: House, server: MailServer) -> None:
    server.silent_for.add("slow@example.com")
    await put(home, "slow@example.com")
    async with working(home) as stop:

        async def is_claimed() -> bool:
            async with home.pool.connection() as conn:
                return bool(await sql.value(conn, "SELECT attempts FROM outbox"))

        await until(is_claimed)
        stop.set()
        server.released.set()
    assert len(server.arrived) == 1
    assert await is_all_sent(home)


@pytest.mark.parametrize("ticks", range(6))
async def test_stopping_ends_timers_that_have_just_got_their_connection(home: House, ticks: int) -> None:
    """A cancellation at that very moment was lost, and the worker never ended."""
    taken = [await home.pool.getconn() for _ in range(home.pool.max_size)]
    stop, app = asyncio.Event(), worker.compose(home)
    async with app.open_async(pool=home.pool):
        running = asyncio.create_task(worker._run_timers(app, stop))
        while not home.pool.get_stats().get("requests_waiting"):  # noqa: ASYNC110 -- a pool tells nobody who waits
            await asyncio.sleep(0)
        stop.set()
        for _ in range(ticks):
            await asyncio.sleep(0)
        for one in taken:
            await home.pool.putconn(one)
        async with asyncio.timeout(30):
            await running


async def test_a_loop_that_fails_says_so_goes_on_and_leaves_the_others_alone(home: House) -> None:
    async with home.pool.connection() as conn:
        await sql.run(conn, "ALTER TABLE outbox RENAME TO outbox_away")

    async def is_shown() -> bool:
        found = await hearts(home)
        return {"outbox", "inbox"} <= set(found) and "UndefinedTable" in (found["outbox"].last_error or "")

    async def has_recovered() -> bool:
        return (await hearts(home))["outbox"].last_error is None

    async with working(home):
        await until(is_shown)
        assert (await hearts(home))["inbox"].last_error is None
        async with home.pool.connection() as conn:
            await sql.run(conn, "ALTER TABLE outbox_away RENAME TO outbox")
        await put(home, "alice@example.com")
        await until(lambda: is_all_sent(home))
        await until(has_recovered)


async def test_a_database_that_drops_every_connection_ends_nothing(
    home: House, maintenance: psycopg.Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "TIMERS_PAUSE_SECONDS", 0.05)
    # No timer runs meanwhile by chance: procrastinate lets the fault of a job it cannot finish fall to the loop.
    monkeypatch.setattr(worker, "TIMERS", tuple(timer for timer in worker.TIMERS if timer.name == TIMER))
    drop = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"

    async def has_sent_and_ticked() -> bool:
        async with await psycopg.AsyncConnection.connect(database_url) as conn:
            names = {heart.name for heart in await heartbeats.everyone(conn)}
            return TIMER in names and not await sql.value(conn, "SELECT count(*) FROM outbox WHERE sent_at IS NULL")

    async def is_at_rest() -> bool:
        async with home.pool.connection() as conn:
            return not await sql.value(conn, "SELECT count(*) FROM procrastinate_jobs")

    async with working(home):
        await put(home, "alice@example.com")
        await until(lambda: is_all_sent(home))
        await until(is_at_rest)
        for _ in range(5):
            maintenance.execute(drop, [database_url.rpartition("/")[2]])
            await asyncio.sleep(0.3)
        async with await psycopg.AsyncConnection.connect(database_url) as conn:
            message = {"kind": mails.ALREADY_REGISTERED, "cause": "later", "recipient": "bob@example.com"}
            await outbox.put(conn, **message, details={})
        async with await psycopg.AsyncConnection.connect(database_url) as conn:
            job = "INSERT INTO procrastinate_jobs (queue_name, task_name, args) VALUES ('default', %s, %s)"
            await sql.run(conn, job, [TIMER, '{"timestamp": 0}'])
        await until(has_sent_and_ticked)


async def defer_with_an_old_mail(home: House) -> None:
    """A job that forgets old mails, and one for it to forget."""
    async with home.pool.connection() as conn:
        message = {"kind": mails.ALREADY_REGISTERED, "cause": "old", "recipient": "alice@example.com"}
        await outbox.put(conn, **message, details={})
        await sql.run(conn, "UPDATE outbox SET sent_at = topup_now() - interval '1 year'")
    await defer(home)


async def is_waiting_for_the_row(home: House) -> bool:
    async with home.pool.connection() as conn:
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        return bool(await sql.value(conn, waiting))


@pytest.mark.slow
async def test_a_job_whose_worker_is_killed_is_done_by_another(
    home: House, database_url: str, server: MailServer
) -> None:
    """Fault 18: SIGKILL in the middle of a job; the job is done once by whoever comes next."""
    await defer_with_an_old_mail(home)

    async with process(database_url, server) as first, home.pool.connection() as holding:
        await sql.run(holding, "SELECT FROM outbox FOR UPDATE")
        await until(lambda: is_waiting_for_the_row(home))
        first.kill()
        await first.wait()
        assert await jobs(home, "doing") == 1
        await holding.rollback()

    await let_workers_look_dead(home)
    async with process(database_url, server) as second:

        async def is_done() -> bool:
            return TIMER in await hearts(home)

        await until(is_done)
        second.send_signal(signal.SIGTERM)
        assert await second.wait() == 0
    assert await jobs(home, "doing") == 0
    async with home.pool.connection() as conn:
        assert await sql.value(conn, "SELECT recipient FROM outbox") == ""


@pytest.mark.slow
async def test_a_mail_whose_worker_is_killed_is_sent_by_another(
    home: House, database_url: str, server: MailServer
) -> None:
    server.silent_for.add("alice@example.com")
    await put(home, "alice@example.com")

    async def is_claimed() -> bool:
        async with home.pool.connection() as conn:
            return bool(await sql.value(conn, "SELECT attempts FROM outbox"))

    async with process(database_url, server) as first:
        await until(is_claimed)
        first.kill()
        await first.wait()
    server.silent_for.clear()
    async with home.pool.connection() as conn:
        await sql.run(conn, "UPDATE outbox SET next_try_at = topup_now()")
    async with process(database_url, server), process(database_url, server):
        await until(lambda: is_all_sent(home))
    assert len({arrived.message["Message-ID"] for arrived in server.arrived}) == 1


async def test_a_timer_whose_turn_comes_twice_waits_once(home: House) -> None:
    await defer(home)
    with pytest.raises(job_errors.AlreadyEnqueued):
        await defer(home, timestamp=60)
    assert await jobs(home, "todo") == 1


async def test_two_workers_send_each_mail_once(home: House, server: MailServer) -> None:
    await put(home, *(f"person{number}@example.com" for number in range(25)))
    async with working(home), working(home):
        await until(lambda: is_all_sent(home))
    assert len({arrived.recipients[0] for arrived in server.arrived}) == len(server.arrived) == 25


async def test_a_dead_workers_job_is_dropped_when_its_next_turn_waits_already(home: House) -> None:
    async with jobs_app(home) as app:
        await app.tasks[TIMER].defer_async(timestamp=0)
        worker_id = await app.job_manager.register_worker()
        assert await app.job_manager.fetch_job(queues=None, worker_id=worker_id) is not None
        await app.tasks[TIMER].defer_async(timestamp=60)
        await let_workers_look_dead(home)
        await worker._rescue(app)
    assert (await jobs(home, "doing"), await jobs(home, "todo")) == (0, 1)


async def test_a_job_that_keeps_killing_its_worker_ends_as_failed(home: House) -> None:
    async with jobs_app(home) as app:
        await app.tasks[TIMER].defer_async(timestamp=0)
        turns = 0
        while await jobs(home, "todo"):
            worker_id = await app.job_manager.register_worker()
            assert await app.job_manager.fetch_job(queues=None, worker_id=worker_id) is not None
            await let_workers_look_dead(home)
            await worker._rescue(app)
            turns += 1
    assert turns == worker.JOB_ATTEMPTS_MAX + 1
    assert await jobs(home, "failed") == 1


async def test_a_living_workers_job_is_left_to_it(home: House) -> None:
    async with jobs_app(home) as app:
        await app.tasks[TIMER].defer_async(timestamp=0)
        worker_id = await app.job_manager.register_worker()
        assert await app.job_manager.fetch_job(queues=None, worker_id=worker_id) is not None
        await worker._rescue(app)
    assert await jobs(home, "doing") == 1


@pytest.mark.slow
async def test_a_worker_that_was_stopped_and_wakes_again_does_no_harm(
    home: House, database_url: str, server: MailServer
) -> None:
    """Fault 19: SIGSTOP in the middle of a job; another does it; then the first goes on and finishes its own."""
    await defer_with_an_old_mail(home)

    async def is_done() -> bool:
        found = (await hearts(home)).get(TIMER)
        return found is not None and found.last_error is None

    async with process(database_url, server) as first:
        async with home.pool.connection() as holding:
            await sql.run(holding, "SELECT FROM outbox FOR UPDATE")
            await until(lambda: is_waiting_for_the_row(home))
            first.send_signal(signal.SIGSTOP)
            await holding.rollback()
        await let_workers_look_dead(home)
        async with process(database_url, server) as second:
            await until(is_done)
            async with home.pool.connection() as conn:
                assert await sql.value(conn, "SELECT recipient FROM outbox") == ""
            second.send_signal(signal.SIGTERM)
            assert await second.wait() == 0
        await put(home, "bob@example.com")
        first.send_signal(signal.SIGCONT)
        await until(lambda: is_all_sent(home))
        first.send_signal(signal.SIGTERM)
        assert await first.wait() == 0
    assert await jobs(home, "doing") == 0
    assert [arrived.recipients for arrived in server.arrived] == [["bob@example.com"]]
