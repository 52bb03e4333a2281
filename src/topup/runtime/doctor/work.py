"""Checks of what goes on: mail, the worker's heart, what waits in outbox and inbox, whether anybody minds the shop.

Only reads, and sends no mail unless it is asked to; called by inside.
"""

from datetime import timedelta
from uuid import uuid4

import psycopg
import psycopg_pool

from topup import errors
from topup.db import condition, heartbeats, outbox
from topup.gateway import mail
from topup.runtime.doctor import books
from topup.runtime.doctor.findings import Finding
from topup.settings import Settings

LOOPS = ("outbox", "inbox", "money back", "rescue")
LOOP_SILENT_MAX_SECONDS = 60.0
WAITING_MAX_SECONDS = 120.0


async def check_mail(settings: Settings, *, mail_to: str | None) -> list[Finding]:
    """Connect and sign in; send one mail only when asked to."""
    if not settings.smtp_host:
        if settings.is_demo:
            return [Finding.ok("mail", "kept at /demo/mailbox")]
        return [
            Finding.failed("mail", "no mail server: nobody can confirm an address or get a receipt", "set SMTP_HOST")
        ]
    smtp = mail.Smtp(settings)
    try:
        findings = [Finding.ok("mail", await smtp.check())]
        if mail_to is not None:
            await smtp.send(_test_mail(settings, mail_to))
            findings.append(Finding.ok("test mail", f"handed over for {mail_to}; look whether it arrives"))
    except errors.GatewayError as error:
        return [Finding.failed("mail", error.detail, "look at SMTP_HOST, SMTP_PORT, SMTP_USER and SMTP_PASS")]
    return findings


def _test_mail(settings: Settings, recipient: str) -> mail.Mail:
    words = f"This is a test mail from {settings.app_name} at {settings.frontend_url}.\n"
    subject = f"Test mail from {settings.app_name}"
    return mail.Mail(id=uuid4(), recipient=recipient, subject=subject, text=words, html="<p>It can be deleted.</p>")


async def look(pool: psycopg_pool.AsyncConnectionPool) -> list[Finding]:
    """The same as `check_work`, on a connection of its own: for the desk."""
    async with pool.connection() as conn:
        return await check_work(conn, await condition.standing(conn))


async def check_work(conn: psycopg.AsyncConnection, standing: condition.Standing) -> list[Finding]:
    """What the database knows of the work. Needs the current schema."""
    hearts = {heart.name: heart for heart in await heartbeats.everyone(conn)}
    return [
        _worker(hearts),
        *_troubles(hearts),
        _outbox(await outbox.backlog(conn)),
        _inbox(await condition.inbox(conn)),
        *await books.check(conn, hearts, is_demo=standing.is_demo),
        *_shop(standing),
    ]


def _worker(hearts: dict[str, heartbeats.Heartbeat]) -> Finding:
    ages = [hearts[name].age_seconds if name in hearts else float("inf") for name in LOOPS]
    if min(ages) == float("inf"):
        return Finding.failed("worker", "has never worked here", "run `topup worker` beside `topup serve`")
    if max(ages) > LOOP_SILENT_MAX_SECONDS:
        told = ", ".join(name for name, age in zip(LOOPS, ages, strict=True) if age > LOOP_SILENT_MAX_SECONDS)
        return Finding.failed("worker", f"silent for over a minute: {told}", "start `topup worker`, or look at its log")
    return Finding.ok("worker", "works")


def _troubles(hearts: dict[str, heartbeats.Heartbeat]) -> list[Finding]:
    return [
        Finding.warning("worker", f"{name} last failed with {heart.last_error}", "the worker's log has the whole story")
        for name, heart in hearts.items()
        if heart.last_error
    ]


def _outbox(backlog: outbox.Backlog) -> Finding:
    if backlog.waiting and backlog.oldest_seconds > WAITING_MAX_SECONDS:
        age = timedelta(seconds=round(backlog.oldest_seconds))
        found = f"{backlog.waiting} mails wait, the oldest for {age}: {backlog.last_error or 'not tried yet'}"
        return Finding.failed("outbox", found, "mend mail or worker; what waits is sent by itself then")
    if backlog.given_up:
        found = f"{backlog.given_up} mails given up in seven days, the last because: {backlog.last_error}"
        return Finding.warning("outbox", found, "docs/how-to/troubleshoot.md, under mail")
    return Finding.ok("outbox", f"{backlog.waiting} mails wait" if backlog.waiting else "empty")


def _inbox(inbox: condition.Inbox) -> Finding:
    if inbox.given_up:
        found = f"{inbox.given_up} events could not be applied and are no longer tried: {inbox.last_error}"
        return Finding.failed("inbox", found, "mend the cause, then replay them: docs/how-to/troubleshoot.md")
    if inbox.waiting:
        age = timedelta(seconds=round(inbox.oldest_seconds))
        found = f"{inbox.waiting} events failed and are tried again, the oldest since {age}: {inbox.last_error}"
        return Finding.warning("inbox", found, "look at the error; money may be paid and not credited")
    return Finding.ok("inbox", "every event is processed")


def _shop(standing: condition.Standing) -> list[Finding]:
    findings = []
    if not standing.admins:
        findings.append(Finding.warning("admins", "there is none to be told of a review", "`topup users create-admin`"))
    if not standing.packages_on_sale:
        findings.append(Finding.warning("packages", "none is on sale", "`topup seed`, or make some as an admin"))
    if standing.payments_in_review:
        found = f"{standing.payments_in_review} payments wait for a decision"
        findings.append(Finding.warning("review", found, "compare them with Stripe's dashboard and decide"))
    if standing.clock_offset_seconds:
        moved = timedelta(seconds=round(standing.clock_offset_seconds))
        findings.append(Finding.warning("demo clock", f"moved by {moved}", "move it back when you are done"))
    return findings or [
        Finding.ok("shop", f"{standing.packages_on_sale} packages on sale, nothing waits for a decision")
    ]
