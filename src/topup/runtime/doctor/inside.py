"""Looks at a deployment with its own settings: all that serve and worker will need, in the order they need it.

Called by examination; opens one connection and hands it to the checks.
"""

import contextlib
from collections.abc import AsyncIterator

import psycopg

from topup.db import condition
from topup.runtime.doctor import configuration, database, stripe_side, work
from topup.runtime.doctor.findings import Finding
from topup.settings import Settings

CONNECT_SECONDS = 5


async def examine(settings: Settings, *, mail_to: str | None = None) -> list[Finding]:
    """Every finding, in the order of the report. What cannot be looked at is said to be skipped."""
    findings = configuration.check(settings)
    async with _connection(settings) as conn:
        standing, found = await _standing(settings, conn)
        findings += found
        findings += await stripe_side.check(settings, standing)
        findings += configuration.sender(settings)
        findings += await work.check_mail(settings, mail_to=mail_to)
        findings += await _work(conn, standing)
    return findings


async def _standing(
    settings: Settings, conn: psycopg.AsyncConnection | None
) -> tuple[condition.Standing | None, list[Finding]]:
    """The checks of the database, and what it remembers, where it can be asked."""
    try:
        examined = await database.check(settings, conn)
        standing = await condition.standing(conn) if conn is not None and examined.is_usable else None
    except psycopg.Error as error:
        return None, [Finding.failed("database", f"refused a question ({type(error).__name__})", "look at its log")]
    return standing, examined.findings


async def _work(conn: psycopg.AsyncConnection | None, standing: condition.Standing | None) -> list[Finding]:
    if conn is None or standing is None:
        return [Finding.skipped("worker, outbox, inbox", "need the database and its schema")]
    try:
        return await work.check_work(conn, standing)
    except psycopg.Error as error:
        return [
            Finding.failed("worker", f"could not be asked for ({type(error).__name__})", "look at PostgreSQL's log")
        ]


@contextlib.asynccontextmanager
async def _connection(settings: Settings) -> AsyncIterator[psycopg.AsyncConnection | None]:
    """A connection, or None where there is none to be had."""
    url = settings.database_url.get_secret_value()
    if not url:
        yield None
        return
    try:
        conn = await psycopg.AsyncConnection.connect(url, connect_timeout=CONNECT_SECONDS, autocommit=True)
    except psycopg.Error:
        yield None
        return
    async with conn:
        yield conn
