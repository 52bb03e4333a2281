"""Reports of reconciliations as rows, and the discrepancies they found, each known once.

Written by topup.flows.reconcile in one transaction when it is done; read by admins, the doctor and the figures.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from topup.core.reconciling import Discrepancy
from topup.db import sql


@dataclass(frozen=True, slots=True)
class Report:
    """One finished comparison. `findings` are the first of what is unexplained; `unexplained` counts all of it."""

    id: UUID
    scope: str
    looked_from: datetime
    started_at: datetime
    finished_at: datetime
    objects_seen: int
    payments_seen: int
    credited: int
    closed: int
    reviewed: int
    expired: int
    marked: int
    unexplained: int
    findings: list[dict[str, Any]]


INSERT = """
    INSERT INTO reconciliations (id, scope, looked_from, started_at, finished_at, objects_seen, payments_seen, credited,
                                 closed, reviewed, expired, marked, unexplained, findings)
    VALUES (%(id)s, %(scope)s, %(looked_from)s, %(started_at)s, %(finished_at)s, %(objects_seen)s, %(payments_seen)s,
            %(credited)s, %(closed)s, %(reviewed)s, %(expired)s, %(marked)s, %(unexplained)s, %(findings)s)
"""


async def insert(conn: sql.Connection, report: Report) -> None:
    """Keep a report."""
    await sql.run(conn, INSERT, {**asdict(report), "findings": Jsonb(report.findings)})


COLUMNS = """
    id, scope, looked_from, started_at, finished_at, objects_seen, payments_seen, credited, closed, reviewed, expired,
    marked, unexplained, findings
"""
PAGE = (
    "SELECT" + COLUMNS + "FROM reconciliations WHERE %(before)s::uuid IS NULL OR id < %(before)s"
    " ORDER BY id DESC LIMIT %(limit)s"
)


async def page(conn: sql.Connection, *, before: UUID | None, limit: int) -> list[Report]:
    """Reports, latest first."""
    return await sql.rows(conn, Report, PAGE, {"before": before, "limit": limit})


LAST = "SELECT" + COLUMNS + "FROM reconciliations WHERE scope = ANY(%s) ORDER BY started_at DESC LIMIT 1"


async def last(conn: sql.Connection, *scopes: str) -> Report | None:
    """The latest report of these scopes."""
    return await sql.row(conn, Report, LAST, [list(scopes)])


NEW = """
    INSERT INTO discrepancies (kind, subject, payment_id, told)
    SELECT * FROM unnest(%s::text[], %s::text[], %s::uuid[], %s::text[])
    ON CONFLICT (kind, subject) DO NOTHING RETURNING kind || ':' || subject
"""
AGAIN = """
    UPDATE discrepancies AS d SET last_seen_at = topup_now(), told = seen.told
    FROM unnest(%s::text[], %s::text[], %s::text[]) AS seen (kind, subject, told)
    WHERE d.kind = seen.kind AND d.subject = seen.subject
"""


async def see(conn: sql.Connection, found: Sequence[Discrepancy]) -> list[Discrepancy]:
    """Keep what is unexplained; those of which nobody was told before."""
    if not found:
        return []
    each = {(one.kind.value, one.subject): one for one in found}
    ordered = [each[key] for key in sorted(each)]
    new = set(
        await sql.values(
            conn, NEW, sql.columns([(one.kind.value, one.subject, one.payment_id, one.told) for one in ordered])
        )
    )
    await sql.run(conn, AGAIN, sql.columns([(one.kind.value, one.subject, one.told) for one in ordered]))
    return [one for one in ordered if f"{one.kind.value}:{one.subject}" in new]


FORGET = "DELETE FROM reconciliations WHERE started_at < topup_now() - %s"


async def forget(conn: sql.Connection, *, older_than: timedelta) -> int:
    """Drop old reports; how many. What was unexplained stays known."""
    return await sql.run(conn, FORGET, [older_than])
