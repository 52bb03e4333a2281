"""A real SMTP server on this machine: it keeps what arrives and refuses, dawdles or hangs up when told to."""

import asyncio
import email
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import policy
from email.message import EmailMessage
from pathlib import Path

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from topup.settings import Settings


@dataclass
class Arrived:
    """One mail as it came in."""

    recipients: list[str]
    raw: bytes
    is_encrypted: bool
    login: bytes | None

    @property
    def message(self) -> EmailMessage:
        parsed = email.message_from_bytes(self.raw, policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        return parsed

    @property
    def text(self) -> str:
        part = self.message.get_body(("plain",))
        assert part is not None
        return part.get_content().replace("\r\n", "\n")

    @property
    def html(self) -> str:
        part = self.message.get_body(("html",))
        assert part is not None
        return part.get_content().replace("\r\n", "\n")


@dataclass
class MailServer:
    """What it shall answer, and what it got."""

    port: int = 0
    arrived: list[Arrived] = field(default_factory=list)
    replies_to_recipient: dict[str, str] = field(default_factory=dict)
    reply_to_data: str = "250 OK"
    silent_for: set[str] = field(default_factory=set)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    hangs_up_after_data: bool = False
    asks_password: bool = False
    password: bytes = b"secret-of-the-mail-server"
    seen_passwords: list[bytes] = field(default_factory=list)

    def settings(self, **changes: object) -> Settings:
        given: dict[str, object] = {
            "smtp_host": "127.0.0.1",
            "smtp_port": self.port,
            "mail_from": "Topup <billing@shop.example>",
            "frontend_url": "https://shop.example",
        }
        return Settings.model_validate({**given, **changes})

    async def handle_RCPT(  # noqa: N802 -- the server's own name for it
        self, _server: SMTP, session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if self.asks_password and not session.authenticated:
            return "530 Sign in first"
        refusal = self.replies_to_recipient.get(address)
        if refusal is not None:
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.silent_for & set(envelope.rcpt_tos):
            await self.released.wait()
        if self.reply_to_data.startswith("250"):
            assert isinstance(envelope.original_content, bytes)
            self.arrived.append(
                Arrived(
                    recipients=list(envelope.rcpt_tos),
                    raw=envelope.original_content,
                    is_encrypted=session.ssl is not None,
                    login=session.auth_data.login if session.auth_data else None,
                )
            )
        if self.hangs_up_after_data and server.transport is not None:
            asyncio.get_running_loop().call_soon(server.transport.close)
        return self.reply_to_data

    def authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: object
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.seen_passwords.append(data.password)
        return AuthResult(success=data.password == self.password, handled=False, auth_data=data)


@asynccontextmanager
async def running(
    *,
    host: str = "127.0.0.1",
    tls: ssl.SSLContext | None = None,
    is_implicit_tls: bool = False,
    asks_password: bool = False,
) -> AsyncIterator[MailServer]:
    """A server on a free port."""
    kept = MailServer(asks_password=asks_password)
    loop = asyncio.get_running_loop()

    def connected() -> SMTP:
        return SMTP(
            kept,
            hostname="mail.example",
            tls_context=None if is_implicit_tls else tls,
            authenticator=kept.authenticate,
            auth_require_tls=False,
            loop=loop,
        )

    server = await loop.create_server(connected, host, 0, ssl=tls if is_implicit_tls else None)
    kept.port = server.sockets[0].getsockname()[1]
    try:
        yield kept
    finally:
        kept.released.set()
        server.close()


def certificate(folder: Path, *hosts: str) -> tuple[ssl.SSLContext, Path]:
    """A server's side of TLS for these addresses, and the file that makes a client trust it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail.example")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host)) for host in hosts]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "certificate.pem", folder / "key.pem"
    certificate_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate_file, key_file)
    return context, certificate_file
