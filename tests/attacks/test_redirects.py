"""Nobody is led elsewhere by us, and no link of ours is made of what a request says of its host (faults 77, 80, 86)."""

import re
from pathlib import Path

import httpx2
import psycopg
import pytest

from tests.attacks import routes
from tests.web import visits
from tests.web.conftest import PASSWORD, Visitor, mailed_code
from topup.flows import seed_packages, send_mails
from topup.gateway import google, mail_words, stripe
from topup.runtime.house import House
from topup.settings import Settings

SOURCE = Path(__file__).parents[2] / "src" / "topup"
ELSEWHERE = (
    "https://evil.example",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/%09/evil.example\n",
    "javascript:alert(1)",
    "data:text/html,x",
    "http:evil.example",
    "/account\r\nLocation: https://evil.example",
    "https:///evil.example",
    "/" + "a" * 600,
    "\u2028//evil.example",
    "/\u00e9",
)


@pytest.mark.parametrize("target", ELSEWHERE)
async def test_signing_in_leads_to_a_page_of_ours_whatever_was_asked(
    alice: Visitor, client: httpx2.AsyncClient, target: str
) -> None:
    """Fault 86."""
    sent = await visits.post(
        client, "/sign-in", page="/sign-in", email="alice@example.com", password=PASSWORD, next=target
    )
    assert (sent.status_code, sent.headers["location"]) == (303, "/account")


async def test_no_page_takes_an_address_to_lead_to(alice: Visitor, client: httpx2.AsyncClient) -> None:
    """Fault 86: every page, with every name that such a parameter has anywhere."""
    names = ("next", "url", "return_url", "returnTo", "redirect", "redirect_uri", "continue", "success_url")
    query = dict.fromkeys(names, "https://evil.example/")
    for route in routes.PAGES:
        if route.method == "GET" and "{" not in route.path:
            answer = await client.get(route.path, params=query, headers=visits.HTML)
            assert not answer.headers.get("location", "/").startswith(("http", "//")), route.path
            assert 'href="https://evil' not in answer.text
            assert 'action="https://evil' not in answer.text


FORGED = {
    "Host": "evil.example",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "https",
    "Forwarded": "host=evil.example;proto=https",
    "X-Original-Host": "evil.example",
    "Origin": "",
}


async def test_no_link_in_a_mail_or_at_stripe_comes_from_the_request(
    house: House, client: httpx2.AsyncClient, database_url: str, settings: Settings
) -> None:
    """Fault 86: a code asked for in somebody's name, under a forged host, leads to us alone."""
    headers = {name: value for name, value in FORGED.items() if value}
    who = {"email": "alice@example.com", "password": PASSWORD, "firstName": "Alice", "lastName": "A"}
    assert (await client.post("/api/auth/register", json=who, headers=headers)).status_code == 202
    assert (await client.get("/sign-in", headers={**headers, **visits.HTML})).status_code == 200
    code = mailed_code(database_url, "alice@example.com")
    brand = mail_words.Brand(app_name="Topup", frontend_url=settings.frontend_url)
    await send_mails.drain(house.pool, house.mailer, brand)
    with psycopg.connect(database_url) as conn:
        [(text, html)] = conn.execute("SELECT text_body, html_body FROM mailbox").fetchall()
    assert code in text
    assert "evil.example" not in text + html
    links = re.findall(r'(?:href|src)="(http[^"]+)"', html)
    assert {link for link in links if not link.startswith(settings.frontend_url)} == set()


async def test_a_page_under_a_forged_host_names_it_nowhere(house: House, client: httpx2.AsyncClient) -> None:
    """Fault 86: nor does what a cache in front might keep."""
    await seed_packages.seed(house.pool)
    for route in routes.PAGES:
        if route.method == "GET" and "{" not in route.path:
            answer = await client.get(
                route.path, headers={**visits.HTML, "Host": "evil.example", "X-Forwarded-Host": "evil.example"}
            )
            assert "evil.example" not in answer.text + answer.headers.get("location", ""), route.path


def test_whom_we_call_stands_in_the_settings_and_nowhere_else() -> None:
    """Fault 80: Stripe, Google's keys and the mail server; no address in a request is ever fetched."""
    calling = re.compile(
        r"\b(httpx2?\.(?:get|post|AsyncClient|Client)|urlopen|aiohttp|StripeClient|HTTPXClient|SMTP\()"
    )
    callers = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        if calling.search(path.read_text(encoding="utf-8"))
    }
    # Doctor looks at the address that its operator types; each of the others has the one from the settings.
    assert callers <= {
        "gateway/google.py",
        "gateway/stripe.py",
        "gateway/stripe_calls.py",
        "gateway/mail.py",
        *_OPERATORS,
    }
    assert Settings().stripe_api_base == ""
    assert stripe.STRIPE_API_BASE == "https://api.stripe.com"
    assert Settings().google_issuer == "https://accounts.google.com"


_OPERATORS = {f"runtime/doctor/{name}.py" for name in ("outside", "visit", "examination", "stripe_side")}


def test_no_redirect_is_followed_where_keys_are_fetched() -> None:
    """Fault 80: a redirect of theirs could lead inside."""
    for module in (google, stripe):
        assert module.__file__ is not None
        assert "follow_redirects=True" not in Path(module.__file__).read_text(encoding="utf-8")
    assert httpx2.AsyncClient().follow_redirects is False
