"""Mail going out: what a mail is, who can send one, and the SMTP that does it.

A mail's id is its outbox row's, and its Message-ID is made of it, so that a mail sent twice is recognisable as one.
Every failure is an errors.GatewayError: retryable unless the server refused this recipient or this content for good.
The password never travels in the clear, and no text of ours or of a person can become a header. Called by
topup.flows.send_mails; the demo's mailbox (topup.runtime.mailers) is the other sender.
"""

import asyncio
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as CRLF_POLICY
from email.utils import parseaddr
from typing import NoReturn, Protocol
from urllib.parse import urlsplit
from uuid import UUID

import aiosmtplib

from topup import errors
from topup.core import addresses
from topup.settings import Settings

IMPLICIT_TLS_PORT = 465
STEP_TIMEOUT_SECONDS = 10.0
SEND_TIMEOUT_SECONDS = 25.0
_FAILED_FOR_GOOD = range(500, 600)
# RFC 5321 4.5.3.1.10: "too many recipients" and a full mailbox, though written 552, pass with time.
_MAILBOX_FULL = 552
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_ERROR_LENGTH_MAX = 300


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail to one address, in both of its forms."""

    id: UUID
    recipient: str
    subject: str
    text: str
    html: str


class Mailer(Protocol):
    """Who takes mails from the outbox."""

    async def send(self, letter: Mail) -> None:
        """Send, or raise errors.GatewayError. Sending the same mail again must be harmless."""
        ...

    async def check(self) -> str:
        """Try everything short of sending; a phrase that says what answered. Raises errors.GatewayError."""
        ...


class NoServer:
    """Stands in where no mail server is configured: mails wait in the outbox, and doctor says why."""

    async def send(self, letter: Mail) -> None:  # noqa: ARG002 -- the protocol's shape
        """Refuse, for now."""
        await self.check()

    async def check(self) -> NoReturn:
        """Say which setting is missing."""
        raise errors.GatewayError("No mail server is configured: set SMTP_HOST.", is_retryable=True)


class Smtp:
    """A mail server. One connection per mail: a refused or half-done mail never disturbs the next."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.sender = sender_address(settings)

    async def send(self, letter: Mail) -> None:
        """Hand the mail to the server; returns once the server has accepted it."""
        message = compose(letter, self.sender, sent_at=datetime.now(UTC))
        try:
            async with asyncio.timeout(SEND_TIMEOUT_SECONDS):
                await self._deliver(message)
        except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError) as error:
            raise failure(error) from error

    async def check(self) -> str:
        """Connect, encrypt and sign in, as `send` would."""
        client = self._client()
        try:
            async with asyncio.timeout(SEND_TIMEOUT_SECONDS):
                await client.connect()
                await client.noop()
        except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError) as error:
            raise failure(error) from error
        finally:
            client.close()
        signed_in = f" as {self._settings.smtp_user}" if self._settings.smtp_user else ""
        return f"{self._settings.smtp_host}:{self._settings.smtp_port} answers{signed_in}"

    async def _deliver(self, message: EmailMessage) -> None:
        client = self._client()
        try:
            await client.connect()
            await client.send_message(message)
            # Accepted is sent: a server that fails to say goodbye must not make us send again.
            with suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
                await client.quit()
        finally:
            client.close()

    def _client(self) -> aiosmtplib.SMTP:
        settings = self._settings
        is_implicit = settings.smtp_port == IMPLICIT_TLS_PORT and settings.smtp_tls != "off"
        return aiosmtplib.SMTP(
            hostname=settings.smtp_host,
            port=settings.smtp_port,
            username=settings.smtp_user or None,
            password=settings.smtp_pass.get_secret_value() or None,
            use_tls=is_implicit,
            start_tls=None if is_implicit else _start_tls(settings),
            timeout=STEP_TIMEOUT_SECONDS,
            # Named here, because the default asks the name service for our own name, which may hang.
            local_hostname=urlsplit(settings.frontend_url).hostname or "localhost",
        )


def _start_tls(settings: Settings) -> bool | None:
    """True: insist. None: when offered, which is enough on the way to this same machine. False: never."""
    if settings.smtp_tls == "off":
        return False
    return None if settings.smtp_host in _LOOPBACK else True


def sender_address(settings: Settings) -> Address:
    """Whom mails come from: TOPUP_MAIL_FROM, else the SMTP user, else no-reply at our own host."""
    own_host = urlsplit(settings.frontend_url).hostname or "localhost"
    user = settings.smtp_user if "@" in settings.smtp_user else f"no-reply@{own_host}"
    name, address = parseaddr(settings.mail_from or user)
    return Address(display_name=one_line(name or settings.app_name), addr_spec=_ascii_domain(address))


def compose(letter: Mail, sender: Address, *, sent_at: datetime) -> EmailMessage:
    """The mail as a message: plain text first, HTML as its alternative. Refuses an address that is not exactly one."""
    message = EmailMessage(policy=CRLF_POLICY)
    message["From"] = sender
    message["To"] = _recipient(letter.recipient)
    message["Subject"] = one_line(letter.subject)
    message["Date"] = sent_at
    message["Message-ID"] = f"<{letter.id}@{sender.domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text, cte="quoted-printable")
    message.add_alternative(letter.html, subtype="html", cte="quoted-printable")
    return message


def _recipient(address: str) -> Address:
    try:
        return Address(addr_spec=addresses.canonical(address))
    except ValueError as error:
        raise errors.GatewayError("The recipient is not a mail address.", is_retryable=False) from error


def _ascii_domain(address: str) -> str:
    """The address with its domain as it travels: xn--..."""
    local, at, domain = address.rpartition("@")
    return address if domain.isascii() else f"{local}{at}{domain.encode('idna').decode('ascii')}"


def one_line(text: str) -> str:
    """The text without line breaks and control characters, so that it can stand in a header."""
    return " ".join("".join(" " if unicodedata.category(char) == "Cc" else char for char in text).split())


def failure(error: Exception) -> errors.GatewayError:
    """What went wrong, as one sentence, and whether another try makes sense."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused) and error.recipients:
        error = error.recipients[0]
    if isinstance(error, aiosmtplib.SMTPResponseException):
        said = one_line(f"{error.code} {error.message}")[:_ERROR_LENGTH_MAX]
        return errors.GatewayError(f"The mail server said: {said}", is_retryable=not _is_final(error))
    if isinstance(error, TimeoutError):
        return errors.GatewayError("The mail server took too long.", is_retryable=True, is_outcome_known=False)
    is_cut_off = isinstance(error, aiosmtplib.SMTPServerDisconnected)
    text = one_line(str(error))[:_ERROR_LENGTH_MAX] or type(error).__name__
    return errors.GatewayError(f"The mail server failed: {text}", is_retryable=True, is_outcome_known=not is_cut_off)


def _is_final(error: aiosmtplib.SMTPResponseException) -> bool:
    """Only a refused recipient or content is final; a refused sign-in or sender is a setting that can be mended."""
    is_about_the_mail = isinstance(error, (aiosmtplib.SMTPRecipientRefused, aiosmtplib.SMTPDataError))
    return is_about_the_mail and error.code in _FAILED_FOR_GOOD and error.code != _MAILBOX_FULL
