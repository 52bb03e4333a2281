"""A whole town for the access tests: somebody of every kind, and one of everything that can be asked for.

Each person comes in two ways, as a program with a token and as a browser with a cookie; host applications with a key of
one scope each. The fixtures are imported by the tests that need them.
"""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx2
import psycopg
import pytest

from tests import institutions, pages_at_stripe
from tests.attacks import routes
from tests.attacks.routes import Route
from tests.institutions import School, Someone
from tests.stripe_boxes import StripeBox
from tests.web import billing, machines, staffing, visits
from tests.web.conftest import ORIGIN, Visitor
from topup.core import ids
from topup.db import mailbox
from topup.flows import seed_packages, session_prices
from topup.runtime.house import House
from topup.settings import Settings

NOWHERE = "0198a5a0-0000-7000-8000-000000000000"
NAMES = {**staffing.NAMES, "other": "Otto", "gone": "Greta"}


@dataclass
class Crowd:
    """Who may come, by name, as a program and as a browser; and the names of what there is."""

    house: House
    programs: dict[str, httpx2.AsyncClient]
    browsers: dict[str, httpx2.AsyncClient]
    names: dict[str, str]
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def everybody(self) -> list[str]:
        return [*self.programs]

    async def ask(
        self, route: Route, who: str, names: dict[str, str] | None = None, *, body: object = None
    ) -> httpx2.Response:
        """Somebody takes a route with the request that is right, or another body."""
        names = self.names if names is None else names
        path, query = route.path.format(**names), filled(route.query, names)
        body = filled(route.body if body is None else body, names)
        if route.is_page:
            form = {**(body if isinstance(body, dict) else {}), "csrf": await self._token(who)}
            client = self.browsers.get(who, self.browsers["nobody"])
            return await client.request(
                route.method, path, params=query, headers=visits.HTML, data=form if route.method == "POST" else None
            )
        headers = {"Idempotency-Key": str(ids.new())} | ({"Content-Type": "text/csv"} if route.text else {})
        content: dict[str, Any] = {"content": route.text} if route.text else {} if body is None else {"json": body}
        return await self.programs[who].request(route.method, path, params=query, headers=headers, **content)

    async def _token(self, who: str) -> str:
        """The form token of somebody's browser; a sign-out may have ended it, so it is read once."""
        if who not in self.tokens:
            signed_in = who in self.browsers and who != "nobody"
            client = self.browsers[who if signed_in else "nobody"]
            self.tokens[who] = await visits.token(client, "/account" if signed_in else "/sign-in")
        return self.tokens[who]


def filled(said: Any, names: dict[str, str]) -> Any:  # noqa: ANN401 - any JSON
    if not isinstance(said, dict):
        return said
    return {name: value.format(**names) if isinstance(value, str) else value for name, value in said.items()}


@pytest.fixture
def settings(settings: Settings, stripe_box: StripeBox) -> Settings:
    return settings.model_copy(
        update={"stripe_api_base": stripe_box.url, "stripe_publishable_key": billing.PUBLISHABLE_KEY}
    )


@pytest.fixture
async def crowd(
    house: House,
    transport: httpx2.ASGITransport,
    stripe_box: StripeBox,
    alice: Visitor,
    bob: Visitor,
    admin: Visitor,
    database_url: str,
) -> AsyncIterator[Crowd]:
    await seed_packages.seed(house.pool)
    await session_prices.seed(house.pool)
    async with AsyncExitStack() as stack:
        programs = {"alice": alice.client, "bob": bob.client, "admin": admin.client}
        people = {
            who: await stack.enter_async_context(institutions.signed_in(house, transport, name))
            for who, name in NAMES.items()
        }
        programs |= {who: someone.client for who, someone in people.items() if who != "gone"}
        ids_of = {who: visitor.user["id"] for who, visitor in (("alice", alice), ("bob", bob), ("admin", admin))}
        ids_of |= {who: str(someone.user_id) for who, someone in people.items()}
        browsers = {
            who: await stack.enter_async_context(staffing.browser(house, transport, ids.UUID(user_id)))
            for who, user_id in ids_of.items()
        }
        for scope in routes.KEYS:
            text = await machines.key_text(house, ["admin" if scope == "admin-key" else scope])  # type: ignore[list-item]
            programs[scope] = machines.with_key(transport, ORIGIN, text).client
        nobody = httpx2.AsyncClient(transport=transport, base_url=ORIGIN)
        programs["nobody"] = nobody
        browsers["nobody"] = await stack.enter_async_context(httpx2.AsyncClient(transport=transport, base_url=ORIGIN))
        names = await _things(house, stripe_box, programs, people, database_url)
        names["account_id"] = alice.user["accountId"]
        names["roster_id"] = await _uploaded(browsers["OWNER"], names["institution_id"])
        yield Crowd(house, programs, browsers, names)
        for who in (*routes.KEYS, "nobody"):
            await programs[who].aclose()


async def _things(
    house: House,
    box: StripeBox,
    programs: dict[str, httpx2.AsyncClient],
    people: dict[str, Someone],
    database_url: str,
) -> dict[str, str]:
    """One of everything, each somebody's own."""
    school = await institutions.school(house, people["OWNER"])
    dale = await institutions.school(house, people["other"], "Dale School")
    await school.fill(50)
    for role in staffing.NAMES:
        if role != "OWNER":
            await school.member(people[role], role)
    invited = await school.owner.post(
        f"/api/institutions/{school.id}/members", {"email": "i@example.com", "role": "STUDENT"}
    )
    return {
        "institution_id": school.id,
        "others_institution_id": dale.id,
        "member_id": await school.member(people["gone"], "STUDENT"),
        "invited_id": invited.json()["id"],
        "allocation_id": (await school.allocate("a@example.com", 2))["id"],
        **await _bought(box, programs, people, school),
        **await _host_things(programs),
        **await _inside(house, database_url),
        "path": "topup.css",
        "slug": "nobody-of-the-demo",
        "own_method_id": "pm_nobodys",
        "external_id": "user-7",
    }


async def _uploaded(owner: httpx2.AsyncClient, institution_id: str) -> str:
    """A roster that was shown and not imported."""
    page = f"/institutions/{institution_id}/rosters"
    files = {"file": ("list.csv", b"email,quantity\nr@example.com,1\n", "text/csv")}
    sent = await owner.post(page, data={"csrf": await visits.token(owner, page)}, files=files)
    return sent.headers["location"].rpartition("/")[2]


async def _bought(
    box: StripeBox, programs: dict[str, httpx2.AsyncClient], people: dict[str, Someone], school: School
) -> dict[str, str]:
    [package, *_] = (await programs["nobody"].get("/api/credit-packages")).json()["data"]
    opened = (await programs["alice"].post("/api/payments/credit-checkout", json={"packageId": package["id"]})).json()
    bill = people["BILLING"]
    bought = (await bill.post(billing.PURCHASES, {"quantity": 10, "saveCard": True})).json()
    pages_at_stripe.pays(box, bought["clientSecret"])
    seen = (await bill.get(f"{billing.PURCHASES}/{bought['purchaseId']}")).json()
    [card] = (await bill.get(billing.CARDS, institutionId=school.id)).json()["data"]
    return {
        "package_id": package["id"],
        "payment_id": opened["paymentId"],
        "session_id": opened["sessionId"],
        "purchase_id": bought["purchaseId"],
        "invoice_id": seen["invoiceId"],
        "method_id": card["id"],
    }


async def _host_things(programs: dict[str, httpx2.AsyncClient]) -> dict[str, str]:
    host = machines.Machine(programs["admin-key"])
    account_id = await host.account("user-1", granted=100)
    spent = (await host.spend(account_id, 5)).json()
    made = (await host.client.post("/api/admin/keys", json={"name": "Old host", "scopes": ["read"]})).json()
    return {"transaction_id": spent["id"], "hold_id": await host.hold(account_id, 3), "key_id": made["id"]}


async def _inside(house: House, database_url: str) -> dict[str, str]:
    mail_id = ids.new()
    async with house.pool.connection() as conn:
        await mailbox.put(conn, mail_id, recipient="a@example.com", subject="x", text_body="x", html_body="<p>x</p>")
    with psycopg.connect(database_url) as conn:
        conn.execute(
            """INSERT INTO stripe_events (id, type, is_live, payload, happened_at, processed_at, outcome)
            VALUES ('evt_seen', 'brave.new.thing', false, %s, topup_now(), topup_now(), 'unknown_type')""",
            [json.dumps({"id": "evt_seen"})],
        )
    return {"mail_id": str(mail_id), "event_id": "evt_seen"}
