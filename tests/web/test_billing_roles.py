"""Every call about paying by everybody: each role, a member of another institution, a stranger, an admin, nobody.

What is expected comes from the one table of roles. A route that is not in the list below fails the first test, so no
call can be added without being looked at here (faults 66, 67).
"""

from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest

from tests import pages_at_stripe
from tests.institutions import Someone
from tests.stripe_boxes import StripeBox
from tests.web import billing
from tests.web.billing import NOBODYS, World
from tests.web.conftest import Visitor
from topup.core import roles
from topup.core.roles import Call
from topup.runtime.house import House
from topup.settings import Settings
from topup.web import app

world = billing.world

PREFIXES = ("/api/sessions/purchases", "/api/stripe/")
WEBHOOK = "/api/stripe/webhook"


@dataclass(frozen=True)
class Route:
    """A route, the call that it is, and a request that is right."""

    method: str
    path: str
    call: Call
    body: dict[str, Any] | None = None
    query: dict[str, str] = field(default_factory=dict)


THERE = {"institutionId": "{institution_id}"}
ROUTES = (
    Route("POST", "/api/sessions/purchases", "pay", {"quantity": 1, **THERE}),
    Route("GET", "/api/sessions/purchases", "pay", query=THERE),
    Route("GET", "/api/sessions/purchases/{purchase_id}", "pay", query=THERE),
    Route("GET", "/api/stripe/payment-methods", "keep_cards", query=THERE),
    Route("POST", "/api/stripe/setup-intents", "keep_cards", {**THERE}),
    Route("POST", "/api/stripe/payment-methods/{method_id}/default", "keep_cards", {**THERE}),
    Route("GET", "/api/stripe/invoices", "see_invoices", query=THERE),
    Route("GET", "/api/stripe/invoices/{invoice_id}", "see_invoices", query=THERE),
    Route("GET", "/api/stripe/invoices/{invoice_id}/pdf", "see_invoices", query=THERE),
    Route("DELETE", "/api/stripe/payment-methods/{method_id}", "keep_cards", query=THERE),
)
IDS = [f"{route.method} {route.path}" for route in ROUTES]


@pytest.fixture
def settings(settings: Settings, stripe_box: StripeBox) -> Settings:
    return settings.model_copy(
        update={"stripe_api_base": stripe_box.url, "stripe_publishable_key": billing.PUBLISHABLE_KEY}
    )


@pytest.fixture
async def names(world: World) -> dict[str, str]:
    """The school, and what it has: a purchase, its invoice and a card."""
    bought = await world.buy(10, saveCard=True)
    pages_at_stripe.pays(world.box, bought["clientSecret"])
    seen = await world.purchase(bought["purchaseId"])
    [card] = await world.cards()
    return {
        "institution_id": world.school.id,
        "purchase_id": bought["purchaseId"],
        "invoice_id": seen["invoiceId"],
        "method_id": card["id"],
    }


async def ask(route: Route, client: httpx2.AsyncClient, names: dict[str, str]) -> httpx2.Response:
    return await client.request(
        route.method,
        route.path.format(**names),
        params=_filled(route.query, names),
        json=None if route.body is None else _filled(route.body, names),
    )


def _filled(said: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    return {name: value.format(**names) if isinstance(value, str) else value for name, value in said.items()}


async def test_every_route_about_paying_is_in_the_list(house: House) -> None:
    described = app.create_app(house).openapi()["paths"]
    there = {
        (method.upper(), path)
        for path, operations in described.items()
        if path.startswith(PREFIXES) and path != WEBHOOK
        for method in operations
    }
    assert there == {(route.method, route.path) for route in ROUTES}


@pytest.mark.parametrize("route", ROUTES, ids=IDS)
async def test_a_route_is_open_to_the_roles_of_its_call_and_to_nobody_else(
    route: Route, world: World, names: dict[str, str], client: httpx2.AsyncClient, admin: Visitor
) -> None:
    """Those who may not come first, since what is asked for may be gone once somebody was let in."""
    assert (await ask(route, client, names)).status_code == 401
    assert (await ask(route, admin.client, names)).status_code == 404
    for who in ("other", "none"):
        await _is_not_there(route, world.people[who], names)
    for role in sorted(roles.ROLES, key=lambda role: roles.may(role, route.call)):
        answer = await ask(route, world.people[role].client, names)
        if roles.may(role, route.call):
            # A second one who may finds what the first one did.
            assert answer.status_code in (200, 201, 204, *((404,) if route.method == "DELETE" else ())), answer.text
        else:
            assert (answer.status_code, answer.json()["code"]) == (403, "role_missing"), role


async def _is_not_there(route: Route, someone: Someone, names: dict[str, str]) -> None:
    """Another institution's is answered like one that does not exist."""
    theirs = await ask(route, someone.client, names)
    missing = await ask(route, someone.client, dict.fromkeys(names, NOBODYS))
    assert (theirs.status_code, missing.status_code) == (404, 404)
    assert {**theirs.json(), "requestId": ""} == {**missing.json(), "requestId": ""}
