"""Checks of what runs by itself: every timer's last success, the last comparison with Stripe, events not as expected.

Only reads; called by work. A demo's offline Stripe sends every type there is, which is no finding.
"""

from datetime import timedelta

import psycopg

from topup.core import facts, timers
from topup.db import figures, heartbeats, inbox, reconciliations
from topup.runtime.doctor.findings import Finding

TYPES_SHOWN = 5


async def check(
    conn: psycopg.AsyncConnection, hearts: dict[str, heartbeats.Heartbeat], *, is_demo: bool
) -> list[Finding]:
    """All of it. Needs the current schema."""
    books = await figures.books(conn)
    odd = await inbox.oddities(conn, version=facts.API_VERSION)
    return [
        _timers(hearts, books.deployment_age_seconds),
        _reconciliation(await reconciliations.last(conn, "recent", "full"), hearts),
        _versions(odd),
        *([] if is_demo else _types(odd)),
        *_accounts(books),
    ]


def _timers(hearts: dict[str, heartbeats.Heartbeat], deployment_age_seconds: float) -> Finding:
    ages = {name: heart.age_seconds for name, heart in hearts.items()}
    found = timers.late(ages, deployment_age_seconds=deployment_age_seconds)
    late = [name for name, is_late in found.items() if is_late and name in timers.TIMERS]
    if not late:
        return Finding.ok("timers", f"all {len(timers.TIMERS)} have run in their time")
    told = ", ".join(f"{name} ({_ago(ages.get(name))})" for name in late)
    return Finding.failed("timers", f"silent for too long: {told}", "start `topup worker`, or look at its log")


def _reconciliation(last: reconciliations.Report | None, hearts: dict[str, heartbeats.Heartbeat]) -> Finding:
    heart = hearts.get("reconcile recent")
    if last is None:
        return Finding.warning(
            "reconcile", "payments were never compared with Stripe", "wait ten minutes, or run `topup reconcile`"
        )
    age = _ago(heart.age_seconds) if heart else f"at {last.started_at:%Y-%m-%d %H:%M} UTC"
    if last.unexplained:
        found = f"the last comparison with Stripe ({age}) left {last.unexplained} unexplained"
        return Finding.failed("reconcile", found, "`topup reconcile --dry-run`; docs/operating/reconcile.md")
    return Finding.ok("reconcile", f"compared with Stripe {age}, nothing unexplained")


def _versions(odd: inbox.Oddities) -> Finding:
    if not odd.other_versions:
        return Finding.ok("event versions", f"all of the last day in {facts.API_VERSION}")
    found = f"some of the last day in {', '.join(odd.other_versions)}; Topup reads {facts.API_VERSION}"
    return Finding.failed("event versions", found, "make the endpoint anew with that version")


def _types(odd: inbox.Oddities) -> list[Finding]:
    if not odd.unknown_types:
        return []
    shown = ", ".join(odd.unknown_types[:TYPES_SHOWN])
    found = f"{len(odd.unknown_types)} types came that Topup has no use for: {shown}"
    return [Finding.warning("event types", found, "harmless; choose those of docs/how-to/go-live.md at the endpoint")]


def _accounts(books: figures.Books) -> list[Finding]:
    if not books.frozen:
        return []
    found = f"{books.frozen} accounts are frozen, since an invariant did not hold"
    return [Finding.failed("accounts", found, "`topup verify`, then docs/concepts/ledger.md")]


def _ago(age_seconds: float | None) -> str:
    return "never" if age_seconds is None else f"{timedelta(seconds=round(age_seconds))} ago"
