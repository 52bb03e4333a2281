"""Money back on pages: what can go back and why not more, the act, and what became of it in plain words."""

import re

import httpx2
import psycopg
import pytest

from tests.stripe_boxes import StripeBox
from tests.web import visits
from topup.core import ids
from topup.db import packages
from topup.flows import take_money_back
from topup.ledger import commands, journal
from topup.runtime import house as houses
from topup.settings import Settings

EMAIL = "alice@example.com"


@pytest.fixture
def settings(settings: Settings, stripe_box: StripeBox) -> Settings:
    return settings.model_copy(update={"stripe_api_base": stripe_box.url})


@pytest.fixture
async def bought(house: houses.House, client: httpx2.AsyncClient, database_url: str, stripe_box: StripeBox) -> str:
    """The page of a payment for a hundred credits, with fourteen days to think."""
    await visits.sign_up(client, database_url, email=EMAIL)
    draft = packages.Draft("With refunds", None, 100, 1000, "gbp", is_active=True, valid_days=None, refund_days=14)
    async with house.pool.connection() as conn:
        package = await packages.add(conn, ids.new(), draft)
    assert package is not None
    gone = await visits.post(client, "/buy", page="/", packageId=str(package.id))
    stripe_box.pay(gone.headers["location"])
    [session] = stripe_box.sessions()
    await client.get(f"/payments/return?session_id={session.id}")
    return f"/payments/{session.client_reference_id}"


def field(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found is not None, name
    return found.group(1)


async def send(client: httpx2.AsyncClient, page: str, address: str, **changes: str) -> httpx2.Response:
    values = {name: field(page, name) for name in ("csrf", "formKey", "amount")}
    return await client.post(address, data={**values, "reason": "Not needed", **changes})


async def test_buyer_is_shown_the_quote_agrees_and_reads_what_became_of_it(
    client: httpx2.AsyncClient, bought: str, stripe_box: StripeBox
) -> None:
    assert "You can get £10.00 back now, for 100 credits." in visits.text(await client.get(bought))
    page = (await client.get(f"{bought}/refund")).text
    assert "100 credits of" in page
    sent = await send(client, page, f"{bought}/refund")
    assert (sent.status_code, sent.headers["location"]) == (303, f"{bought}?done=refunded")
    told = visits.text(await client.get(sent.headers["location"]))
    assert "£10.00 was sent back to you." in told
    assert "No refund now: All of the money has gone back already." in told
    assert [one.amount for one in stripe_box.client.refunds.list().data] == [1000]


@pytest.mark.parametrize(
    ("amount", "short", "title"),
    [("1000", "Refunded", "100 credits, refunded"), ("400", "Partly refunded", "100 credits, partly refunded")],
)
async def test_what_went_back_is_said_in_the_list_on_its_page_and_on_the_way_back(
    house: houses.House,
    client: httpx2.AsyncClient,
    bought: str,
    stripe_box: StripeBox,
    amount: str,
    short: str,
    title: str,
) -> None:
    sent = await send(client, (await client.get(f"{bought}/refund")).text, f"{bought}/refund", amount=amount)
    assert sent.status_code == 303
    await take_money_back.take(house.pool, house.stripe)
    assert f">{short}</span>" in (await client.get("/payments")).text
    [session] = stripe_box.sessions()
    for page in (bought, f"/payments/return?session_id={session.id}"):
        assert f"<h1>{title}</h1>" in (await client.get(page)).text


async def test_form_that_is_sent_twice_is_one_refund(
    client: httpx2.AsyncClient, bought: str, stripe_box: StripeBox
) -> None:
    """Fault 49."""
    page = (await client.get(f"{bought}/refund")).text
    answers = [await send(client, page, f"{bought}/refund") for _ in range(3)]
    assert {answer.status_code for answer in answers} == {303}
    assert len(stripe_box.client.refunds.list().data) == 1


async def test_sum_of_nothing_is_refused(client: httpx2.AsyncClient, bought: str, stripe_box: StripeBox) -> None:
    page = (await client.get(f"{bought}/refund")).text
    assert (await send(client, page, f"{bought}/refund", amount="0")).status_code == 409
    assert stripe_box.client.refunds.list().data == []


async def test_quote_that_has_changed_meanwhile_is_read_again(
    house: houses.House, client: httpx2.AsyncClient, bought: str, database_url: str, stripe_box: StripeBox
) -> None:
    """Fault 45: some of it was spent between reading and agreeing."""
    page = (await client.get(f"{bought}/refund")).text
    with psycopg.connect(database_url) as connection:
        row = connection.execute("SELECT account_id FROM payments").fetchone()
    assert row is not None
    spend = commands.Spend(row[0], 150, commands.Cause("test", "spend"), "application:host")
    async with house.pool.connection() as conn:
        await journal.post(conn, [spend])
    sent = await send(client, page, f"{bought}/refund")
    assert sent.status_code == 409
    assert "At most" in sent.text
    assert stripe_box.client.refunds.list().data == []


async def test_reason_is_asked_for(client: httpx2.AsyncClient, bought: str, stripe_box: StripeBox) -> None:
    page = (await client.get(f"{bought}/refund")).text
    assert (await send(client, page, f"{bought}/refund", reason="")).status_code == 422
    assert stripe_box.client.refunds.list().data == []


async def test_form_of_another_site_is_refused(client: httpx2.AsyncClient, bought: str, stripe_box: StripeBox) -> None:
    """Fault 77."""
    page = (await client.get(f"{bought}/refund")).text
    assert (await send(client, page, f"{bought}/refund", csrf="x")).status_code == 403
    assert stripe_box.client.refunds.list().data == []


async def test_anothers_payment_has_no_refund_page(
    client: httpx2.AsyncClient, bought: str, transport: httpx2.ASGITransport, database_url: str
) -> None:
    """Fault 66."""
    async with httpx2.AsyncClient(transport=transport, base_url=str(client.base_url)) as other:
        assert (await other.get(f"{bought}/refund")).headers["location"].startswith("/sign-in")
        await visits.sign_up(other, database_url, email="bob@example.com")
        assert (await other.get(f"{bought}/refund")).status_code == 404


async def test_dispute_is_told_in_plain_words_and_stops_refunds(
    house: houses.House, client: httpx2.AsyncClient, bought: str, stripe_box: StripeBox
) -> None:
    [intent] = stripe_box.client.payment_intents.list(params={"limit": 1}).data
    stripe_box.control("disputes", payment_intent=intent.id)
    async with house.pool.connection() as conn:
        await take_money_back.mark(conn, [intent.id])
    await take_money_back.take(house.pool, house.stripe)
    told = visits.text(await client.get(bought))
    assert "£10.00 of this payment is disputed." in told
    assert "100 credits, disputed" in told
    assert ">Disputed</span>" in (await client.get("/payments")).text
    account = visits.text(await client.get("/account"))
    assert "100 held while a payment is disputed" in account
    assert "held for work in progress" not in account
    assert "No refund now: The payment is disputed" in told
    assert "Nothing can be refunded" in (await client.get(f"{bought}/refund")).text


async def test_whoever_owes_is_told_so_by_the_price_list_and_on_the_way_back(
    house: houses.House, client: httpx2.AsyncClient, bought: str, database_url: str, stripe_box: StripeBox
) -> None:
    with psycopg.connect(database_url) as connection:
        row = connection.execute("SELECT account_id FROM payments").fetchone()
    assert row is not None
    async with house.pool.connection() as conn:
        await journal.post(conn, [commands.Spend(row[0], 200, commands.Cause("test", "spend"), "application:host")])
    [intent] = stripe_box.client.payment_intents.list(params={"limit": 1}).data
    stripe_box.client.refunds.create(params={"payment_intent": intent.id})
    async with house.pool.connection() as conn:
        await take_money_back.mark(conn, [intent.id])
    await take_money_back.take(house.pool, house.stripe)
    [session] = stripe_box.sessions()
    for page in ("/", f"/payments/return?session_id={session.id}"):
        told = visits.text(await client.get(page))
        assert "You owe 100 credits; the next that come in settle this first." in told
        assert "to spend" not in told
