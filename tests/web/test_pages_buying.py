"""Buying sessions on pages, and the purchases: prices, states, receipts, and what never gets into a page."""

import itertools
import json
import re
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import httpx2
import psycopg
import pytest

from tests import institutions, pages_at_stripe
from tests.stripe_boxes import StripeBox
from tests.web import billing, staffing, visits
from tests.web.staffing import Staff
from topup.flows import session_prices, take_money_back
from topup.runtime.house import House
from topup.settings import Settings

staff = staffing.staff
SECRET_QUERY = "payment_intent=pi_1&payment_intent_client_secret=pi_1_secret_abc&redirect_status="


@pytest.fixture
def settings(settings: Settings, stripe_box: StripeBox) -> Settings:
    return settings.model_copy(
        update={"stripe_api_base": stripe_box.url, "stripe_publishable_key": billing.PUBLISHABLE_KEY}
    )


@pytest.fixture(autouse=True)
async def price_list(house: House) -> None:
    await session_prices.seed(house.pool)


async def open_by_script(staff: Staff, quantity: int = 50, **more: Any) -> dict[str, Any]:
    """What the page's script does: open a purchase over the interface, with the page's token."""
    token = await visits.token(staff.owner, f"{staff.home}/buy")
    order = {"quantity": quantity, "institutionId": staff.school.id, **more}
    headers = {"X-CSRF-Token": token, "Content-Type": "application/json"}
    answer = await staff.owner.post(billing.PURCHASES, content=json.dumps(order), headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def invoiced(staff: Staff, quantity: str = "20", request: str = "", **more: str) -> httpx2.Response:
    sent = {"quantity": quantity, "way": "invoice", "request": request, **more}
    return await visits.post(staff.owner, f"{staff.home}/buy", page=f"{staff.home}/buy", **sent)


def payments(database_url: str) -> int:
    with psycopg.connect(database_url) as connection:
        row = connection.execute("SELECT count(*) FROM payments").fetchone()
    assert row is not None
    return int(row[0])


PRICES = (
    ("1", "£6.00", "£6.00 each"),
    ("49", "£294.00", "£6.00 each"),
    ("50", "£270.00", "£5.40 each, saves £30.00"),
    ("199", "£1,074.60", "£5.40 each, saves £119.40"),
    ("200", "£960.00", "£4.80 each, saves £240.00"),
    ("100000", "£480,000.00", "£4.80 each, saves £120,000.00"),
    ("1 000", "£4,800.00", "£4.80 each"),
)


async def test_tier_that_is_reached_prices_the_whole_quantity(staff: Staff) -> None:
    for quantity, total, each in PRICES:
        page = await staff.owner.get(f"{staff.home}/buy", params={"quantity": quantity}, headers=visits.HTML)
        read = visits.text(page)
        assert f"{total} {each}" in read
        assert f"Get the invoice for {total}" in read


NO_QUANTITIES = ("0", "-1", "1.5", "1000000000", "100001", "ten", "", "1e3", "٣", "9" * 39)


async def test_quantity_that_is_none_is_said_beside_its_field_and_buys_nothing(staff: Staff, database_url: str) -> None:
    """Fault 65: also when it is sent without the page."""
    for quantity in NO_QUANTITIES:
        page = await staff.owner.get(f"{staff.home}/buy", params={"quantity": quantity}, headers=visits.HTML)
        assert page.status_code == 422, quantity
        assert "Enter a whole number from 1 to 100\u202f000." in page.text
        assert f'value="{quantity}"' in page.text
        assert (await invoiced(staff, quantity)).status_code == 422
    assert payments(database_url) == 0


async def test_invoice_is_made_and_paid_at_stripe_and_the_pool_fills(staff: Staff, stripe_box: StripeBox) -> None:
    made = await invoiced(staff)
    assert made.status_code == 303
    path = made.headers["location"].removeprefix(staff.home)
    read = await staff.read(path)
    assert "Your invoice is ready to pay" in read
    assert "£120.00, due" in read
    assert "Nothing has been charged yet." in read
    page = await staff.owner.get(staff.home + path, headers=visits.HTML)
    assert 'hx-trigger="every 5s"' in page.text
    assert "http-equiv" not in page.text, "somebody reads here"
    at_stripe = re.search(r'href="([^"]+/invoices/[0-9a-f-]{36})"', page.text)
    assert at_stripe is not None
    hosted = await staff.owner.get(at_stripe[1], headers=visits.HTML)
    assert stripe_box.web.post(hosted.headers["location"], data={"transfer": "1"}).status_code == 303
    await institutions.wait(staff.school.house, "2 seconds")
    read = await staff.read(path)
    assert "20 sessions added" in read
    assert "The pool now has 20 sessions to give." in read


async def test_double_click_makes_one_purchase(staff: Staff, database_url: str) -> None:
    """Fault 50: the form sends the same number twice; another quantity is another purchase."""
    number = "01a2284e-66f9-74f2-8abe-b82b51cebde7"
    twins = [await invoiced(staff, request=number) for _ in range(2)]
    assert twins[0].headers["location"] == twins[1].headers["location"]
    other = await invoiced(staff, "21", request=number)
    assert other.headers["location"] != twins[0].headers["location"]
    assert payments(database_url) == 2


async def test_form_without_the_script_charges_no_card_and_says_what_to_do(staff: Staff, database_url: str) -> None:
    for way in ("new", "pm_somebody", "", "cash"):
        sent = {"quantity": "50", "way": way, "request": ""}
        page = await visits.post(staff.owner, f"{staff.home}/buy", page=f"{staff.home}/buy", **sent)
        assert page.status_code == 422, way
        assert "Choose the invoice instead, or turn JavaScript on." in visits.text(page)
        assert "You have not been charged." in visits.text(page)
        assert 'value="50"' in page.text
    assert payments(database_url) == 0


async def test_button_for_an_invoice_wins_over_the_chosen_card(staff: Staff, database_url: str) -> None:
    """Without the script there is one button, whatever is marked above it."""
    assert (await invoiced(staff, way="new", instead="invoice")).status_code == 303
    assert payments(database_url) == 1


async def test_who_may_not_pay_cannot_send_the_form_either(staff: Staff, database_url: str) -> None:
    for who in (staff.manager, staff.student):
        sent = {"csrf": await visits.token(who, "/cards"), "quantity": "50", "way": "invoice", "request": ""}
        assert (await who.post(f"{staff.home}/buy", data=sent, headers=visits.HTML)).status_code == 403
    assert payments(database_url) == 0


async def test_stripe_away_is_told_with_what_it_means_for_the_money(staff: Staff, stripe_box: StripeBox) -> None:
    stripe_box.control("outage")
    page = await invoiced(staff)
    stripe_box.end_outage()
    assert page.status_code == 503
    assert "You have not been charged." in visits.text(page)


async def test_unpaid_purchase_is_gone_on_with_and_its_secret_is_in_no_page(staff: Staff) -> None:
    bought = await open_by_script(staff)
    listed = await staff.read("/purchases")
    assert "50 sessions Not paid yet" in listed
    assert "Continue to pay £270.00" in listed
    assert "You have not been charged" not in listed, "nobody has asked Stripe"
    page = await staff.owner.get(f"{staff.home}/purchases/{bought['purchaseId']}", headers=visits.HTML)
    assert "50 sessions, not paid yet" in visits.text(page)
    assert "You have not been charged." in visits.text(page)
    assert f'data-purchase="{bought["purchaseId"]}"' in page.text
    assert page.headers["cache-control"] == "no-store"
    assert bought["clientSecret"] not in page.text
    assert "_secret_" not in page.text


async def test_unpaid_purchase_can_be_cancelled_and_then_not_be_paid(staff: Staff, stripe_box: StripeBox) -> None:
    bought = await open_by_script(staff)
    path = f"{staff.home}/purchases/{bought['purchaseId']}"
    assert (await visits.post(staff.owner, f"{path}/cancel", page=path)).headers["location"] == path
    read = await staff.read(path.removeprefix(staff.home))
    assert "This purchase ended unpaid" in read
    assert "You have not been charged." in read
    assert pages_at_stripe.confirm(stripe_box, bought["clientSecret"]).status_code == 400
    again = await visits.post(staff.owner, f"{path}/cancel", page=f"{staff.home}/buy")
    assert again.status_code == 303


async def test_what_was_paid_meanwhile_cannot_be_cancelled(staff: Staff, stripe_box: StripeBox) -> None:
    """Faults 10 and 60: Stripe decides."""
    bought = await open_by_script(staff)
    path = f"/purchases/{bought['purchaseId']}"
    token = await visits.token(staff.owner, staff.home + path)
    pages_at_stripe.pays(stripe_box, bought["clientSecret"])
    await staff.owner.post(f"{staff.home}{path}/cancel", data={"csrf": token}, headers=visits.HTML)
    assert "50 sessions added" in await staff.read(path)


async def test_paid_purchase_shows_the_pool_its_receipt_and_who_ordered(staff: Staff, stripe_box: StripeBox) -> None:
    bought = await open_by_script(staff)
    pages_at_stripe.pays(stripe_box, bought["clientSecret"])
    path = f"/purchases/{bought['purchaseId']}"
    read = await staff.read(path)
    for told in ("50 sessions added", "The pool now has 50 sessions to give.", "£270.00 GBP", "ordered by Olga"):
        assert told in read
    receipt = await staff.read(f"{path}/receipt", "BILLING")
    for told in ("Receipt", "Hill School", "bills@hill.example", "TU-", "50 sessions", "£270.00"):
        assert told in receipt
    assert "Hill School has bought 50 sessions so far." in await staff.read("/purchases")


async def test_a_purchase_whose_money_went_back_is_not_called_paid(
    staff: Staff, stripe_box: StripeBox, house: House
) -> None:
    bought = await open_by_script(staff)
    pages_at_stripe.pays(stripe_box, bought["clientSecret"])
    path = f"/purchases/{bought['purchaseId']}"
    assert "50 sessions added" in await staff.read(path)
    stripe_box.control("refunds", payment_intent=bought["clientSecret"].partition("_secret_")[0])
    await take_money_back.look(house.pool, house.stripe, UUID(bought["purchaseId"]))
    read = await staff.read(path)
    assert "50 sessions, refunded" in read
    assert "All of the money went back." in read
    assert "Refunded" in await staff.read("/purchases")


async def test_there_is_no_receipt_before_the_money(staff: Staff) -> None:
    bought = await open_by_script(staff)
    page = await staff.owner.get(f"{staff.home}/purchases/{bought['purchaseId']}/receipt", headers=visits.HTML)
    assert page.status_code == 404


async def test_a_page_that_asks_again_after_its_reader_has_left_sends_them_to_sign_in(
    staff: Staff, client: httpx2.AsyncClient
) -> None:
    bought = await open_by_script(staff)
    state = f"{staff.home}/purchases/{bought['purchaseId']}/state"
    page = state.removesuffix("/state")
    asked = {"HX-Request": "true", "Accept": "*/*", "HX-Current-URL": f"http://testserver{page}"}
    answer = await client.get(state, headers=asked)
    assert answer.headers["hx-redirect"] == f"/sign-in?{urlencode({'next': page})}"
    elsewhere = await client.get(state, headers={**asked, "HX-Current-URL": "https://evil.example//evil.example/x"})
    assert elsewhere.headers["hx-redirect"] == "/sign-in?next=%2Faccount"


async def test_state_moves_by_itself(staff: Staff, stripe_box: StripeBox) -> None:
    """A debit settles after days; the page asks again, and stops once it is decided."""
    bought = await open_by_script(staff)
    debit = stripe_box.client.payment_methods.create(
        params={
            "type": "bacs_debit",
            "bacs_debit": {"sort_code": "108800", "account_number": "00012345"},
            "billing_details": {"name": "Hill", "email": "b@hill.example"},
        }
    )
    pages_at_stripe.confirm(stripe_box, bought["clientSecret"], debit.id)
    path = f"{staff.home}/purchases/{bought['purchaseId']}"
    page = await staff.owner.get(path, headers=visits.HTML)
    assert "Your bank is settling the payment" in page.text
    assert '<noscript><meta http-equiv="refresh"' in page.text
    poll = re.search(r'hx-get="([^"]+)"', page.text)
    assert poll is not None
    asked = poll[1].replace("&amp;", "&")
    assert (await staff.owner.get(asked)).status_code == 204
    stripe_box.control("clock", advance_s=7 * 86400)
    moved = await staff.owner.get(asked)
    stripe_box.control("clock", reset=True)
    assert "50 sessions added" in moved.text
    assert "hx-get" not in moved.text


async def test_waiting_page_goes_to_paying_when_the_payment_can_be_tried_again(
    staff: Staff, stripe_box: StripeBox
) -> None:
    """While Stripe was away nobody knew whether it was paid."""
    bought = await open_by_script(staff)
    path = f"{staff.home}/purchases/{bought['purchaseId']}"
    stripe_box.control("outage")
    page = await staff.owner.get(path, headers=visits.HTML)
    stripe_box.end_outage()
    assert "Confirming your payment" in page.text
    poll = re.search(r'hx-get="([^"]+)"', page.text)
    assert poll is not None
    assert (await staff.owner.get(poll[1].replace("&amp;", "&"))).headers["hx-redirect"] == path


async def test_what_stripe_adds_to_the_address_is_taken_off_before_anything_else(
    staff: Staff, client: httpx2.AsyncClient
) -> None:
    """Also for somebody whose login ended meanwhile: the secret is in no address that is kept."""
    bought = await open_by_script(staff)
    paths = (f"{staff.home}/purchases/{bought['purchaseId']}", f"{staff.home}/billing", "/cards")
    outcomes = (("succeeded", ""), ("failed", "?tried=1"), ("pending", ""))
    for path, (status, after) in itertools.product(paths, outcomes):
        query = SECRET_QUERY.replace("payment_intent", "setup_intent") if "purchases" not in path else SECRET_QUERY
        sent = await staff.owner.get(f"{path}?{query}{status}", headers=visits.HTML)
        assert (sent.status_code, sent.headers["location"]) == (303, path + after)
        nobody = await client.get(f"{path}?{query}{status}", headers=visits.HTML)
        assert nobody.status_code == 303
        assert "secret" not in nobody.headers["location"]


async def test_try_that_failed_at_the_bank_is_said_with_what_it_means_for_the_money(staff: Staff) -> None:
    bought = await open_by_script(staff)
    read = await staff.read(f"/purchases/{bought['purchaseId']}?tried=1")
    assert "The payment was not approved. You have not been charged." in read


async def test_purchase_of_another_institution_is_not_there(staff: Staff) -> None:
    """Fault 66, under one's own institution's address too."""
    bought = await open_by_script(staff)
    made = await visits.post(
        staff.stranger, "/institutions", page="/institutions/new", name="Dale", billingEmail="b@dale.example"
    )
    theirs = made.headers["location"]
    for path in ("", "/state", "/receipt"):
        seen = await staff.stranger.get(f"{theirs}/purchases/{bought['purchaseId']}{path}", headers=visits.HTML)
        assert seen.status_code == 404
    refused = await visits.post(
        staff.stranger, f"{theirs}/purchases/{bought['purchaseId']}/cancel", page=f"{theirs}/buy"
    )
    assert refused.status_code == 404
    assert "Not paid yet" in await staff.read("/purchases")


async def test_older_purchases_are_a_page_away(staff: Staff) -> None:
    """More than anybody may start in a minute: written as rows."""
    rows = """INSERT INTO payments (id, user_id, institution_id, account_id, channel, status, package_name, unit,
            credits, unit_price_minor, price_minor, currency, is_live)
        SELECT gen_random_uuid(), i.created_by, i.id, a.id, 'PAYMENT_INTENT', 'PENDING', 'Interview sessions',
            'session', n, 600, n * 600, 'gbp', false
        FROM institutions i JOIN accounts a ON a.institution_id = i.id CROSS JOIN generate_series(1, 25) n
        WHERE i.id = %s"""
    await institutions.run(staff.school.house, rows, [UUID(staff.school.id)])
    page = await staff.owner.get(f"{staff.home}/purchases", headers=visits.HTML)
    assert page.text.count('<details class="line">') == 20
    older = re.search(r'href="([^"]+cursor=[^"]+)"', page.text)
    assert older is not None
    rest = await staff.owner.get(older[1], headers=visits.HTML)
    assert rest.text.count('<details class="line">') == 5
    assert "Back to the newest" in visits.text(rest)


async def test_empty_list_says_what_will_be_here(staff: Staff) -> None:
    assert "Nothing bought yet" in await staff.read("/purchases")


async def test_policy_lets_stripe_in_only_where_cards_are_typed(staff: Staff, stripe_box: StripeBox) -> None:
    for path, lets in (("/buy", True), ("/billing", True), ("/purchases", False)):
        page = await staff.owner.get(staff.home + path, headers=visits.HTML)
        assert "script-src 'self' 'nonce-" in page.headers["content-security-policy"]
        assert (f"frame-src {stripe_box.url}" in page.headers["content-security-policy"]) is lets
        assert (f'src="{stripe_box.url}/endive/stripe.js"' in page.text) is lets
        opener = page.headers["cross-origin-opener-policy"]
        assert opener == ("same-origin-allow-popups" if lets else "same-origin")
