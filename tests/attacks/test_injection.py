"""Hostile words in every field, on every page and in every mail: they stay words (faults 78, 79, 82, 84, 88).

Every column that can hold words is filled with the payload behind the application's back, which is worse than anything
that its doors let in; then everybody looks at every page, and what was sent is parsed as a browser would.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.headerregistry import Address
from email.parser import BytesHeaderParser
from html.parser import HTMLParser
from typing import Any
from uuid import UUID

import httpx2
import psycopg
import pytest
from psycopg import sql as queries
from typing_extensions import override

from tests.attacks import crowd as town
from tests.attacks import listening, routes
from tests.attacks.crowd import Crowd
from tests.gateway import test_mail_words as letters
from tests.web import visits
from tests.web.conftest import PASSWORD, Visitor
from tests.web.machines import Machine
from topup.core import mails
from topup.gateway import mail, mail_words

settings = town.settings
crowd = town.crowd

PAYLOAD = """"'><canary-x oncanary=1></title></textarea></script><svg/onload=canary>{{343*3}}${343*3}"""
# A word that starts a formula where a table is opened in a spreadsheet; we send no tables, so it only must stay a word.
WORDS = {
    "users": ("first_name", "last_name"),
    "packages": ("name", "description"),
    "accounts": ("name", "frozen_reason"),
    "holds": ("description",),
    "transfer_texts": ("description", "source_id"),
    "api_keys": ("name",),
    "institutions": ("name", "company", "address_line1", "address_line2", "city"),
    "stripe_events": ("type", "last_error"),
    "mailbox": ("recipient", "subject"),
}


class Elements(HTMLParser):
    """What a browser would make of a page: names of elements, and attributes with their values."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.scripts: list[str] = []
        self._in_script = False

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        self._in_script = tag == "script"

    @override
    def handle_endtag(self, tag: str) -> None:
        self._in_script = False

    @override
    def handle_data(self, data: str) -> None:
        if self._in_script:
            self.scripts.append(data)


def hostile(html: str) -> Iterator[str]:
    """What of the payload came alive."""
    page = Elements()
    page.feed(html)
    if "canary-x" in page.tags:
        yield "an element of theirs"
    if any(name in {"oncanary", "onload"} for name, _ in page.attributes):
        yield "an attribute of theirs"
    if any(
        re.match(r"\s*(javascript|data|vbscript):", value, re.IGNORECASE)
        for name, value in page.attributes
        if name in {"href", "action", "src", "formaction"}
    ):
        yield "an address that acts"
    if any("canary" in script for script in page.scripts):
        yield "a script with their words"
    if "117649" in html:
        yield "a template of theirs"


def poison(database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        for table, columns in WORDS.items():
            for column in columns:
                conn.execute(
                    queries.SQL("UPDATE {} SET {} = left(%s, 80) || left(md5(ctid::text), 8)").format(
                        queries.Identifier(table), queries.Identifier(column)
                    ),
                    [PAYLOAD],
                )
        conn.execute("UPDATE transfer_texts SET metadata = %s", [json.dumps({PAYLOAD: [PAYLOAD]})])


@pytest.mark.slow
async def test_no_page_makes_anything_of_hostile_words(crowd: Crowd, database_url: str) -> None:
    """Fault 78, for everybody on every page, and the answers over JSON are JSON."""
    poison(database_url)
    alive, shown = [], 0
    for route in routes.every():
        if route.method != "GET" or not (route.is_page or route.path.startswith("/api/")):
            continue
        for who in ("alice", "OWNER", "admin", "nobody"):
            answer = await crowd.ask(route, who)
            assert answer.status_code < 500, (route.name, who, answer.text[:300])
            kind = answer.headers.get("content-type", "")
            if kind.startswith("text/html"):
                alive += [f"{route.name} by {who}: {what}" for what in hostile(answer.text)]
                shown += "canary" in answer.text
            elif answer.content and not kind.startswith(("text/", "application/pdf", "image/", "font/")):
                assert kind.startswith(("application/json", "application/problem+json")), (route.name, kind)
    assert alive == []
    assert shown > 10, "the words were not on the pages"


@pytest.mark.parametrize("kind", letters.ALL)
def test_no_mail_makes_anything_of_hostile_words(kind: str) -> None:
    """Faults 78, 79: in the HTML they are words; subject and names are one line, and the code stays the only one."""
    words = PAYLOAD + "\r\nBcc: everybody@evil.example\r\n\r\n<canary-x>"
    details: dict[str, Any] = {
        name: words if isinstance(value, str) and name not in _FIXED else value
        for name, value in letters.ALL[kind].items()
    }
    brand = mail_words.Brand(app_name="Topup", frontend_url="https://shop.example/")
    letter = mail_words.write(
        mail_id=UUID(int=1), kind=kind, recipient="alice@example.com", details=details, brand=brand
    )
    assert list(hostile(letter.html)) == []
    sender = Address("Topup", addr_spec="topup@shop.example")
    head = mail.compose(letter, sender, sent_at=datetime(2026, 11, 29, tzinfo=UTC)).as_bytes().partition(b"\r\n\r\n")[0]
    assert set(BytesHeaderParser().parsebytes(head).keys()) == {*_HEADERS}
    if kind == mails.VERIFICATION_CODE:
        assert re.findall(r"(?<!\d)\d{6}(?!\d)", letter.text) == ["482913"]


# Words from a list of ours, figures and times, which nobody can choose.
_HEADERS = ("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type")
_FIXED = {"code", "purpose", "unit", "currency", "paidAt", "expiresAt", "role", "happened", "paymentId", "reference"}


@pytest.mark.parametrize(
    "path",
    [
        "/<canary-x>",
        "/%3Ccanary-x%3E",
        "/payments/%22%3E%3Ccanary-x%3E",
        "/buy/<canary-x>?x=<canary-x>",
        "/verify?email=%22%3E%3Ccanary-x%3E",
    ],
)
async def test_no_error_page_repeats_what_was_asked(client: httpx2.AsyncClient, path: str) -> None:
    answer = await client.get(path, headers=visits.HTML)
    assert list(hostile(answer.text)) == []


SQL = (
    "' OR '1'='1",
    "'; DROP TABLE users; --",
    "%",
    "_",
    "\\",
    "$$",
    "1 UNION SELECT 1",
    "%s",
    "%(id)s",
    "{}",
    "\u0000",
)


async def test_no_word_is_read_as_sql_or_as_a_wild_card(machine: Machine, alice: Visitor, database_url: str) -> None:
    """Fault 82: in filters, cursors, ids and bodies; nothing is found that was not named whole."""
    await machine.account("user-1", granted=5)
    with psycopg.connect(database_url) as conn:
        before = conn.execute("SELECT count(*) FROM users").fetchone()
    for word in SQL:
        for query in (
            {"email": word},
            {"email": f"{word}@example.com"},
            {"cursor": word},
            {"unit": word},
            {"limit": word},
        ):
            answer = await machine.client.get("/api/accounts", params=query)
            assert answer.status_code in {200, 422}, (word, query, answer.text)
            assert answer.status_code == 422 or answer.json()["data"] == [], (word, query)
        for path in ("/api/accounts/", "/api/holds/", "/api/payments/"):
            client = alice.client if "payments" in path else machine.client
            answer = await client.get(
                path + word.encode().hex() if word == "\u0000" else path + word.replace("%", "%25")
            )
            assert answer.status_code in {404, 422}, (word, path, answer.text)
        signed = await alice.client.post(
            "/api/auth/login", json={"email": f"{word}alice@example.com", "password": PASSWORD}
        )
        assert signed.status_code in {401, 422}
    with psycopg.connect(database_url) as conn:
        assert conn.execute("SELECT count(*) FROM users").fetchone() == before


SPELLINGS = (
    "ALICE@example.com",
    " alice@example.com ",
    "alice@EXAMPLE.com",
    "\uff41lice@example.com",
    "alice@exam\uff50le.com",
    "alice@\u24d4xample.com",
)
STRANGERS = (
    "\u0430lice@example.com",
    "alic\u0435@example.com",
    "al\u200bice@example.com",
    "\u202ealice@example.com",
    "alice@ex\u0430mple.com",
    "alice@example.com\u0000",
    "al\u0131ce@example.com",
    "alice@example.com.",
    '"alice"@example.com',
    "alice@[127.0.0.1]",
)


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_spellings_of_one_address_are_one_person(
    alice: Visitor, client: httpx2.AsyncClient, spelling: str
) -> None:
    """Fault 84."""
    signed = await client.post("/api/auth/login", json={"email": spelling, "password": PASSWORD})
    assert (signed.status_code, signed.json()["user"]["id"]) == (200, alice.user["id"])


@pytest.mark.parametrize("stranger", STRANGERS)
async def test_an_address_that_only_looks_alike_is_nobody(
    alice: Visitor, client: httpx2.AsyncClient, stranger: str
) -> None:
    """Fault 84: it is refused, or another mailbox; never Alice."""
    signed = await client.post("/api/auth/login", json={"email": stranger, "password": PASSWORD})
    assert signed.status_code in {401, 422}


async def test_a_lone_surrogate_and_a_nul_are_refused_everywhere_words_go(
    machine: Machine, client: httpx2.AsyncClient
) -> None:
    """Fault 84: never a 5xx, also as the name of a field."""
    account_id = await machine.account("user-1", granted=5)
    for bad in ("\\ud800", "\\u0000"):
        for body in (
            f'{{"amount": 1, "description": "{bad}"}}',
            f'{{"amount": 1, "metadata": {{"{bad}": 1}}}}',
            f'{{"{bad}": 1}}',
        ):
            headers = {"Content-Type": "application/json", "Idempotency-Key": "k"}
            answer = await machine.client.post(f"/api/accounts/{account_id}/spends", content=body, headers=headers)
            assert answer.status_code in {400, 422}, (body, answer.text)
    raw = await client.post(
        "/api/auth/login", content=b'{"email":"\xff\xfe"}', headers={"Content-Type": "application/json"}
    )
    assert raw.status_code in {400, 422}


async def test_no_word_begins_a_line_of_the_log(client: httpx2.AsyncClient, machine: Machine) -> None:
    """Fault 88: whatever is sent, a line of the log is one object, and none is theirs."""
    forged = '\r\n{"event": "forged", "level": "info"}\n'
    with listening.to_the_log() as heard:
        await client.get("/%0d%0a{forged}", headers={b"X-Request-Id": b"abcdefgh\xe2\x80\xa8"})
        await client.post("/api/auth/login", json={"email": forged, "password": forged})
        await client.get("/api/credit-packages/" + forged.encode().hex())
        await client.request("FORGED", "/health")
        await machine.client.put("/api/accounts/by-external-id/a%0d%0ab", json={"name": forged})
        lines = heard.getvalue().splitlines()
    events = [json.loads(line)["event"] for line in lines]
    assert "request" in events
    assert "forged" not in events
