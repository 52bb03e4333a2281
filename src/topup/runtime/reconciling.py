"""What `topup reconcile` does: opens the house as serve does, compares, and puts the report into words.

Called by the command line, for the environment's deployment or the demo kept here.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from topup.core.reconciling import MEANINGS, Kind
from topup.flows import reconcile
from topup.runtime import house, start
from topup.settings import Settings


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it went, in lines to be printed; `is_explained` is whether nothing is left to explain."""

    is_explained: bool
    lines: tuple[str, ...]


async def run(given: Settings, *, days: int, is_dry_run: bool) -> Outcome:
    """Compare the last so many days."""
    async with _opened(given) as home:
        look = reconcile.Look("command", timedelta(days=days), is_dry_run=is_dry_run)
        report = await reconcile.run(home.pool, home.stripe, look)
    return Outcome(report.unexplained == 0, tuple(_lines(report, is_dry_run=is_dry_run)))


@asynccontextmanager
async def _opened(given: Settings) -> AsyncIterator[house.House]:
    if given.is_demo:
        async with house.opened(given) as home:
            yield home
        return
    async with start.opened(given) as home:
        yield home


def _lines(report: reconcile.Report, *, is_dry_run: bool) -> Iterator[str]:
    seconds = (report.finished_at - report.started_at).total_seconds()
    would = "would be " if is_dry_run else ""
    yield f"looked from     {report.looked_from:%Y-%m-%d %H:%M} UTC, {seconds:.1f} s"
    yield f"seen            {report.objects_seen:,} objects at Stripe, {report.payments_seen:,} payments here"
    for count, words in (
        (report.credited, "credited: paid there, not credited here"),
        (report.closed, "moved on: ended or under way there"),
        (report.reviewed, "sent to review: paid, and not as quoted"),
        (report.marked, "read anew: refunds or disputes there that were not booked here"),
        (report.expired, "ended at Stripe: their package is not on sale any more"),
    ):
        yield f"{count:>13,}   {would}{words}"
    yield f"{report.unexplained:>13,}   unexplained"
    for one in report.findings:
        kind = Kind(one["kind"])
        payment = "" if one["paymentId"] in (None, one["subject"]) else f" (payment {one['paymentId']})"
        yield f"  {kind.value:<24} {one['subject']}{payment}: {one['told']}"
    if unshown := report.unexplained - len(report.findings):
        yield f"  and {unshown:,} more"
    for kind in sorted({Kind(one["kind"]) for one in report.findings}):
        yield f"{kind.value}: {MEANINGS[kind]}."
