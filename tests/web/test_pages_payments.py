"""Payments as their buyer sees them: the list, one, the receipt, and the page that Stripe sends people back to."""

from uuid import UUID

import httpx2
import psycopg
import pytest

from tests import people
from tests.web import visits
from topup.core.payments import Fact, Told
from topup.db import payments
from topup.flows import fulfil, resolve_review
from topup.runtime import house as houses
from topup.settings import Settings

EMAIL = "alice@example.com"
SESSION = "cs_test_alice"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Stripe does not answer: what is stored must do."""
    return settings.model_copy(update={"stripe_api_base": "http://127.0.0.1:9"})


@pytest.fixture
async def alice(client: httpx2.AsyncClient, database_url: str) -> people.Person:
    """Somebody signed in with `client`."""
    await visits.sign_up(client, database_url, email=EMAIL)
    with psycopg.connect(database_url) as connection:
        row = connection.execute("SELECT user_id, id FROM accounts WHERE email = %s", [EMAIL]).fetchone()
    assert row is not None
    return people.Person(user_id=row[0], account_id=row[1], email=EMAIL)


@pytest.fixture
async def payment_id(house: houses.House, alice: people.Person) -> UUID:
    """An open payment of Alice's."""
    return await open_payment(house, alice, SESSION)


async def open_payment(house: houses.House, buyer: people.Person, session_id: str) -> UUID:
    payment_id = await people.pending(house.pool, buyer)
    async with house.pool.connection() as conn:
        change = payments.Change(payment_id, "PENDING", stripe_session_id=session_id)
        await payments.change_many(conn, [change])
    return payment_id


async def turn(house: houses.House, payment_id: UUID, status: str) -> None:
    """Let a payment come to a state."""
    async with house.pool.connection() as conn:
        if status == "COMPLETED":
            paid = Fact(Told.PAID, "CHECKOUT", is_live=False, session_id=SESSION, paid_minor=1000, currency="gbp")
            assert [one.word for one in await fulfil.apply(conn, [paid])] == ["credited"]
            return
        if status == "FAILED":
            await payments.change_many(conn, [payments.Change(payment_id, "PROCESSING")])
        reason = "Paid 900, quoted 1000" if status == "REVIEW" else None
        await payments.change_many(conn, [payments.Change(payment_id, status, review_reason=reason)])


async def test_an_empty_list_says_what_will_be_here(client: httpx2.AsyncClient, alice: people.Person) -> None:
    assert "No payments yet" in visits.text(await client.get("/payments"))


@pytest.mark.parametrize(
    ("status", "short"),
    [
        ("PENDING", "Not paid yet"),
        ("PROCESSING", "Bank is settling"),
        ("COMPLETED", "Paid"),
        ("EXPIRED", "Expired, not charged"),
        ("FAILED", "Failed, not charged"),
        ("REVIEW", "Being checked"),
    ],
)
async def test_every_state_has_its_words_in_the_list_and_on_its_page(
    client: httpx2.AsyncClient, house: houses.House, payment_id: UUID, status: str, short: str
) -> None:
    if status != "PENDING":
        await turn(house, payment_id, status)
    listed = visits.text(await client.get("/payments"))
    assert short in listed
    assert "£10.00" in listed
    page = await client.get(f"/payments/{payment_id}")
    assert page.status_code == 200
    assert str(payment_id) in page.text


@pytest.mark.parametrize("path", ["/payments/{id}", "/payments/{id}/receipt", "/payments/return?session_id=cs_bob"])
async def test_anothers_payment_is_not_there(
    client: httpx2.AsyncClient, house: houses.House, alice: people.Person, path: str
) -> None:
    """Fault 78: the same answer as for one that does not exist."""
    bob = await people.person(house.pool, "Bob")
    payment_id = await open_payment(house, bob, "cs_bob")
    others = await client.get(path.format(id=payment_id), headers=visits.HTML)
    nobodys = await client.get(path.format(id=UUID(int=1)).replace("cs_bob", "cs_none"), headers=visits.HTML)
    assert others.status_code == nobodys.status_code == 404
    reference = others.headers["x-request-id"]
    assert visits.text(others).replace(reference, "") == visits.text(nobodys).replace(
        nobodys.headers["x-request-id"], ""
    )


@pytest.mark.parametrize("path", ["/payments/return", "/payments/return/state"])
@pytest.mark.parametrize("session_id", ["", "%00", "%FF%FE", "x" * 3000])
async def test_return_page_without_a_session_is_not_there(
    client: httpx2.AsyncClient, alice: people.Person, path: str, session_id: str
) -> None:
    """Fault 84."""
    assert (await client.get(f"{path}?session_id={session_id}", headers=visits.HTML)).status_code == 404


async def test_there_is_no_receipt_before_the_money(client: httpx2.AsyncClient, payment_id: UUID) -> None:
    assert (await client.get(f"/payments/{payment_id}/receipt")).status_code == 404


async def test_a_receipt_names_buyer_goods_price_and_reference(
    client: httpx2.AsyncClient, house: houses.House, payment_id: UUID
) -> None:
    await turn(house, payment_id, "COMPLETED")
    seen = visits.text(await client.get(f"/payments/{payment_id}/receipt"))
    for fact in ("Alice Arnold", EMAIL, "Starter Pack", "100 credits", "£10.00", "GBP", str(payment_id)):
        assert fact in seen


async def test_one_that_was_paid_otherwise_shows_what_was_paid(
    client: httpx2.AsyncClient, house: houses.House, payment_id: UUID
) -> None:
    """Fault 60: an admin completed it from review."""
    async with house.pool.connection() as conn:
        paid = Fact(Told.PAID, "CHECKOUT", is_live=False, session_id=SESSION, paid_minor=900, currency="gbp")
        assert [one.word for one in await fulfil.apply(conn, [paid])] == ["review"]
    await resolve_review.resolve(house.pool, payment_id, "COMPLETED", reason="A gift", actor="user:admin")
    receipt = visits.text(await client.get(f"/payments/{payment_id}/receipt"))
    assert "£9.00" in receipt
    assert "£10.00" not in receipt
    assert "Paid £9.00" in visits.text(await client.get(f"/payments/{payment_id}"))


async def test_each_row_of_the_list_leads_to_the_payments_own_page(
    client: httpx2.AsyncClient, payment_id: UUID
) -> None:
    link = f'<a href="/payments/{payment_id}">See the payment</a>'
    assert link in (await client.get("/payments")).text
    assert link not in (await client.get(f"/payments/{payment_id}")).text


async def test_the_return_page_waits_by_htmx_and_without_javascript(
    client: httpx2.AsyncClient, payment_id: UUID
) -> None:
    page = (await client.get(f"/payments/return?session_id={SESSION}")).text
    assert "Confirming your payment" in page
    assert 'hx-trigger="every 2s"' in page
    assert '<noscript><meta http-equiv="refresh"' in page


async def test_the_return_page_turns_into_credits_added_and_stops_asking(
    client: httpx2.AsyncClient, house: houses.House, payment_id: UUID
) -> None:
    poll = f"/payments/return/state?session_id={SESSION}&since=9999999999&seen=PENDING"
    assert (await client.get(poll)).status_code == 204
    await turn(house, payment_id, "COMPLETED")
    state = await client.get(poll)
    assert "100 credits added" in state.text
    assert "200 credits to spend" in state.text
    assert "hx-get" not in state.text


async def test_a_long_wait_says_that_nothing_is_lost(client: httpx2.AsyncClient, payment_id: UUID) -> None:
    page = await client.get(f"/payments/return?session_id={SESSION}&since=1")
    assert "Still confirming your payment" in page.text
    assert "Please do not pay twice." in page.text
    assert str(payment_id) in page.text


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("EXPIRED", "You have not been charged."),
        ("FAILED", "You have not been charged, and no credits were added."),
        ("REVIEW", "Your money is not lost"),
    ],
)
async def test_an_end_without_credits_says_what_it_means_for_the_money(
    client: httpx2.AsyncClient, house: houses.House, payment_id: UUID, status: str, words: str
) -> None:
    await turn(house, payment_id, status)
    page = (await client.get(f"/payments/return?session_id={SESSION}")).text
    assert words in page
    assert "hx-get" not in page
    assert "http-equiv" not in page


async def test_the_way_back_from_stripe_survives_a_lost_login(client: httpx2.AsyncClient) -> None:
    sent = await client.get(f"/payments/return?session_id={SESSION}")
    assert sent.headers["location"] == f"/sign-in?next=%2Fpayments%2Freturn%3Fsession_id%3D{SESSION}"
