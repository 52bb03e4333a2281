"""The figures to be woken by: how old the worker's heartbeats and the oldest waiting mail and event are (fault 95).

Ages, not error rates: a worker that is dead makes no errors. Read every few seconds by a web process, which lives when
the worker does not; `topup_work_seen_timestamp_seconds` says when that last went well.
"""

import asyncio
import contextlib

import prometheus_client
import structlog

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

log = structlog.get_logger(__name__)


async def watch(pool: Pool, *, stop: asyncio.Event) -> None:
    """Read the figures again and again until `stop` is set."""
    while not stop.is_set():
        try:
            note(await show_work.show(pool))
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
    SEEN.set_to_current_time()
