"""Checks of the settings alone: what `serve` would refuse, and what it lets pass though somebody should know.

Pure; called by inside.
"""

from urllib.parse import urlsplit

from topup.core import addresses
from topup.runtime import start
from topup.runtime.doctor.findings import Finding
from topup.settings import Settings

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_GUIDE = "docs/reference/settings.md"


def check(settings: Settings) -> list[Finding]:
    """The settings as a whole, then the ones that are only doubtful."""
    faults = [*settings.missing_for_production(), *start.key_faults(settings)]
    if faults:
        return [Finding.failed("settings", fault, f"set it; {_GUIDE} says how") for fault in faults]
    return [Finding.ok("settings", "all that serve and worker need"), *_address(settings), *_webhook_secret(settings)]


def _address(settings: Settings) -> list[Finding]:
    address = urlsplit(settings.frontend_url)
    if address.scheme not in ("http", "https") or not address.hostname:
        return [Finding.failed("address", "FRONTEND_URL is no web address", "write it as https://topup.example.com")]
    if address.path not in ("", "/") or address.query:
        return [
            Finding.failed(
                "address", "FRONTEND_URL has a path", "write scheme and host only: pages and mails add theirs"
            )
        ]
    if address.scheme == "https" or address.hostname in _LOOPBACK:
        return [Finding.ok("address", settings.frontend_url)]
    problem = "people would sign in and pay over an unencrypted connection"
    return [
        (Finding.failed if settings.is_live else Finding.warning)(
            "address", problem, "serve by https and say so in FRONTEND_URL"
        )
    ]


def _webhook_secret(settings: Settings) -> list[Finding]:
    values = [secret.get_secret_value() for secret in settings.stripe_webhook_secrets]
    if any(value != value.strip() or " " in value for value in values):
        return [
            Finding.failed("webhook secret", "one has a space in it", "copy it again, without spaces or line breaks")
        ]
    if len(values) > 1:
        return [
            Finding.warning(
                "webhook secret", f"{len(values)} are accepted", "drop the old one once it is no longer used"
            )
        ]
    return [Finding.ok("webhook secret", "has the right form")]


def sender(settings: Settings) -> list[Finding]:
    """Whom mails come from."""
    if not settings.smtp_host or settings.mail_from:
        return []
    try:
        addresses.canonical(settings.smtp_user)
    except ValueError:
        return [
            Finding.warning(
                "mail sender", "none is set", "set TOPUP_MAIL_FROM to an address that your server may send as"
            )
        ]
    return [Finding.ok("mail sender", settings.smtp_user)]
