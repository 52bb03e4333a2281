"""Checks of the database: reachable, new enough, durable, of our schema, and guarded against a rewriting of history.

Only reads; called by inside.
"""

import asyncio
import time
from dataclasses import dataclass
from datetime import timedelta

import psycopg

from topup import errors
from topup.db import app_role, condition, deployment, migrate
from topup.flows import claim_deployment
from topup.runtime.doctor.findings import Finding
from topup.settings import Settings

VERSION_NUM_MIN = 150_000
CLOCK_SKEW_MAX_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Examined:
    """What was found, and whether later checks can use the database."""

    findings: list[Finding]
    is_usable: bool


async def check(settings: Settings, conn: psycopg.AsyncConnection | None) -> Examined:
    """All checks of the database. Without a connection there is one finding, and the rest is skipped."""
    if conn is None:
        return Examined(
            [Finding.failed("database", "not reachable", "look at DATABASE_URL, and whether it runs")], is_usable=False
        )
    server = await condition.server(conn)
    findings = [
        _server(server),
        _durability(server, settings),
        _checksums(server),
        _standby(server),
        _clock(server),
    ]
    schema = await asyncio.to_thread(_schema, settings.database_url.get_secret_value())
    if not schema.fix:
        findings += [schema, _guards(await condition.guards(conn)), _place(await deployment.read(conn))]
        return Examined(findings, is_usable=True)
    return Examined([*findings, schema, Finding.skipped("history", "needs the schema")], is_usable=False)


def _server(server: condition.Server) -> Finding:
    told = f"PostgreSQL {server.version}, signed in as {server.login}"
    if server.is_standby:
        return Finding.failed(
            "database", f"{told}: a standby, which takes no writes", "name the primary in DATABASE_URL"
        )
    if server.version_num < VERSION_NUM_MIN:
        return Finding.failed("database", f"{told}: too old", "use PostgreSQL 15 or newer")
    return Finding.ok("database", told)


def _durability(server: condition.Server, settings: Settings) -> Finding:
    if server.is_durable:
        return Finding.ok("durability", "commits wait for the disk")
    found = "fsync, full_page_writes or synchronous_commit is off: a power cut loses payments"
    return (Finding.warning if settings.is_demo else Finding.failed)("durability", found, "switch them on")


def _checksums(server: condition.Server) -> Finding:
    if server.has_checksums:
        return Finding.ok("checksums", "a page that rots on the disk is noticed")
    found = "off: a page that rots on the disk is read as if it were right"
    return Finding.warning("checksums", found, "`pg_checksums --enable` while the server is stopped")


def _standby(server: condition.Server) -> Finding:
    followers = f"{server.standbys} {'follows' if server.standbys == 1 else 'follow'}"
    if server.waits_for_standby and not server.standbys:
        return Finding.failed("standby", "commits wait for one, and none is there", "docs/operating/several-hosts.md")
    if server.waits_for_standby:
        return Finding.ok("standby", f"{followers}, and commits wait for it")
    if server.standbys:
        return Finding.ok("standby", f"{followers}, and commits do not wait: a fail-over may forget the last ones")
    return Finding.ok("standby", "none: what was written since the last backup is on one machine only")


def _clock(server: condition.Server) -> Finding:
    skew_seconds = abs(server.unix_seconds - time.time())
    if skew_seconds <= CLOCK_SKEW_MAX_SECONDS:
        return Finding.ok("database clock", "agrees with this machine's")
    told = str(timedelta(seconds=round(skew_seconds)))
    return Finding.failed("database clock", f"differs from this machine's by {told}", "let both follow a time server")


def _schema(database_url: str) -> Finding:
    try:
        migrate.ensure_current(database_url)
    except errors.Unavailable as fault:
        fix = "deploy the newer program" if fault.code == "schema_ahead" else "run `topup migrate`"
        found = (
            f"at {migrate.current_revision(database_url) or 'nothing'}, this program wants {migrate.head_revision()}"
        )
        return Finding.failed("schema", found, fix)
    return Finding.ok("schema", f"at {migrate.head_revision()}, as this program wants it")


def _guards(guards: condition.Guards) -> Finding:
    if guards.triggers < len(condition.GUARDED_TABLES):
        return Finding.failed(
            "history", "a trigger that keeps the ledger append-only is missing", "restore it, then `topup verify`"
        )
    if guards.may_wear_role and not guards.may_role_rewrite:
        return Finding.ok(
            "history", f"guarded by triggers, and by the role {app_role.NAME} that serve and worker put on"
        )
    found = f"guarded by triggers alone: the role {app_role.NAME} is missing, not ours to put on, or may change history"
    return Finding.warning("history", found, "run `topup migrate` as a login that may create roles")


def _place(standing: deployment.Deployment) -> Finding:
    faults = claim_deployment.copy_faults(standing)
    if faults:
        return Finding.failed("copy", faults[0], "docs/operating/backup.md, under confirm")
    return Finding.ok("copy", "this database is where the last start found it" if standing.place else "none: it is new")
