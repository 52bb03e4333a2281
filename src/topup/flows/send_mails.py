"""Sends what waits in the outbox: a pass claims a batch, sends each mail outside any transaction, records the outcome.

A mail server that is down, slow or undecided costs a later try and nothing else: whoever caused the mail has long
committed (fault 38). A worker that dies between sending and recording causes at most one duplicate, under the same
Message-ID. Called by topup.worker in a loop.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

import psycopg_pool
import structlog

from topup import errors
from topup.core import mails
from topup.db import outbox
from topup.gateway import mail, mail_words

# More than a send may take, so that nobody else takes a mail that is still on its way.
LEASE = timedelta(seconds=mail.SEND_TIMEOUT_SECONDS * 2)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Drained:
    """What one pass did."""

    sent: int = 0
    failed: int = 0
    given_up: int = 0

    @property
    def claimed(self) -> int:
        """How many were taken."""
        return self.sent + self.failed + self.given_up


async def drain(
    pool: psycopg_pool.AsyncConnectionPool, mailer: mail.Mailer, brand: mail_words.Brand, *, messages_max: int = 10
) -> Drained:
    """Send what is due, at most `messages_max` at a time, all at once, so that a slow one delays none of the others."""
    async with pool.connection() as conn:
        claimed = await outbox.claim(conn, messages_max=messages_max, lease=LEASE)
    results = await asyncio.gather(
        *(_send(pool, mailer, brand, message) for message in claimed), return_exceptions=True
    )
    # What could not be recorded (the database went away) is raised only now, when every mail of the batch is done.
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return Drained(*(results.count(word) for word in ("sent", "failed", "given_up")))


async def _send(
    pool: psycopg_pool.AsyncConnectionPool, mailer: mail.Mailer, brand: mail_words.Brand, message: outbox.Claimed
) -> str:
    try:
        await mailer.send(_worded(message, brand))
    except errors.GatewayError as error:
        return await _record_failure(pool, message, error)
    async with pool.connection() as conn:
        await outbox.mark_sent(conn, message.id)
    return "sent"


def _worded(message: outbox.Claimed, brand: mail_words.Brand) -> mail.Mail:
    if _is_too_late(message):
        raise errors.GatewayError("The code had expired before it could be sent.", is_retryable=False)
    return mail_words.write(
        mail_id=message.id, kind=message.kind, recipient=message.recipient, details=message.details, brand=brand
    )


def _is_too_late(message: outbox.Claimed) -> bool:
    """A code that no longer works would only confuse; the person has asked for another by now."""
    if message.kind != mails.VERIFICATION_CODE:
        return False
    return message.age_seconds > float(message.details.get("expiresMinutes", 0)) * 60


async def _record_failure(
    pool: psycopg_pool.AsyncConnectionPool, message: outbox.Claimed, error: errors.GatewayError
) -> str:
    is_over = not error.is_retryable or message.attempts >= mails.ATTEMPTS_MAX
    async with pool.connection() as conn:
        if is_over:
            await outbox.give_up(conn, message, error=error.detail)
        else:
            retry_after = mails.retry_after(message.attempts)
            await outbox.mark_failed(conn, message, error=error.detail, retry_after=retry_after)
    log.warning(
        "mail given up" if is_over else "mail not sent",
        message_id=str(message.id),
        kind=message.kind,
        attempts=message.attempts,
        error=error.detail,
    )
    return "given_up" if is_over else "failed"
