"""What `topup doctor` does with its options: which settings it looks with, which examinations it makes, and the report.

The environment's settings come first; where it names no database, the demo that is kept on this machine is looked at.
"""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from topup.runtime import demo, demo_folder, environment
from topup.runtime.doctor import inside, outside, report, visit
from topup.runtime.doctor.findings import Finding
from topup.settings import Settings


@dataclass(frozen=True, slots=True)
class Asked:
    """The options. `url` means: from outside, and nothing else."""

    url: str | None = None
    is_buying: bool = False
    email: str = ""
    password: str = field(default="", repr=False)
    mail_to: str | None = None
    data: Path | None = None


def run(asked: Asked) -> bool:
    """Examine, print the report and say whether nothing has failed."""
    given = environment.read()
    findings = _from_outside(asked, given) if asked.url else _from_inside(asked, given)
    report.show(findings)
    return not report.has_failed(findings)


def _from_outside(asked: Asked, given: Settings) -> list[Finding]:
    url = asked.url or ""
    findings = asyncio.run(outside.examine(url))
    if asked.is_buying and not report.has_failed(findings):
        findings += asyncio.run(visit.make(url, _given_for(asked, given, url)))
    return findings


def _from_inside(asked: Asked, given: Settings) -> list[Finding]:
    with demo.meant(given, asked.data) as settings:
        findings = asyncio.run(inside.examine(settings, mail_to=asked.mail_to))
        if asked.is_buying:
            url = settings.frontend_url
            findings += asyncio.run(visit.make(url, _given(asked, settings)))
    return findings


def _given_for(asked: Asked, given: Settings, url: str) -> visit.Given:
    """A demo on this machine is known by its port, and its secrets lie in its folder."""
    folder = _demo_folder(asked)
    kept = demo_folder.kept(folder)
    address = urlsplit(url)
    if given.stripe_webhook_secrets or kept is None or (address.hostname, address.port) != (demo.HOST, kept.port):
        return _given(asked, given)
    return visit.Given(
        email=asked.email,
        password=asked.password,
        webhook_secrets=(kept.webhook_secret,),
        stripe_key=kept.stripe_secret_key,
        say=print,
    )


def _given(asked: Asked, settings: Settings) -> visit.Given:
    return visit.Given(
        email=asked.email,
        password=asked.password,
        webhook_secrets=[secret.get_secret_value() for secret in settings.stripe_webhook_secrets],
        stripe_key=settings.stripe_secret_key.get_secret_value(),
        say=print,
    )


def _demo_folder(asked: Asked) -> Path:
    return (asked.data or demo_folder.default()).absolute()
