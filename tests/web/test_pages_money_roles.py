"""Every page that takes money from an institution by everybody: each role, another institution's owner, nobody.

The other half of test_pages_roles.py, with a list of its own: a page that is not in it fails the first test (faults
66, 67).
"""

import json
from dataclasses import dataclass, field

import httpx2
import pytest
from starlette.routing import Route

from tests import institutions, pages_at_stripe
from tests.stripe_boxes import StripeBox
from tests.web import billing, staffing, visits
from tests.web.staffing import Staff
from topup.core import roles
from topup.core.roles import Call
from topup.flows import session_prices
from topup.runtime.house import House
from topup.settings import Settings
from topup.web import app

staff = staffing.staff

HOME = "/institutions/{institution_id}"
PARTS = ("buy", "purchases", "billing", "invoices", "cards")


@dataclass(frozen=True)
class Page:
    """A page or a form, the call that it is, and fields that are right."""

    method: str
    path: str
    call: Call
    fields: dict[str, str] = field(default_factory=dict)


PAGES = (
    Page("GET", f"{HOME}/buy", "pay"),
    Page("POST", f"{HOME}/buy", "pay", {"quantity": "10", "way": "invoice"}),
    Page("GET", f"{HOME}/purchases", "pay"),
    Page("GET", HOME + "/purchases/{purchase_id}", "pay"),
    Page("GET", HOME + "/purchases/{purchase_id}/state", "pay"),
    Page("GET", HOME + "/purchases/{purchase_id}/receipt", "pay"),
    Page("POST", HOME + "/purchases/{purchase_id}/cancel", "pay"),
    Page("GET", f"{HOME}/billing", "keep_cards"),
    Page("POST", f"{HOME}/billing", "change_institution", {"billing_email": "b@hill.example"}),
    Page("GET", HOME + "/invoices/{invoice_id}", "see_invoices"),
    Page("GET", HOME + "/invoices/{invoice_id}/pdf", "see_invoices"),
    Page("POST", f"{HOME}/cards/new", "keep_cards"),
    Page("POST", HOME + "/cards/{method_id}/default", "keep_cards"),
    Page("POST", HOME + "/cards/{method_id}/remove", "keep_cards"),
)
OWN = {
    ("GET", "/cards"),
    ("POST", "/cards/new"),
    ("POST", "/cards/{method_id}/default"),
    ("POST", "/cards/{method_id}/remove"),
}
"""A person's own cards: whoever they belong to."""


@pytest.fixture
def settings(settings: Settings, stripe_box: StripeBox) -> Settings:
    return settings.model_copy(
        update={"stripe_api_base": stripe_box.url, "stripe_publishable_key": billing.PUBLISHABLE_KEY}
    )


@pytest.fixture
async def names(staff: Staff, house: House, stripe_box: StripeBox) -> dict[str, str]:
    """The school, and what there is in it."""
    await session_prices.seed(house.pool)
    token = {"csrf": await visits.token(staff.owner, f"{staff.home}/buy")}
    headers = {"X-CSRF-Token": token["csrf"], "Content-Type": "application/json"}
    order = {"quantity": 10, "institutionId": staff.school.id}
    paid = (await staff.owner.post(billing.PURCHASES, content=json.dumps(order), headers=headers)).json()
    pages_at_stripe.pays(stripe_box, paid["clientSecret"])
    await staff.owner.get(f"{staff.home}/purchases/{paid['purchaseId']}", headers=visits.HTML)
    begun = (await staff.owner.post(f"{staff.home}/cards/new", data=token)).json()
    card = pages_at_stripe.confirm(stripe_box, begun["clientSecret"]).json()["payment_method"]
    billed = await staff.owner.post(
        f"{staff.home}/buy", data={**token, "quantity": "20", "way": "invoice"}, headers=visits.HTML
    )
    listed = await staff.owner.get(billing.INVOICES, params={"institutionId": staff.school.id})
    [invoice_id] = [
        one["id"] for one in listed.json()["data"] if billed.headers["location"].endswith(one["purchaseId"])
    ]
    return {
        "institution_id": staff.school.id,
        "purchase_id": paid["purchaseId"],
        "invoice_id": invoice_id,
        "method_id": card,
    }


async def ask(page: Page, client: httpx2.AsyncClient, names: dict[str, str]) -> httpx2.Response:
    """Open the page, or send its form with the token that any page of this person has."""
    path = page.path.format(**names)
    if page.method == "GET":
        return await client.get(path, headers=visits.HTML)
    csrf = await visits.token(client, "/account")
    return await client.post(path, data={"csrf": csrf, **page.fields}, headers=visits.HTML)


def test_every_page_that_takes_money_is_in_the_list() -> None:
    there = {
        (method, route.path)
        for router in app.PAGES
        for route in router.routes
        if isinstance(route, Route) and _is_here(route.path)
        for method in (route.methods or set()) - {"HEAD"}
    }
    assert there == {(page.method, page.path) for page in PAGES} | OWN


def _is_here(path: str) -> bool:
    parts = path.split("/")
    return parts[1] == "cards" or (parts[1] == "institutions" and len(parts) > 3 and parts[3] in PARTS)


async def test_each_is_open_to_the_roles_of_its_call_and_to_nobody_else(staff: Staff, names: dict[str, str]) -> None:
    """Those who may not come first, since a card is gone once somebody was let in to remove it."""
    for page in PAGES:
        for role in sorted(roles.ROLES, key=lambda role: roles.may(role, page.call)):
            answer = await ask(page, staff.browsers[role], names)
            if not roles.may(role, page.call):
                assert answer.status_code == 403, (page, role)
            elif page.path.endswith("/remove"):
                assert answer.status_code in {303, 404}, (page, role)
            else:
                assert answer.status_code in {200, 303}, (page, role, visits.text(answer))


async def test_another_institution_answers_like_one_that_does_not_exist(
    staff: Staff, names: dict[str, str], house: House, transport: httpx2.ASGITransport
) -> None:
    """Its owner may do all of this, at home."""
    async with institutions.signed_in(house, transport, "Otto") as otto:
        await institutions.school(house, otto, "Dale School")
        async with staffing.browser(house, transport, otto.user_id) as elsewhere:
            for page in PAGES:
                theirs = await ask(page, elsewhere, names)
                missing = await ask(page, elsewhere, dict.fromkeys(names, billing.NOBODYS))
                assert (theirs.status_code, missing.status_code) == (404, 404), page
                assert _without_id(theirs) == _without_id(missing), page


async def test_what_is_anothers_is_not_in_ones_own_institution_either(
    staff: Staff, names: dict[str, str], house: House, transport: httpx2.ASGITransport
) -> None:
    async with institutions.signed_in(house, transport, "Otto") as otto:
        dale = await institutions.school(house, otto, "Dale School")
        async with staffing.browser(house, transport, otto.user_id) as elsewhere:
            for page in PAGES:
                if "purchase_id" in page.path or "invoice_id" in page.path or "method_id" in page.path:
                    answer = await ask(page, elsewhere, {**names, "institution_id": dale.id})
                    assert answer.status_code == 404, page


async def test_nobody_is_sent_to_sign_in_or_has_no_form_to_send(
    client: httpx2.AsyncClient, names: dict[str, str]
) -> None:
    for page in PAGES:
        path = page.path.format(**names)
        if page.method == "POST":
            sent = await client.post(path, data={"csrf": "0" * 64, **page.fields}, headers=visits.HTML)
            assert sent.status_code == 403, page
        else:
            answer = await client.get(path, headers=visits.HTML)
            assert answer.status_code == 303, page
            assert answer.headers["location"].startswith("/sign-in?next=%2Finstitutions"), page


def _without_id(answer: httpx2.Response) -> str:
    return visits.text(answer).partition("Reference")[0]
