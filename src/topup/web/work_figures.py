"""The figures to be woken by: how old the worker's heartbeats and the oldest waiting mail and event are (fault 95).

Ages, not error rates: a worker that is dead makes no errors. Read every few seconds by a web process, which lives when
the worker does not; `topup_work_seen_timestamp_seconds` says when that last went well.
"""

import asyncio
import contextlib
from datetime import UTC, datetime

import prometheus_client
import structlog

from topup.core import timers
from topup.flows import show_work
from topup.runtime.house import Pool

LOOK_EVERY_SECONDS = 10.0
SEEN = prometheus_client.Gauge("topup_work_seen_timestamp_seconds", "When the figures below were last read.")
HEARTBEAT = prometheus_client.Gauge(
    "topup_heartbeat_age_seconds", "Since a loop or timer of the worker last succeeded.", ("name",)
)
OUTBOX_WAITING = prometheus_client.Gauge("topup_outbox_waiting", "Mails that are not sent yet.")
OUTBOX_OLDEST = prometheus_client.Gauge("topup_outbox_oldest_seconds", "Age of the oldest of them.")
OUTBOX_GIVEN_UP = prometheus_client.Gauge("topup_outbox_given_up", "Mails given up in the last seven days.")
INBOX_WAITING = prometheus_client.Gauge("topup_inbox_waiting", "Events of Stripe that failed and are tried again.")
INBOX_OLDEST = prometheus_client.Gauge("topup_inbox_oldest_seconds", "Age of the oldest unprocessed event.")
INBOX_GIVEN_UP = prometheus_client.Gauge("topup_inbox_given_up", "Events that are no longer tried.")
IN_REVIEW = prometheus_client.Gauge("topup_payments_in_review", "Payments that wait for a decision.")
LATE = prometheus_client.Gauge("topup_work_late", "1 while a loop or timer is silent for too long.", ("name",))
PAYMENTS = prometheus_client.Gauge(
    "topup_payments_lately", "Payments begun in the last two days, by how they stand now.", ("status",)
)
NOT_CREDITED = prometheus_client.Gauge(
    "topup_paid_not_credited", "Payments that Stripe told us are paid, in events whose effect failed so far."
)
MONEY_BACK_OLDEST = prometheus_client.Gauge(
    "topup_money_back_oldest_seconds", "Age of the oldest refund or dispute whose credits are not settled yet."
)
FAILED_JOBS = prometheus_client.Gauge("topup_jobs_failed", "Turns of timers that failed in the last seven days.")
IN_DEBT = prometheus_client.Gauge("topup_accounts_in_debt", "Accounts that owe credits.")
FROZEN = prometheus_client.Gauge("topup_accounts_frozen", "Accounts frozen because an invariant did not hold.")
RECONCILED = prometheus_client.Gauge(
    "topup_reconciled_timestamp_seconds", "When the last comparison with Stripe that was finished began."
)
UNEXPLAINED = prometheus_client.Gauge(
    "topup_reconcile_unexplained", "What the last comparison with Stripe could not explain."
)
HEALED = prometheus_client.Gauge(
    "topup_reconcile_credited", "Payments that the last comparison with Stripe had to credit."
)
STATUSES = ("PENDING", "PROCESSING", "COMPLETED", "EXPIRED", "FAILED", "REVIEW")

log = structlog.get_logger(__name__)


async def watch(pool: Pool, *, stop: asyncio.Event) -> None:
    """Read the figures again and again until `stop` is set."""
    while not stop.is_set():
        try:
            note(await show_work.show(pool, now=datetime.now(UTC)))
        except Exception:
            log.exception("work not seen")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), LOOK_EVERY_SECONDS)


def note(work: show_work.Work) -> None:
    """Let the figures say what was seen."""
    for heart in work.hearts:
        HEARTBEAT.labels(heart.name).set(heart.age_seconds)
    OUTBOX_WAITING.set(work.outbox.waiting)
    OUTBOX_OLDEST.set(work.outbox.oldest_seconds)
    OUTBOX_GIVEN_UP.set(work.outbox.given_up)
    INBOX_WAITING.set(work.inbox.waiting)
    INBOX_OLDEST.set(work.inbox.oldest_seconds)
    INBOX_GIVEN_UP.set(work.inbox.given_up)
    IN_REVIEW.set(work.payments_in_review)
    for status in STATUSES:
        PAYMENTS.labels(status).set(work.payments_lately.get(status, 0))
    NOT_CREDITED.set(work.paid_not_credited)
    MONEY_BACK_OLDEST.set(work.money_back_oldest_seconds)
    FAILED_JOBS.set(work.failed_jobs)
    IN_DEBT.set(work.books.in_debt)
    FROZEN.set(work.books.frozen)
    ages = {heart.name: heart.age_seconds for heart in work.hearts}
    for name, is_late in timers.late(ages, deployment_age_seconds=work.books.deployment_age_seconds).items():
        LATE.labels(name).set(is_late)
    if work.reconciliation is not None:
        RECONCILED.set(work.reconciliation.started_at.timestamp())
        UNEXPLAINED.set(work.reconciliation.unexplained)
        HEALED.set(work.reconciliation.credited)
    SEEN.set_to_current_time()
