"""Checks of Stripe: is the key accepted, does it belong to this database, will Stripe deliver what we need to hear.

Asks and changes nothing there; called by inside.
"""

import email.utils
import time
from collections.abc import Sequence

import httpx2

from topup import errors
from topup.core import event_types
from topup.db import condition
from topup.gateway import protocol, stripe
from topup.runtime.doctor.findings import Finding
from topup.settings import Settings

WEBHOOK_PATHS = ("/api/webhooks/stripe", "/api/stripe/webhook")
CLOCK_SKEW_MAX_SECONDS = 60.0
ANSWER_SECONDS = 10.0
_DASHBOARD = "https://dashboard.stripe.com/webhooks"


async def check(settings: Settings, standing: condition.Standing | None) -> list[Finding]:
    """All checks that ask Stripe. `standing` is what the database remembers, where it could be read."""
    key = settings.stripe_secret_key.get_secret_value()
    if not key:
        return [Finding.skipped("stripe", "no key")]
    async with stripe.opened(key, api_base=settings.stripe_api_base) as gateway:
        account, finding = await _account(gateway)
        findings = [finding, await _clock(settings)]
        if account is not None:
            findings += [_belonging(gateway, account, standing), *await _endpoints(gateway, settings)]
        return findings


async def _account(gateway: protocol.Stripe) -> tuple[protocol.StripeAccount | None, Finding]:
    mode = "live: real money" if gateway.is_live else "test"
    try:
        account = await gateway.retrieve_account()
    except errors.TopupError as error:
        return None, _key_finding(error)
    where = f" ({account.country})" if account.country else ""
    return account, Finding.ok("stripe key", f"{mode}, of account {account.id}{where}")


def _key_finding(error: errors.TopupError) -> Finding:
    match error.code:
        case "stripe_key_refused":
            return Finding.failed(
                "stripe key", "Stripe refuses it", "copy STRIPE_SECRET_KEY again from Stripe's dashboard"
            )
        case "stripe_not_permitted":
            return Finding.warning(
                "stripe key", "accepted, but may not read the account", "give the restricted key that right"
            )
    return Finding.failed(
        "stripe key", f"Stripe could not be asked: {error.detail}", "look at the way out to api.stripe.com"
    )


async def _clock(settings: Settings) -> Finding:
    """A clock that is five minutes off refuses every webhook, since signatures carry their time."""
    base = settings.stripe_api_base or stripe.STRIPE_API_BASE
    try:
        async with httpx2.AsyncClient(timeout=ANSWER_SECONDS) as client:
            answer = await client.get(f"{base}/v1/account")
        theirs = email.utils.parsedate_to_datetime(answer.headers["date"]).timestamp()
    except (httpx2.HTTPError, KeyError, ValueError):
        return Finding.skipped("stripe clock", "Stripe did not say its time")
    skew_seconds = abs(theirs - time.time())
    if skew_seconds <= CLOCK_SKEW_MAX_SECONDS:
        return Finding.ok("stripe clock", "agrees with this machine's")
    found = f"differs from this machine's by {round(skew_seconds)} s; from 300 s on every webhook is refused"
    return Finding.failed("stripe clock", found, "let this machine follow a time server")


def _belonging(
    gateway: protocol.Stripe, account: protocol.StripeAccount, standing: condition.Standing | None
) -> Finding:
    if standing is None:
        return Finding.skipped("stripe account", "the database could not be asked whose it is")
    if standing.mode is None:
        return Finding.ok("stripe account", "this database belongs to none yet; the first start claims it")
    if standing.mode != ("live" if gateway.is_live else "test"):
        found = f"this database holds {standing.mode} payments, the key is of the other mode"
        return Finding.failed("stripe account", found, "use the key of that mode, or another database")
    if standing.stripe_account not in (None, account.id):
        found = f"this database belongs to {standing.stripe_account}, the key to {account.id}"
        return Finding.failed("stripe account", found, "use that account's key, or another database")
    return Finding.ok("stripe account", f"this database is its, in {standing.mode} mode")


async def _endpoints(gateway: protocol.Stripe, settings: Settings) -> list[Finding]:
    try:
        endpoints = await gateway.list_webhook_endpoints()
    except errors.TopupError as error:
        return [
            Finding.warning(
                "webhook endpoint", f"could not be read: {error.detail}", "give the key the right to read them"
            )
        ]
    ours = {settings.frontend_url.rstrip("/") + path for path in WEBHOOK_PATHS}
    found = [endpoint for endpoint in endpoints if endpoint.url in ours]
    if not found:
        address = settings.frontend_url.rstrip("/") + WEBHOOK_PATHS[0]
        verdict = Finding.failed if gateway.is_live else Finding.warning
        fix = f"add {address} at {_DASHBOARD}" + ("" if gateway.is_live else ", or run `stripe listen`")
        return [verdict("webhook endpoint", "Stripe has none for this address: nothing will be credited", fix)]
    is_offline = bool(settings.stripe_api_base)
    return [finding for endpoint in found for finding in _endpoint(endpoint, is_offline=is_offline)] + _twins(found)


def _endpoint(endpoint: protocol.WebhookEndpoint, *, is_offline: bool) -> list[Finding]:
    findings = []
    if endpoint.status != "enabled":
        findings.append(
            Finding.failed("webhook endpoint", f"{endpoint.url} is {endpoint.status}", f"enable it at {_DASHBOARD}")
        )
    if missing := event_types.missing(endpoint.enabled_events):
        findings.append(
            Finding.failed("webhook events", f"not sent: {', '.join(missing)}", f"add them at {_DASHBOARD}")
        )
    if "*" in endpoint.enabled_events and not is_offline:
        findings.append(
            Finding.warning("webhook events", "every type is sent", "choose those of docs/how-to/go-live.md")
        )
    if endpoint.api_version != stripe.API_VERSION:
        found = f"events come in version {endpoint.api_version or 'of the account'}, Topup reads {stripe.API_VERSION}"
        findings.append(Finding.failed("webhook version", found, "make the endpoint anew with that version"))
    return findings or [Finding.ok("webhook endpoint", f"{endpoint.url}, enabled, sends all that is needed")]


def _twins(endpoints: Sequence[protocol.WebhookEndpoint]) -> list[Finding]:
    if len(endpoints) < 2:  # noqa: PLR2004 -- one is as it should be
        return []
    found = f"{len(endpoints)} endpoints lead here: every event comes as often"
    return [
        Finding.warning("webhook endpoint", found, f"keep one at {_DASHBOARD}; nothing is credited twice meanwhile")
    ]
