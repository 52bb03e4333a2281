"""Billing on pages: cards, details and invoices, and who may see and change them."""

import itertools
import json
import re

import httpx2
import psycopg
import pytest

from tests import pages_at_stripe
from tests.stripe_boxes import StripeBox
from tests.web import billing, staffing, visits
from tests.web.staffing import Staff
from topup.core import roles
from topup.core.roles import Call
from topup.flows import session_prices
from topup.runtime.house import House
from topup.settings import Settings

staff = staffing.staff
DETAILS = {
    "billing_email": "Money@Hill.example",
    "company": "Hill Schools Ltd",
    "line1": "1 Hill Road",
    "line2": "",
    "city": "Leeds",
    "postal_code": "LS1 1AA",
    "country": "GB",
    "tax_kind": "gb_vat",
    "tax_number": "GB123456789",
}
PAGES: dict[str, Call] = {"/buy": "pay", "/purchases": "pay", "/billing": "keep_cards"}


@pytest.fixture
def settings(settings: Settings, stripe_box: StripeBox) -> Settings:
    return settings.model_copy(
        update={"stripe_api_base": stripe_box.url, "stripe_publishable_key": billing.PUBLISHABLE_KEY}
    )


@pytest.fixture(autouse=True)
async def price_list(house: House) -> None:
    await session_prices.seed(house.pool)


async def begin(client: httpx2.AsyncClient, address: str, page: str) -> httpx2.Response:
    """Ask for the secret to save a card with, as the page's script does."""
    sent = {"csrf": await visits.token(client, page)}
    return await client.post(f"{address}/new", data=sent, headers={"Accept": "application/json"})


async def saved(box: StripeBox, client: httpx2.AsyncClient, address: str, page: str, card: str = "pm_card_visa") -> str:
    """Save a card; its id."""
    begun = await begin(client, address, page)
    assert begun.status_code == 200, begun.text
    confirmed = pages_at_stripe.confirm(box, begun.json()["clientSecret"], card)
    assert confirmed.json()["status"] == "succeeded", confirmed.text
    return str(confirmed.json()["payment_method"])


async def test_money_pages_are_for_owner_and_billing(staff: Staff) -> None:
    """A member without the role is told so in plain words."""
    for role, (path, call) in itertools.product(roles.ROLES, PAGES.items()):
        page = await staff.browsers[role].get(staff.home + path, headers=visits.HTML)
        assert page.status_code == (200 if roles.may(role, call) else 403), (role, path)
        if page.status_code == 403:
            assert "Your role does not open this page" in visits.text(page)
            assert "Ask an owner of the institution" in visits.text(page)


async def test_somebody_elses_institution_is_not_there(staff: Staff) -> None:
    """Fault 66: as one that does not exist."""
    for path in (*PAGES, "/purchases/{id}", "/invoices/{id}", "/invoices/{id}/pdf"):
        here = path.format(id=staff.school.id)
        others = await staff.stranger.get(staff.home + here, headers=visits.HTML)
        nobodys = await staff.stranger.get(f"/institutions/{billing.NOBODYS}{here}", headers=visits.HTML)
        assert others.status_code == nobodys.status_code == 404, path


async def test_nobody_signs_in_and_comes_back(client: httpx2.AsyncClient, staff: Staff) -> None:
    for path in (*PAGES, "/purchases/{id}"):
        here = staff.home + path.format(id=billing.NOBODYS)
        sent = await client.get(here, headers=visits.HTML)
        assert (sent.status_code, sent.headers["location"]) == (303, f"/sign-in?next={here.replace('/', '%2F')}")


async def test_card_is_saved_put_first_and_removed(staff: Staff, stripe_box: StripeBox) -> None:
    page, cards = f"{staff.home}/billing", f"{staff.home}/cards"
    assert "No card saved yet" in await staff.read("/billing", "BILLING")
    bill = staff.browsers["BILLING"]
    visa = await saved(stripe_box, bill, cards, page)
    mastercard = await saved(stripe_box, bill, cards, page, "pm_card_mastercard")
    first = await visits.post(bill, f"{cards}/{visa}/default", page=page)
    assert (first.status_code, first.headers["location"]) == (303, f"{page}?done=default")
    read = await staff.read("/billing?done=default", "BILLING")
    assert "That card now comes first." in read
    assert "Hill School pays with Visa ending 4242." in read
    assert "Remove card ending 4444" in read
    gone = await visits.post(bill, f"{cards}/{mastercard}/remove", page=page)
    assert (gone.status_code, gone.headers["location"]) == (303, f"{page}?done=removed")
    assert "4444" not in await staff.read("/billing", "BILLING")


async def test_owners_cards_and_those_of_the_institution_are_apart(staff: Staff, stripe_box: StripeBox) -> None:
    """At /cards a person's own are meant, whoever else they pay for."""
    await saved(stripe_box, staff.owner, "/cards", "/cards")
    assert "Visa ending 4242" in visits.text(await staff.owner.get("/cards", headers=visits.HTML))
    assert "4242" not in await staff.read("/billing")
    assert "No card saved yet" in visits.text(await staff.student.get("/cards", headers=visits.HTML))


@pytest.mark.parametrize("act", ["default", "remove"])
async def test_card_that_is_somebody_elses_or_gone_is_not_there(staff: Staff, stripe_box: StripeBox, act: str) -> None:
    """Fault 66."""
    theirs = await saved(stripe_box, staff.student, "/cards", "/cards")
    gone = await saved(stripe_box, staff.owner, f"{staff.home}/cards", f"{staff.home}/billing")
    stripe_box.client.payment_methods.detach(gone)
    for method_id in (theirs, gone, "pm_nothing"):
        refused = await visits.post(staff.owner, f"{staff.home}/cards/{method_id}/{act}", page=f"{staff.home}/billing")
        assert refused.status_code == 404, method_id
    assert "4242" in visits.text(await staff.student.get("/cards", headers=visits.HTML))


async def test_manager_cannot_begin_to_save_a_card(staff: Staff) -> None:
    refused = await begin(staff.manager, f"{staff.home}/cards", "/cards")
    assert (refused.status_code, refused.json()["code"]) == (403, "role_missing")


async def test_secret_of_a_card_comes_by_json_alone_and_is_not_kept(staff: Staff) -> None:
    begun = await begin(staff.student, "/cards", "/cards")
    assert begun.headers["cache-control"] == "no-store"
    assert list(begun.json()) == ["clientSecret"]
    page = await staff.student.get("/cards", headers=visits.HTML)
    assert "_secret_" not in page.text


async def test_form_of_another_site_saves_and_removes_nothing(staff: Staff, stripe_box: StripeBox) -> None:
    """Fault 77."""
    card = await saved(stripe_box, staff.student, "/cards", "/cards")
    for path in ("/cards/new", f"/cards/{card}/remove", f"/cards/{card}/default"):
        assert (await staff.student.post(path, data={"csrf": "0" * 64}, headers=visits.HTML)).status_code == 403
    assert "4242" in visits.text(await staff.student.get("/cards", headers=visits.HTML))


async def test_stripe_away_shows_the_page_and_says_what_is_not_known(staff: Staff, stripe_box: StripeBox) -> None:
    await saved(stripe_box, staff.owner, f"{staff.home}/cards", f"{staff.home}/billing")
    stripe_box.control("outage")
    assert "Stripe does not say right now which cards are saved" in await staff.read("/billing")
    assert "Stripe does not say right now which cards are saved" in await staff.read("/buy")
    stripe_box.end_outage()


async def test_details_are_kept_and_told_to_stripe_with_the_next_bill(staff: Staff, stripe_box: StripeBox) -> None:
    changed = await visits.post(staff.owner, f"{staff.home}/billing", page=f"{staff.home}/billing", **DETAILS)
    assert (changed.status_code, changed.headers["location"]) == (303, f"{staff.home}/billing?done=details#details")
    page = (await staff.owner.get(f"{staff.home}/billing?done=details", headers=visits.HTML)).text
    assert "Billing details saved." in page
    for value in ("money@hill.example", "Hill Schools Ltd", "1 Hill Road", "Leeds", "LS1 1AA", "GB123456789"):
        assert f'value="{value}"' in page
    assert '<option value="GB" selected>United Kingdom' in page
    assert '<option value="gb_vat" selected>' in page
    await saved(stripe_box, staff.owner, f"{staff.home}/cards", f"{staff.home}/billing")
    [customer] = stripe_box.customers()
    assert (customer.name, customer.email, customer.address.city) == ("Hill Schools Ltd", "money@hill.example", "Leeds")


async def test_emptied_details_are_emptied(staff: Staff, database_url: str) -> None:
    for typed in (DETAILS, {**dict.fromkeys(DETAILS, ""), "billing_email": "bills@hill.example"}):
        changed = await visits.post(staff.owner, f"{staff.home}/billing", page=f"{staff.home}/billing", **typed)
        assert changed.status_code == 303
    with psycopg.connect(database_url) as connection:
        row = connection.execute(
            "SELECT company, address_line1, country, tax_id_type, tax_id FROM institutions"
        ).fetchone()
    assert row == (None,) * 5


WRONG = (
    ("billing_email", "nobody", "Enter a whole address, such as name@example.com."),
    ("billing_email", "", "Enter a whole address, such as name@example.com."),
    ("company", "x" * 201, "Enter a name of up to 200 characters."),
    ("line1", "", "Enter the first line of the address, or empty the whole address."),
    ("city", "", "Enter the town, or empty the whole address."),
    ("country", "", "Choose the country, or empty the whole address."),
    ("country", "gb", "Choose the country, or empty the whole address."),
    ("tax_kind", "", "Choose what kind of number this is, or empty it."),
    ("tax_number", "", "Enter the number, or choose none."),
)


async def test_what_is_wrong_in_the_details_is_said_beside_it_and_changes_nothing(staff: Staff) -> None:
    for field, value, told in WRONG:
        page = await visits.post(
            staff.owner, f"{staff.home}/billing", page=f"{staff.home}/billing", **{**DETAILS, field: value}
        )
        assert page.status_code == 422, field
        assert told in visits.text(page)
        assert f'id="{field}-error"' in page.text
        assert page.text.count('class="error"') == 1
        assert 'value="Hill Schools Ltd"' in page.text or field == "company"
    assert "Hill Schools Ltd" not in (await staff.owner.get(f"{staff.home}/billing", headers=visits.HTML)).text


async def test_invoices_stand_with_number_state_and_papers(staff: Staff, stripe_box: StripeBox) -> None:
    sent = {"quantity": "20", "way": "invoice", "request": "x"}
    made = await visits.post(staff.owner, f"{staff.home}/buy", page=f"{staff.home}/buy", **sent)
    assert made.status_code == 303
    page = await staff.owner.get(f"{staff.home}/billing", headers=visits.HTML)
    assert "To pay" in visits.text(page)
    assert "£120.00" in visits.text(page)
    [path] = set(re.findall(r'href="([^"]+/invoices/[0-9a-f-]{36})"', page.text))
    hosted = await staff.owner.get(path, headers=visits.HTML)
    assert hosted.status_code == 303
    assert hosted.headers["location"].startswith(f"{stripe_box.url}/i/")
    paper = await staff.owner.get(f"{path}/pdf", headers=visits.HTML)
    assert paper.status_code == 303
    assert stripe_box.web.get(paper.headers["location"]).content.startswith(b"%PDF")
    for who in (staff.manager, staff.student):
        assert (await who.get(path, headers=visits.HTML)).status_code == 403


async def test_paid_card_purchase_has_our_own_numbered_invoice(staff: Staff, stripe_box: StripeBox) -> None:
    token = await visits.token(staff.owner, f"{staff.home}/buy")
    bought = await staff.owner.post(
        billing.PURCHASES,
        content=json.dumps({"quantity": 10, "institutionId": staff.school.id}),
        headers={"X-CSRF-Token": token, "Content-Type": "application/json"},
    )
    assert bought.status_code == 201, bought.text
    pages_at_stripe.pays(stripe_box, bought.json()["clientSecret"])
    await staff.owner.get(f"{staff.home}/purchases/{bought.json()['purchaseId']}", headers=visits.HTML)
    page = await staff.owner.get(f"{staff.home}/billing", headers=visits.HTML)
    assert re.search(r"TU-\d{4}-000001 10 sessions", visits.text(page))
    [path] = set(re.findall(r'href="([^"]+/invoices/[0-9a-f-]{36}/pdf)"', page.text))
    paper = await staff.owner.get(path, headers=visits.HTML)
    assert paper.content.startswith(b"%PDF")
    assert "private" in paper.headers["cache-control"]
    assert (await staff.owner.get(path.removesuffix("/pdf"), headers=visits.HTML)).status_code == 404


async def test_older_invoices_are_a_page_away(staff: Staff) -> None:
    for quantity in range(1, 12):
        sent = {"quantity": str(quantity), "way": "invoice", "request": "x"}
        assert (
            await visits.post(staff.owner, f"{staff.home}/buy", page=f"{staff.home}/buy", **sent)
        ).status_code == 303
    page = await staff.owner.get(f"{staff.home}/billing", headers=visits.HTML)
    assert "£66.00" in visits.text(page)
    assert "£6.00" not in visits.text(page)
    older = re.search(r'href="([^"]+cursor=[^"#]+)#invoices"', page.text)
    assert older is not None
    read = visits.text(await staff.owner.get(older[1], headers=visits.HTML))
    assert "£6.00" in read
    assert "Back to the newest" in read
