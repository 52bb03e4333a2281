"""Looks at a running server as any client can: is it there, does it refuse what it must, does it say so as agreed.

Needs its address and nothing else; it signs in as nobody and changes nothing.
"""

import ssl
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx2

from topup.runtime.doctor.findings import Finding

ANSWER_SECONDS = 10.0
CLOCK_SKEW_MAX_SECONDS = 60.0
CERTIFICATE_DAYS_MIN = timedelta(days=14)
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_PROXY = "look at the proxy in front of it"
_VERSION = "deploy the whole of one version"
_PROBLEM_FIELDS = frozenset({"type", "title", "status", "detail", "error", "code", "requestId", "errors"})
_HEADERS = {
    "content-security-policy": "frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "",
    "cross-origin-opener-policy": "same-origin",
}

Check = Callable[[httpx2.AsyncClient], Awaitable[Finding]]


async def examine(url: str) -> list[Finding]:
    """Every finding about the server at this address; one when it does not answer at all."""
    async with httpx2.AsyncClient(base_url=url.rstrip("/"), timeout=ANSWER_SECONDS) as client:
        first = await _guarded(_health, client)
        if first.fix:
            return [first]
        return [first, *[await _guarded(check, client) for check in _CHECKS]]


async def _guarded(check: Check, client: httpx2.AsyncClient) -> Finding:
    name = check.__name__.lstrip("_").replace("_", " ")
    try:
        return await check(client)
    except httpx2.HTTPError as error:
        return Finding.failed(
            name, f"no answer ({error or type(error).__name__})", "is it running there, and does the way lead to it?"
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return Finding.failed(name, "the answer is not Topup's", "is this Topup's address?")


async def _health(client: httpx2.AsyncClient) -> Finding:
    answer = await client.get("/health")
    if answer.status_code == httpx2.codes.OK and answer.json() == {"status": "OK"}:
        return Finding.ok("health", f"{client.base_url} answers")
    return Finding.failed("health", f"answers {answer.status_code}", "is this Topup's address?")


async def _ready(client: httpx2.AsyncClient) -> Finding:
    answer = await client.get("/ready")
    if answer.status_code == httpx2.codes.OK:
        return Finding.ok("ready", "database and schema are right")
    told = ", ".join(f"{name} {state}" for name, state in answer.json()["checks"].items())
    return Finding.failed("ready", told, "`topup doctor` beside the server says more")


async def _packages(client: httpx2.AsyncClient) -> Finding:
    answer = await client.get("/api/credit-packages")
    count = len(answer.raise_for_status().json()["data"])
    if count:
        return Finding.ok("packages", f"{count} on sale")
    return Finding.warning("packages", "none is on sale", "`topup seed`, or make some as an admin")


async def _sign_in_required(client: httpx2.AsyncClient) -> Finding:
    return _refusal("sign in required", await client.get("/api/credits"), 401, "unauthenticated")


async def _unsigned_webhook(client: httpx2.AsyncClient) -> Finding:
    answer = await client.post("/api/webhooks/stripe", content=b"{}")
    return _refusal("unsigned webhook", answer, 400, "signature_missing")


async def _forged_webhook(client: httpx2.AsyncClient) -> Finding:
    forged = {"stripe-signature": f"t={int(time.time())},v1={'0' * 64}"}
    answer = await client.post("/api/webhooks/stripe", content=b"{}", headers=forged)
    return _refusal("forged webhook", answer, 400, "signature_refused")


async def _unknown_address(client: httpx2.AsyncClient) -> Finding:
    return _refusal("unknown address", await client.get("/api/no-such-thing"), 404, "not_found")


def _refusal(name: str, answer: httpx2.Response, status: int, code: str) -> Finding:
    """A refusal must have its status and the shape that clients were promised."""
    if answer.status_code != status:
        return Finding.failed(name, f"answers {answer.status_code} instead of {status}", _PROXY)
    if not answer.headers.get("content-type", "").startswith("application/problem+json"):
        return Finding.failed(name, f"answers {status}, but not as problem+json", _PROXY)
    problem = answer.json()
    if not set(problem) >= _PROBLEM_FIELDS or problem["code"] != code:
        return Finding.failed(name, f"answers {status} in another shape", _VERSION)
    return Finding.ok(name, f"refused with {status} {code}")


async def _pages(client: httpx2.AsyncClient) -> Finding:
    answer = await client.get("/")
    if answer.status_code == httpx2.codes.OK and answer.headers["content-type"].startswith("text/html"):
        return Finding.ok("pages", "the price list is shown")
    return Finding.failed("pages", f"the price list answers {answer.status_code}", "the server's log says why")


async def _security_headers(client: httpx2.AsyncClient) -> Finding:
    answer = await client.get("/")
    wanted = {**_HEADERS, **({"strict-transport-security": "max-age="} if _is_https(client) else {})}
    wrong = [name for name, part in wanted.items() if part not in answer.headers.get(name, "\0")]
    if wrong:
        return Finding.failed("security headers", f"missing or weak: {', '.join(wrong)}", _PROXY)
    return Finding.ok("security headers", f"all {len(wanted)} are there")


async def _encryption(client: httpx2.AsyncClient) -> Finding:
    if _is_https(client):
        return _certificate(await _certificate_ends_in(client))
    if _is_here(client):
        return Finding.skipped("encryption", "not needed on this machine")
    return Finding.failed("encryption", "served without https", "put a proxy with a certificate in front of it")


async def _certificate_ends_in(client: httpx2.AsyncClient) -> timedelta:
    """Read from the connection itself, so that it is the certificate that people get."""
    async with client.stream("GET", "/health") as answer:
        shown = answer.extensions["network_stream"].get_extra_info("ssl_object").getpeercert()
    return timedelta(seconds=ssl.cert_time_to_seconds(shown["notAfter"]) - time.time())


def _certificate(ends_in: timedelta) -> Finding:
    told = f"https, with a certificate that is trusted here for {ends_in.days} more days"
    if ends_in < CERTIFICATE_DAYS_MIN:
        return Finding.warning("encryption", told, "renew it; look why it was not renewed by itself")
    return Finding.ok("encryption", told)


async def _private_parts(client: httpx2.AsyncClient) -> Finding:
    """Figures and the demo's doors are nobody's business on a public address."""
    if _is_here(client):
        return Finding.skipped("private parts", "not public on this machine")
    addresses = ("/metrics", "/demo/mailbox")
    shown = [path for path in addresses if (await client.get(path)).status_code == httpx2.codes.OK]
    if shown:
        return Finding.failed("private parts", f"shown to everybody: {', '.join(shown)}", "close them at the proxy")
    return Finding.ok("private parts", "figures and demo doors are closed")


async def _clock(client: httpx2.AsyncClient) -> Finding:
    theirs = parsedate_to_datetime((await client.get("/health")).headers["date"]).timestamp()
    skew_seconds = abs(theirs - time.time())
    if skew_seconds <= CLOCK_SKEW_MAX_SECONDS:
        return Finding.ok("clock", "the server's agrees with this machine's")
    return Finding.failed(
        "clock", f"differs by {round(skew_seconds)} s from this machine's", "let both follow a time server"
    )


def _is_https(client: httpx2.AsyncClient) -> bool:
    return client.base_url.scheme == "https"


def _is_here(client: httpx2.AsyncClient) -> bool:
    return urlsplit(str(client.base_url)).hostname in _LOOPBACK


_CHECKS: tuple[Check, ...] = (
    _ready,
    _packages,
    _pages,
    _sign_in_required,
    _unsigned_webhook,
    _forged_webhook,
    _unknown_address,
    _security_headers,
    _encryption,
    _private_parts,
    _clock,
)
