"""Payments at the desk: everybody's, one of them whole, the decision about it, and the money back."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

import httpx2
import psycopg
import pytest

from tests.stripe_boxes import StripeBox
from tests.web import visits
from tests.web.conftest import ORIGIN, PASSWORD, Visitor
from topup.core import ids
from topup.db import money_back, payments
from topup.flows import take_money_back
from topup.runtime import house as houses
from topup.settings import Settings


@pytest.fixture
def settings(settings: Settings, stripe_box: StripeBox) -> Settings:
    return settings.model_copy(update={"stripe_api_base": stripe_box.url})


@dataclass(frozen=True)
class Bought:
    """Alice's payment, and her balance as she sees it."""

    payment_id: str
    alice: Visitor

    @property
    def path(self) -> str:
        return f"/admin/payments/{self.payment_id}"

    async def balance(self) -> int:
        return (await self.alice.client.get("/api/credits")).json()["balance"]

    async def refunded(self) -> int:
        return (await self.alice.client.get(f"/api/payments/{self.payment_id}")).json()["amountRefunded"]


@pytest.fixture
async def bought(house: houses.House, admin: Visitor, alice: Visitor, stripe_box: StripeBox) -> Bought:
    package = {"name": "Hundred", "credits": 100, "priceInCents": 1000}
    package_id = (await admin.client.post("/api/credit-packages", json=package)).json()["id"]
    opened = (await alice.client.post("/api/payments/credit-checkout", json={"packageId": package_id})).json()
    stripe_box.pay(opened["sessionUrl"])
    await alice.client.get(f"/api/payments/checkout-status/{opened['sessionId']}")
    found = Bought(opened["paymentId"], alice)
    assert await found.balance() == 200, "100 were a welcome"
    return found


@pytest.fixture
async def desk(transport: httpx2.ASGITransport, admin: Visitor) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(transport=transport, base_url=ORIGIN) as browser:
        typed = {"email": admin.user["email"], "password": PASSWORD, "next": "/admin"}
        await visits.post(browser, "/sign-in", page="/sign-in", **typed)
        yield browser


async def send(desk: httpx2.AsyncClient, bought: Bought, act: str, **typed: str) -> httpx2.Response:
    return await visits.post(desk, f"{bought.path}/{act}", page=bought.path, **typed)


async def test_every_payment_stands_in_the_list_and_a_filter_leaves_some_out(
    desk: httpx2.AsyncClient, bought: Bought
) -> None:
    everybody = await desk.get("/admin/payments")
    assert f'href="{bought.path}"' in everybody.text
    assert "Hundred Paid Alice" in visits.text(everybody), "what, how it stands, and whose it is"
    assert f'href="{bought.path}"' in (await desk.get("/admin/payments?status=COMPLETED")).text
    assert "No such payment" in visits.text(await desk.get("/admin/payments?status=REVIEW"))
    assert (await desk.get("/admin/payments?status=SOLD", headers=visits.HTML)).status_code == 422
    assert (await desk.get("/admin/payments?before=zzz", headers=visits.HTML)).status_code == 404
    assert (await desk.get(f"/admin/payments/{ids.new()}", headers=visits.HTML)).status_code == 404


async def test_payments_of_which_money_went_back_are_found_by_that(desk: httpx2.AsyncClient, bought: Bought) -> None:
    for what in ("REFUNDED", "DISPUTED"):
        assert "No such payment" in visits.text(await desk.get(f"/admin/payments?status={what}"))
    await send(desk, bought, "refunds", amount="3.00", reason="A lesson failed", key=str(ids.new()))
    assert f'href="{bought.path}"' in (await desk.get("/admin/payments?status=REFUNDED")).text
    assert "No such payment" in visits.text(await desk.get("/admin/payments?status=DISPUTED"))


async def test_money_goes_back_once_however_often_the_form_is_sent(desk: httpx2.AsyncClient, bought: Bought) -> None:
    """Fault 49."""
    form = {"amount": "3.00", "reason": "A lesson failed", "key": str(ids.new())}
    for _ in range(3):
        sent = await send(desk, bought, "refunds", **form)
        assert (sent.status_code, sent.headers["location"]) == (303, f"{bought.path}?done=refunded")
    assert (await bought.refunded(), await bought.balance()) == (300, 170)
    seen = visits.text(await desk.get(f"{bought.path}?done=refunded"))
    assert "The money is on its way back" in seen
    assert "Refund succeeded £3.00 GBP A lesson failed" in seen
    assert "Up to £7.00 can go back" in seen


@pytest.mark.parametrize("amount", ["", "0", "-3", "ten", "3.001", "1e9", "NaN"])
async def test_what_is_no_amount_is_said_so_and_nothing_goes_back(
    desk: httpx2.AsyncClient, bought: Bought, amount: str
) -> None:
    sent = await send(desk, bought, "refunds", amount=amount, reason="Why not", key=str(ids.new()))
    assert sent.status_code == 422
    assert "Enter an amount such as 10.00." in visits.text(sent)
    assert (await bought.refunded(), await bought.balance()) == (0, 200)


async def test_more_than_was_paid_is_refused_and_nothing_goes_back(desk: httpx2.AsyncClient, bought: Bought) -> None:
    sent = await send(desk, bought, "refunds", amount="10.01", reason="Too much", key=str(ids.new()))
    assert sent.status_code == 409
    assert 'value="10.01"' in sent.text
    assert "At most £10.00 GBP can go back now." in visits.text(sent)
    assert "minor units" not in sent.text
    assert (await bought.refunded(), await bought.balance()) == (0, 200)


async def test_without_a_reason_nothing_goes_back_and_nothing_is_decided(
    desk: httpx2.AsyncClient, bought: Bought
) -> None:
    assert (await send(desk, bought, "refunds", amount="1", reason=" ", key=str(ids.new()))).status_code == 422
    assert (await send(desk, bought, "decision", decision="credit", why="")).status_code == 422
    assert (await send(desk, bought, "decision", decision="burn", why="No")).status_code == 422
    assert (await bought.refunded(), await bought.balance()) == (0, 200)


async def test_a_dispute_waits_on_the_desk_until_it_is_answered(
    desk: httpx2.AsyncClient, house: houses.House, bought: Bought, stripe_box: StripeBox
) -> None:
    found = stripe_box.control("disputes", payment_intent=await _intent(bought, house))
    async with house.pool.connection() as conn:
        await money_back.mark(conn, [UUID(bought.payment_id)])
    await take_money_back.take(house.pool, house.stripe)
    seen = visits.text(await desk.get("/admin"))
    assert "Disputes to answer" in seen
    assert "Hundred , £10.00 alice@example.com" in seen
    assert "so the bank decides about the money" in visits.text(await desk.get(bought.path))
    stripe_box.control(f"disputes/{found['id']}", outcome="won")
    async with house.pool.connection() as conn:
        await money_back.mark(conn, [UUID(bought.payment_id)])
    await take_money_back.take(house.pool, house.stripe)
    assert "Disputes to answer" not in visits.text(await desk.get("/admin"))


async def _intent(bought: Bought, house: houses.House) -> str:
    async with house.pool.connection() as conn:
        found = await payments.find(conn, UUID(bought.payment_id))
    assert found is not None
    return found.stripe_intent_id or ""


async def test_what_is_not_in_review_cannot_be_decided(desk: httpx2.AsyncClient, bought: Bought) -> None:
    assert (await send(desk, bought, "decision", decision="close", why="Wrong one")).status_code == 409
    assert await bought.balance() == 200


@pytest.mark.parametrize(("decision", "balance", "told"), [("credit", 200, "is credited"), ("close", 100, "is closed")])
async def test_a_payment_in_review_is_decided_by_name_and_once(
    desk: httpx2.AsyncClient, bought: Bought, database_url: str, decision: str, balance: int, told: str
) -> None:
    in_review = await _in_review(bought, database_url)
    page = visits.text(await desk.get(in_review.path))
    assert "This payment waits for you Paid in eur" in page
    sent = await send(desk, in_review, "decision", decision=decision, why="As the bank says")
    assert sent.status_code == 303
    assert told in visits.text(await desk.get(sent.headers["location"]))
    assert "As the bank says" in visits.text(await desk.get(in_review.path))
    assert await bought.balance() == balance + 100, "the first purchase stays as it is"
    assert (await send(desk, in_review, "decision", decision=decision, why="Again")).status_code == 409


async def _in_review(bought: Bought, database_url: str) -> Bought:
    """A second payment, like the first, that somebody has to decide."""
    with psycopg.connect(database_url) as connection:
        row = connection.execute(
            """INSERT INTO payments (id, user_id, account_id, channel, status, review_reason, package_name, unit,
                credits, price_minor, currency, is_live, paid_minor)
            SELECT gen_random_uuid(), user_id, account_id, channel, 'REVIEW', 'Paid in eur', package_name, unit,
                credits, price_minor, currency, is_live, paid_minor FROM payments WHERE id = %s RETURNING id""",
            [bought.payment_id],
        ).fetchone()
    assert row is not None
    return Bought(str(row[0]), bought.alice)
