"""The worker: what happens without anybody asking. Loops that poll (mails, failed events), timers run by procrastinate.

Every piece of work is one flow, may run twice and in several workers at once, and beats a heart when it succeeded.
Nothing here decides anything about money. `topup worker` runs it alone, `topup demo` inside its own process.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import procrastinate
import structlog
from procrastinate import exceptions as job_errors
from procrastinate import jobs
from procrastinate import worker as procrastinate_worker

from topup.db import heartbeats
from topup.flows import (
    close_unpaid,
    find_strays,
    finish_refunds,
    forget_events,
    forget_mails,
    forget_reconciliations,
    forget_sign_ins,
    reconcile,
    remind_expiry,
    retry_events,
    return_ended,
    roster_queue,
    send_mails,
    settle,
    take_money_back,
    verify,
)
from topup.gateway import mail_words
from topup.runtime.house import House

MAIL_PAUSE_SECONDS = 0.3
EVENT_PAUSE_SECONDS = 2.0
ROSTER_PAUSE_SECONDS = 1.0
RESCUE_PAUSE_SECONDS = 5.0
MONEY_BACK_PAUSE_SECONDS = 0.4
PAUSE_AFTER_FAILURE_MAX_SECONDS = 15.0
BEAT_EVERY_SECONDS = 5.0
GRACE_SECONDS = 10.0
TIMERS_PAUSE_SECONDS = 5.0

# A worker that has not beaten for this long is dead, and its jobs are given to another: well under a minute (fault 18).
JOB_HEARTBEAT_SECONDS = 5.0
JOB_STALLED_SECONDS = 20.0
JOB_ATTEMPTS_MAX = 5
FAILED_JOBS_KEPT_HOURS = 7 * 24
# A turn that failed is not left to the next one, which may be a day away. A worker that was stopped keeps what it had
# locked for fifteen seconds, until PostgreSQL ends its transaction (fault 19).
AGAIN = procrastinate.RetryStrategy(max_attempts=4, wait=10)

log = structlog.get_logger(__name__)

# True when there is more to do at once.
Work = Callable[[], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Timer:
    """Work at set times (cron in UTC), once for all workers together."""

    name: str
    cron: str
    verb: Callable[[House], Awaitable[object]]


TIMERS = (
    # What is paid is to be credited within fifteen minutes of a lost delivery, so the look comes more often than that.
    Timer("reconcile recent", "*/10 * * * *", lambda house: reconcile.recent(house.pool, house.stripe)),
    Timer("reconcile", "37 3 * * *", lambda house: reconcile.full(house.pool, house.stripe)),
    Timer("settle overdue", "* * * * *", lambda house: settle.sweep(house.pool)),
    Timer("return ended allocations", "* * * * *", lambda house: return_ended.sweep(house.pool)),
    Timer("close unpaid", "*/10 * * * *", lambda house: close_unpaid.close(house.pool, house.stripe)),
    Timer("remind of expiry", "7 * * * *", lambda house: remind_expiry.remind(house.pool)),
    Timer("verify", "47 2 * * *", lambda house: verify.watch(house.pool)),
    Timer("forget old mails", "17 3 * * *", lambda house: forget_mails.forget(house.pool)),
    Timer(
        "forget old events",
        "7 4 * * *",
        lambda house: forget_events.forget(house.pool, kept_days=house.settings.events_kept_days),
    ),
    Timer("forget old reports", "17 4 * * *", lambda house: forget_reconciliations.forget(house.pool)),
    Timer("forget old rosters", "22 3 * * *", lambda house: roster_queue.forget(house.pool)),
    Timer("forget old sign-ins", "27 3 * * *", lambda house: forget_sign_ins.forget(house.pool)),
)


async def run(house: House, *, stop: asyncio.Event) -> None:
    """Work until `stop` is set; then finish what is in hand and return."""
    brand = mail_words.Brand(app_name=house.settings.app_name, frontend_url=house.settings.frontend_url)
    app = compose(house)
    async with app.open_async(pool=house.pool), asyncio.TaskGroup() as group:
        for name, pause_seconds, work in (
            ("outbox", MAIL_PAUSE_SECONDS, lambda: _send_mails(house, brand)),
            ("rosters", ROSTER_PAUSE_SECONDS, lambda: roster_queue.run_next(house.pool)),
            ("inbox", EVENT_PAUSE_SECONDS, lambda: _retry_events(house)),
            ("money back", MONEY_BACK_PAUSE_SECONDS, lambda: _take_money_back(house)),
            ("rescue", RESCUE_PAUSE_SECONDS, lambda: _rescue(app)),
        ):
            group.create_task(_loop(house, stop, name, pause_seconds, work), name=name)
        group.create_task(_run_timers(app, stop), name="timers")


def compose(house: House) -> procrastinate.App:
    """Our timers, in an app of procrastinate. It uses the house's pool and never runs inside a transaction of ours."""
    app = procrastinate.App(connector=procrastinate.PsycopgConnector())
    for timer in (*TIMERS, Timer("purge jobs", "41 * * * *", lambda _house: _purge(app))):
        task = app.task(name=timer.name, queueing_lock=timer.name, lock=timer.name, retry=AGAIN)(_job(house, timer))
        app.periodic(cron=timer.cron)(task)
    return app


def _job(house: House, timer: Timer) -> Callable[[int], Awaitable[None]]:
    async def job(timestamp: int) -> None:  # noqa: ARG001 -- procrastinate names the tick
        try:
            await timer.verb(house)
        except Exception as fault:
            log.exception("timer failed", timer=timer.name)
            await _miss(house, timer.name, fault)
            raise
        async with house.pool.connection() as conn:
            await heartbeats.beat(conn, timer.name)

    return job


async def _send_mails(house: House, brand: mail_words.Brand) -> bool:
    drained = await send_mails.drain(house.pool, house.mailer, brand)
    return drained.sent > 0


async def _retry_events(house: House) -> bool:
    await retry_events.due(house.pool, is_live=house.settings.is_live)
    return False


async def _take_money_back(house: House) -> bool:
    await find_strays.find(house.pool, house.stripe)
    await finish_refunds.finish(house.pool, house.stripe)
    return await take_money_back.take(house.pool, house.stripe)


async def _loop(house: House, stop: asyncio.Event, name: str, pause_seconds: float, work: Work) -> None:
    """Do the work again and again. A failure is logged, shown and waited out, longer each time; it ends nothing."""
    failures, beaten_at = 0, float("-inf")
    while not stop.is_set():
        is_more = False
        try:
            is_more = await work()
            if failures or time.monotonic() - beaten_at > BEAT_EVERY_SECONDS:
                async with house.pool.connection() as conn:
                    await heartbeats.beat(conn, name)
                beaten_at = time.monotonic()
            failures = 0
        except Exception as fault:
            failures += 1
            log.exception("loop failed", loop=name, failures=failures)
            await _miss(house, name, fault)
        if not is_more:
            await _pause(stop, min(pause_seconds * 2**failures, PAUSE_AFTER_FAILURE_MAX_SECONDS))


async def _miss(house: House, name: str, fault: Exception) -> None:
    """Show the failure; where even that fails, the log has it and the heartbeat grows old."""
    with contextlib.suppress(Exception):
        async with house.pool.connection() as conn:
            await heartbeats.miss(conn, name, error=f"{type(fault).__name__}: {fault}"[:500])


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


async def _run_timers(app: procrastinate.App, stop: asyncio.Event) -> None:
    """Keep procrastinate running: it ends by itself when it loses the database, and is started again.

    It is told to stop, and not cancelled: a cancellation that meets a connection just lent by the pool may be lost.
    """
    while not stop.is_set():
        hand = _hand(app)
        working = asyncio.create_task(hand.run(), name="jobs")
        stopping = asyncio.create_task(stop.wait(), name="stop")
        try:
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            hand.stop()
            await _end(working)
        await _pause(stop, TIMERS_PAUSE_SECONDS)


async def _end(working: asyncio.Task[None]) -> None:
    """Stopped, procrastinate takes no new job and waits for those it has."""
    try:
        await working
    except Exception:
        log.exception("timers failed")


def _hand(app: procrastinate.App) -> procrastinate_worker.Worker:
    return procrastinate_worker.Worker(
        app,
        # The nightly comparison with Stripe may take minutes, and the timers of each minute go on beside it.
        concurrency=4,
        # Polling: a listener would cost a connection, and our jobs are timers, which nobody waits for.
        listen_notify=False,
        fetch_job_polling_interval=1.0,
        delete_jobs="successful",
        install_signal_handlers=False,
        update_heartbeat_interval=JOB_HEARTBEAT_SECONDS,
        stalled_worker_timeout=JOB_STALLED_SECONDS,
        shutdown_graceful_timeout=GRACE_SECONDS,
    )


async def _rescue(app: procrastinate.App) -> bool:
    """Give the jobs of killed workers to living ones. A job that keeps killing its worker ends as failed."""
    for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=JOB_STALLED_SECONDS):
        log.warning("job rescued", job=job.task_name, attempts=job.attempts)
        try:
            if job.attempts < JOB_ATTEMPTS_MAX:
                await app.job_manager.retry_job(job)
            else:
                await app.job_manager.finish_job(job, jobs.Status.FAILED, delete_job=False)
        except job_errors.UniqueViolation:
            # The timer's next turn is already waiting and does the same work.
            await app.job_manager.finish_job(job, jobs.Status.FAILED, delete_job=True)
        except job_errors.ConnectorException:
            # Another worker was quicker, or the job's own worker only slept and has finished it.
            log.info("job rescued by another", job=job.task_name)
    return False


async def _purge(app: procrastinate.App) -> None:
    """Jobs that succeeded go at once; what failed can be looked at for a week."""
    await app.job_manager.delete_old_jobs(
        FAILED_JOBS_KEPT_HOURS, include_failed=True, include_cancelled=True, include_aborted=True
    )
