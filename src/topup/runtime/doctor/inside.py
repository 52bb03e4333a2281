"""Looks at a deployment with its own settings: all that serve and worker will need, in the order they need it."""

import contextlib
from collections.abc import AsyncIterator

import psycopg

from topup.db import condition
from topup.runtime.doctor import configuration, database, stripe_side, work
from topup.runtime.doctor.findings import Finding, skipped
from topup.settings import Settings

CONNECT_SECONDS = 5


async def examine(settings: Settings, *, mail_to: str | None = None) -> list[Finding]:
    """Every finding, in the order of the report. What cannot be looked at is said to be skipped."""
    findings = configuration.check(settings)
    async with _connection(settings) as conn:
        examined = await database.check(settings, conn)
        findings += examined.findings
        standing = await condition.standing(conn) if conn is not None and examined.is_usable else None
        findings += await stripe_side.check(settings, standing)
        findings += configuration.sender(settings)
        findings += await work.check_mail(settings, mail_to=mail_to)
        if conn is not None and standing is not None:
            findings += await work.check_work(conn, standing)
        else:
            findings.append(skipped("worker, outbox, inbox", "need the database and its schema"))
    return findings


@contextlib.asynccontextmanager
async def _connection(settings: Settings) -> AsyncIterator[psycopg.AsyncConnection | None]:
    """A connection, or None where there is none to be had."""
    url = settings.database_url.get_secret_value()
    try:
        conn = (
            await psycopg.AsyncConnection.connect(url, connect_timeout=CONNECT_SECONDS, autocommit=True)
            if url
            else None
        )
    except psycopg.Error:
        conn = None
    if conn is None:
        yield None
        return
    async with conn:
        yield conn
