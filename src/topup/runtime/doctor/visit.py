"""A whole visit in test mode, as a person makes it: sign up, buy, be credited once, also when Stripe tells it twice.

It leaves a person and a paid test purchase behind. With the offline Stripe it pays by itself; at Stripe's own page
somebody has to, and it waits. The first step that fails ends the visit.
"""

import asyncio
import json
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx2
import stripe

from topup.gateway import stripe as gateway
from topup.runtime.doctor.findings import Finding, State

ANSWER_SECONDS = 15.0
PATIENCE_SECONDS = 30.0
PATIENCE_WITH_PEOPLE_SECONDS = 600.0
PAUSE_SECONDS = 0.3
STRIPE_PAGES = "checkout.stripe.com"
T = TypeVar("T")
CARD = {"card_number": "4242424242424242", "exp_month": "12", "exp_year": "2040", "cvc": "123"}


@dataclass(frozen=True, slots=True)
class Given:
    """What the visit may use: an account, or else the demo's mailbox; signing secrets and a key, where known."""

    email: str = ""
    password: str = field(default="", repr=False)
    webhook_secrets: Sequence[str] = field(default=(), repr=False)
    stripe_key: str = field(default="", repr=False)
    say: Callable[[str], None] = lambda _sentence: None


@dataclass(slots=True)
class _Visit:
    """What has come about so far."""

    client: httpx2.AsyncClient
    given: Given
    email: str
    password: str
    package: dict[str, Any] = field(default_factory=dict)
    checkout: dict[str, Any] = field(default_factory=dict)
    balance_before: int = 0

    @property
    def is_offline(self) -> bool:
        """Whether the hosted page is the sandbox's."""
        return urlsplit(self.checkout["sessionUrl"]).hostname != STRIPE_PAGES


Step = Callable[[_Visit], Awaitable[Finding]]


class _Unexpected(Exception):
    """The server answered something else than a visit needs."""


async def make(url: str, given: Given) -> list[Finding]:
    """Walk through the steps; those after a failed one are not tried."""
    email = given.email or f"doctor-{secrets.token_hex(4)}@example.com"
    password = given.password or secrets.token_urlsafe(18)
    findings: list[Finding] = []
    async with httpx2.AsyncClient(base_url=url.rstrip("/"), timeout=ANSWER_SECONDS) as client:
        visit = _Visit(client, given, email, password)
        for step in (_sign_in if given.email else _sign_up, *_STEPS):
            findings.append(await _guarded(step, visit))
            if findings[-1].state is State.FAILED:
                break
    return findings


async def _guarded(step: Step, visit: _Visit) -> Finding:
    name = step.__name__.lstrip("_").replace("_", " ")
    try:
        return await step(visit)
    except _Unexpected as error:
        return Finding.failed(name, str(error), "the server's log has the request under this reference")
    except httpx2.HTTPError as error:
        return Finding.failed(name, f"no answer ({type(error).__name__})", "is it running there?")
    except (KeyError, ValueError, TypeError) as error:
        return Finding.failed(
            name, f"the answer cannot be read ({type(error).__name__})", "deploy the whole of one version"
        )


async def _sign_up(visit: _Visit) -> Finding:
    person = {"email": visit.email, "password": visit.password, "firstName": "Doctor", "lastName": "Visit"}
    await _call(visit, "POST", "/api/auth/register", person)
    code = await _until(lambda: _code(visit), PATIENCE_SECONDS)
    if code is None:
        return Finding.failed("sign up", "no code came into the demo's mailbox", "is the worker running?")
    await _log_in(visit, "/api/auth/verify-otp", {"email": visit.email, "otp": code})
    return Finding.ok("sign up", f"{visit.email}, with the code from the demo's mailbox")


async def _code(visit: _Visit) -> str | None:
    for mail in await _mails(visit):
        digits = [word for word in mail["text"].split() if len(word) == 6 and word.isdigit()]  # noqa: PLR2004 -- a code
        if digits:
            return str(digits[0])
    return None


async def _mails(visit: _Visit) -> list[dict[str, Any]]:
    answer = await visit.client.get("/demo/mailbox", params={"format": "json"})
    if answer.status_code == httpx2.codes.NOT_FOUND:
        raise _Unexpected("this is no demo, so the code lies in a mailbox: use --email with an account of yours")
    return [mail for mail in answer.raise_for_status().json()["data"] if mail["to"] == visit.email]


async def _sign_in(visit: _Visit) -> Finding:
    await _log_in(visit, "/api/auth/login", {"email": visit.email, "password": visit.password})
    return Finding.ok("sign in", visit.email)


async def _log_in(visit: _Visit, path: str, body: dict[str, str]) -> None:
    login = await _call(visit, "POST", path, body)
    visit.client.headers["authorization"] = f"Bearer {login['accessToken']}"


async def _balance(visit: _Visit) -> Finding:
    visit.balance_before = await _credits(visit)
    return Finding.ok("balance", f"{visit.balance_before} credits before")


async def _checkout(visit: _Visit) -> Finding:
    packages = (await _call(visit, "GET", "/api/credit-packages"))["data"]
    if not packages:
        return Finding.failed("checkout", "no package is on sale", "`topup seed`, or make some as an admin")
    visit.package = packages[0]
    visit.checkout = await _call(visit, "POST", "/api/payments/credit-checkout", {"packageId": visit.package["id"]})
    if visit.checkout["sessionId"].startswith("cs_live_"):
        return Finding.failed(
            "checkout", "this server takes real money; nothing was paid", "doctor buys in test mode only"
        )
    return Finding.ok("checkout", f"{visit.package['name']}, {visit.checkout['credits']} credits")


async def _pay(visit: _Visit) -> Finding:
    address = visit.checkout["sessionUrl"]
    if not visit.is_offline:
        visit.given.say(f"Pay with 4242 4242 4242 4242, any date to come, any CVC, here: {address}")
        return Finding.ok("pay", "at Stripe's page, by hand")
    answer = await visit.client.post(address, data=CARD)
    if answer.status_code == httpx2.codes.SEE_OTHER:
        return Finding.ok("pay", "with 4242 4242 4242 4242 at the sandbox's page")
    return Finding.failed("pay", f"the sandbox's page answered {answer.status_code}", "look at the sandbox's log")


async def _credited(visit: _Visit) -> Finding:
    """Look at the balance alone, since asking for the payment would make Topup ask Stripe and hide a silent webhook."""
    patience_seconds = PATIENCE_SECONDS if visit.is_offline else PATIENCE_WITH_PEOPLE_SECONDS
    added = await _until(lambda: _added(visit), patience_seconds)
    if added is None:
        return await _silent(visit)
    if added != visit.checkout["credits"]:
        found = f"{added} credits came in instead of {visit.checkout['credits']}"
        return Finding.failed("credited", found, "`topup verify`")
    return Finding.ok("credited", f"{added} credits came in by Stripe's word")


async def _added(visit: _Visit) -> int | None:
    return await _credits(visit) - visit.balance_before or None


async def _silent(visit: _Visit) -> Finding:
    path = f"/api/payments/checkout-status/{visit.checkout['sessionId']}"
    status = (await _call(visit, "GET", path))["status"]
    fix = "docs/how-to/troubleshoot.md, paid but not credited"
    if status == "COMPLETED":
        return Finding.failed("credited", "only when Stripe was asked: its events do not come to this server", fix)
    return Finding.failed("credited", f"not in time: the payment is {status}", fix)


async def _told_twice(visit: _Visit) -> Finding:
    """Send the very event again, signed, and see that nothing comes of it."""
    if not visit.given.webhook_secrets:
        return Finding.skipped("told twice", "the webhook's signing secret is not known here")
    event = await _event(visit)
    if event is None:
        return Finding.skipped("told twice", "Stripe's event could not be read back")
    body = json.dumps(event)
    for secret in visit.given.webhook_secrets:
        header = stripe.WebhookSignature.generate_signature_header(body, secret)
        signed = {"stripe-signature": header, "content-type": "application/json"}
        answer = await visit.client.post("/api/webhooks/stripe", content=body, headers=signed)
        if answer.status_code == httpx2.codes.OK:
            return await _unmoved(visit)
    return Finding.warning(
        "told twice", "the server signs with another secret", "set STRIPE_WEBHOOK_SECRET to the server's"
    )


async def _event(visit: _Visit) -> dict[str, Any] | None:
    page = urlsplit(visit.checkout["sessionUrl"])
    base = f"{page.scheme}://{page.netloc}" if visit.is_offline else gateway.STRIPE_API_BASE
    key = visit.given.stripe_key or ("sk_test_doctor" if visit.is_offline else "")
    if not key:
        return None
    async with httpx2.AsyncClient(timeout=ANSWER_SECONDS) as client:
        wanted = {"type": "checkout.session.completed", "limit": "100"}
        answer = await client.get(f"{base}/v1/events", params=wanted, headers={"authorization": f"Bearer {key}"})
    events = answer.json().get("data", []) if answer.status_code == httpx2.codes.OK else []
    session_id = visit.checkout["sessionId"]
    return next((event for event in events if event["data"]["object"]["id"] == session_id), None)


async def _unmoved(visit: _Visit) -> Finding:
    expected = visit.balance_before + visit.checkout["credits"]
    balance = await _credits(visit)
    if balance != expected:
        return Finding.failed("told twice", f"the balance became {balance} instead of {expected}", "`topup verify`")
    return Finding.ok("told twice", "accepted, and nothing changed")


async def _statement(visit: _Visit) -> Finding:
    entries = (await _call(visit, "GET", "/api/credits/transactions"))["data"]
    ours = [entry for entry in entries if entry["sourceId"] == visit.checkout["paymentId"]]
    if [entry["transactionType"] for entry in ours] != ["CREDIT"] or ours[0]["sourceType"] != "PURCHASE":
        return Finding.failed("statement", f"shows the purchase {len(ours)} times", "`topup verify`")
    return Finding.ok("statement", "shows the purchase once")


async def _receipt(visit: _Visit) -> Finding:
    if visit.given.email:
        return Finding.skipped("receipt", f"look into the mails of {visit.email}")
    subject = await _until(lambda: _receipt_subject(visit), PATIENCE_SECONDS)
    if subject is None:
        return Finding.failed("receipt", "no receipt came into the demo's mailbox", "is the worker running?")
    return Finding.ok("receipt", subject)


async def _receipt_subject(visit: _Visit) -> str | None:
    subjects = [str(mail["subject"]) for mail in await _mails(visit)]
    return next((subject for subject in subjects if subject.startswith("Payment Successful")), None)


async def _credits(visit: _Visit) -> int:
    return int((await _call(visit, "GET", "/api/credits"))["balance"])


async def _call(visit: _Visit, verb: str, path: str, body: dict[str, str] | None = None) -> dict[str, Any]:
    answer = await visit.client.request(verb, path, json=body)
    if answer.is_success:
        return dict(answer.json())
    problem = answer.json()
    raise _Unexpected(f"{verb} {path}: {answer.status_code} {problem['detail']} ({problem['requestId']})")


async def _until(look: Callable[[], Awaitable[T | None]], patience_seconds: float) -> T | None:
    give_up_at = time.monotonic() + patience_seconds
    while (found := await look()) is None and time.monotonic() < give_up_at:  # noqa: ASYNC110 -- another process does it
        await asyncio.sleep(PAUSE_SECONDS)
    return found


_STEPS: tuple[Step, ...] = (_balance, _checkout, _pay, _credited, _told_twice, _statement, _receipt)
