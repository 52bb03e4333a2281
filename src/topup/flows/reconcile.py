"""Compares our payments with Stripe's books, both ways, mends what a delivery should have told, and shows the rest.

Lists objects, not events, so it works when the events are gone. Everything it changes goes through the webhook's own
function, so it may run twice, at once, and beside deliveries. Called by the worker's timers and `topup reconcile`; a
dry run writes nothing, here or at Stripe (faults 6, 7, 60).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import psycopg_pool
import structlog

from topup.core import ids, mails
from topup.core.reconciling import MEANINGS, Discrepancy
from topup.db import ledger, outbox, reconciliations, sql
from topup.flows import reconcile_lists, reconcile_payments
from topup.flows.reconcile_job import Job, Tally
from topup.flows.stripe_pages import Pace
from topup.gateway import listing, protocol

Pool = psycopg_pool.AsyncConnectionPool
Report = reconciliations.Report
log = structlog.get_logger()

RECENT = timedelta(days=2)
FULL = timedelta(days=30)
# An invoice may be paid long after it was made, and there are few: all that could still be paid are listed each time.
INVOICES = timedelta(days=90)
OVERLAP = timedelta(hours=2)
SLICE = timedelta(days=1)
SHOWN_MAX = 200
TOLD_MAX = 40


@dataclass(frozen=True, slots=True)
class Look:
    """What to look at: `scope` is recent, full or command; `back` how far."""

    scope: str
    back: timedelta
    is_dry_run: bool = False


async def recent(pool: Pool, stripe: protocol.Stripe) -> Report:
    """The last two days, or longer when nobody has looked for longer."""
    async with pool.connection() as conn:
        now = await ledger.now(conn)
        last = await reconciliations.last(conn, "recent", "full")
    back = RECENT if last is None else max(RECENT, now - last.started_at + OVERLAP)
    return await run(pool, stripe, Look("recent", min(back, FULL)))


async def full(pool: Pool, stripe: protocol.Stripe) -> Report:
    """The last thirty days."""
    return await run(pool, stripe, Look("full", FULL))


async def run(pool: Pool, stripe: protocol.Stripe, look: Look, *, pace: Pace | None = None) -> Report:
    """Compare, mend, keep the report and tell the admins what is new in it. GatewayError where Stripe gave out."""
    async with pool.connection() as conn:
        started_at = await ledger.now(conn)
    job = Job(pool, stripe, pace or Pace(), is_dry_run=look.is_dry_run)
    looked_from = started_at - look.back
    invoices_from = started_at - max(look.back, INVOICES)
    await reconcile_payments.stale(job)
    of_invoices = await reconcile_lists.invoices(job, listing.Span(invoices_from))
    for span in _slices(looked_from, started_at):
        proved = await reconcile_lists.purchases(job, span)
        await reconcile_payments.completed(job, span, proved=proved | of_invoices)
    await reconcile_lists.money_back(job, listing.Span(looked_from), with_strays=look.scope != "recent")
    await reconcile_payments.in_motion(job, listed_since=invoices_from)
    return await _finish(pool, look, looked_from, started_at, job.tally)


def _slices(since: datetime, now: datetime) -> Iterator[listing.Span]:
    """Newest first, a day each unless all is short, so that what is remembered of one slice stays small.

    The newest has no end, since Stripe's clock may be ahead of ours.
    """
    if now - since <= RECENT:
        yield listing.Span(since)
        return
    until = None
    start = now
    while start > since:
        start = max(start - SLICE, since)
        yield listing.Span(start, until)
        until = start


async def _finish(pool: Pool, look: Look, looked_from: datetime, started_at: datetime, tally: Tally) -> Report:
    async with pool.connection() as conn:
        report = _report(ids.new(), look, (looked_from, started_at, await ledger.now(conn)), tally)
        if not look.is_dry_run:
            await reconciliations.insert(conn, report)
            new = await reconciliations.see(conn, tally.findings)
            if new:
                await _tell(conn, report, new)
    log.info(
        "reconciled",
        scope=look.scope,
        is_dry_run=look.is_dry_run,
        objects=report.objects_seen,
        credited=report.credited,
        closed=report.closed,
        reviewed=report.reviewed,
        unexplained=report.unexplained,
    )
    return report


def _report(report_id: UUID, look: Look, times: tuple[datetime, datetime, datetime], tally: Tally) -> Report:
    return Report(
        id=report_id,
        scope=look.scope,
        looked_from=times[0],
        started_at=times[1],
        finished_at=times[2],
        objects_seen=tally.objects_seen,
        payments_seen=tally.payments_seen,
        credited=tally.credited,
        closed=tally.closed,
        reviewed=tally.reviewed,
        expired=tally.expired,
        marked=tally.marked,
        unexplained=tally.unexplained,
        findings=[_shown(one) for one in tally.findings[:SHOWN_MAX]],
    )


def _shown(one: Discrepancy) -> dict[str, str | None]:
    payment_id = None if one.payment_id is None else str(one.payment_id)
    return {"kind": one.kind.value, "subject": one.subject, "paymentId": payment_id, "told": one.told}


async def _tell(conn: sql.Connection, report: Report, new: Sequence[Discrepancy]) -> None:
    """One mail to each admin for all that is new, whatever of it was told before."""
    more = len(new) - TOLD_MAX
    lines = [f"{one.subject}: {MEANINGS[one.kind]}. {one.told}." for one in new[:TOLD_MAX]]
    details = {
        "title": "Stripe and Topup do not agree",
        "intro": "A comparison with Stripe found what nobody has explained yet.",
        "lines": lines + ([f"and {more} more"] if more > 0 else []),
        "hint": "Run topup reconcile --dry-run to see all of it; docs/how-to/troubleshoot.md says what each means.",
    }
    await outbox.put_for_admins(conn, kind=mails.ATTENTION, cause=f"reconciliation:{report.id}", details=details)
