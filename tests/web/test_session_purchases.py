"""Buying sessions over JSON: what is answered, what is refused, and what the same key does."""

import asyncio
from typing import Any

import httpx2
import psycopg
import pytest

from tests import pages_at_stripe
from tests.stripe_boxes import StripeBox
from tests.web import billing
from tests.web.billing import PURCHASES, World
from topup.settings import Settings

world = billing.world


@pytest.fixture
def settings(settings: Settings, stripe_box: StripeBox) -> Settings:
    return settings.model_copy(
        update={"stripe_api_base": stripe_box.url, "stripe_publishable_key": billing.PUBLISHABLE_KEY}
    )


async def test_purchase_by_card_answers_all_that_a_page_needs(world: World) -> None:
    bought = await world.buy(50)
    assert bought == {
        "purchaseId": bought["purchaseId"],
        "clientSecret": bought["clientSecret"],
        "publishableKey": "pk_test_shops",
        "amount": 27_000,
        "currency": "gbp",
        "quantity": 50,
        "status": "PENDING",
        "invoiceId": None,
        "hostedInvoiceUrl": None,
    }
    pages_at_stripe.pays(world.box, bought["clientSecret"])
    seen = await world.purchase(bought["purchaseId"])
    assert (seen["status"], seen["clientSecret"], seen["unitPriceInCents"], seen["payBy"]) == (
        "COMPLETED",
        None,
        540,
        "CARD",
    )
    assert seen["completedAt"] is not None
    assert (await world.school.pool())["available"] == 50


async def test_purchase_left_half_way_is_gone_on_with(world: World) -> None:
    bought = await world.buy()
    seen = await world.purchase(bought["purchaseId"])
    assert (seen["status"], seen["clientSecret"]) == ("PENDING", bought["clientSecret"])
    [listed] = (await world.bill.get(PURCHASES)).json()["data"]
    assert listed == {**seen, "clientSecret": None}


async def test_purchase_by_invoice_has_an_address_to_pay_at_and_no_secret(world: World) -> None:
    bought = await world.buy(200, payBy="INVOICE")
    assert (bought["clientSecret"], bought["amount"], bought["status"]) == (None, 96_000, "PENDING")
    assert world.box.web.post(bought["hostedInvoiceUrl"], data={"transfer": "1"}).status_code == 303
    seen = await world.purchase(bought["purchaseId"])
    assert (seen["status"], seen["invoiceId"], seen["payBy"]) == ("COMPLETED", bought["invoiceId"], "INVOICE")
    assert seen["dueAt"] is not None
    assert (await world.school.pool())["available"] == 200


BODIES: list[tuple[object, int, str]] = [
    ({}, 422, "/quantity"),
    ({"quantity": 0}, 422, "/quantity"),
    ({"quantity": -1}, 422, "/quantity"),
    ({"quantity": 1.5}, 422, "/quantity"),
    ({"quantity": 1e30}, 422, "/quantity"),
    ({"quantity": 100_001}, 422, "/quantity"),
    ({"quantity": 10**9}, 422, "/quantity"),
    ({"quantity": "10"}, 422, "/quantity"),
    ({"quantity": True}, 422, "/quantity"),
    ({"quantity": None}, 422, "/quantity"),
    ({"quantity": 10, "payBy": "CASH"}, 422, "/payBy"),
    ({"quantity": 10, "paymentMethodId": ""}, 422, "/paymentMethodId"),
    ({"quantity": 10, "paymentMethodId": 7}, 422, "/paymentMethodId"),
    ({"quantity": 10, "paymentMethodId": "x" * 256}, 422, "/paymentMethodId"),
    ({"quantity": 10, "saveCard": "yes"}, 422, "/saveCard"),
    ({"quantity": 10, "payBy": "INVOICE", "saveCard": True}, 422, "/saveCard"),
    ({"quantity": 10, "payBy": "INVOICE", "paymentMethodId": "pm_1"}, 422, "/paymentMethodId"),
    ({"quantity": 10, "amount": 1}, 422, "/amount"),
    ({"quantity": 10, "unitPriceInCents": 1}, 422, "/unitPriceInCents"),
    ({"quantity": 10, "currency": "jpy"}, 422, "/currency"),
    ({"quantity": 10, "userId": "me"}, 422, "/userId"),
]


@pytest.mark.parametrize(("body", "status", "pointer"), BODIES, ids=lambda value: str(value)[:50])
async def test_order_that_makes_no_sense_is_refused_and_writes_nothing(
    world: World, body: dict[str, Any], status: int, pointer: str, database_url: str
) -> None:
    """Faults 62, 65 and 68."""
    answer = await world.bill.post(PURCHASES, body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (status, pointer)
    with psycopg.connect(database_url) as conn:
        assert conn.execute("SELECT count(*) FROM payments").fetchone() == (0,)


@pytest.mark.parametrize("method_id", ["pm_nothing", "pm_card_visa"])
async def test_card_that_is_not_the_institutions_is_not_there(world: World, method_id: str) -> None:
    """Fault 66: another's card and no card at all are answered alike."""
    await world.buy()
    stranger = world.box.client.customers.create(params={"email": "s@example.com"})
    theirs = world.box.client.payment_methods.attach("pm_card_visa", params={"customer": stranger.id})
    answers = [
        await world.bill.post(PURCHASES, {"quantity": 10, "paymentMethodId": one}) for one in (theirs.id, method_id)
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(404, "card_not_found")] * 2
    assert {**answers[0].json(), "requestId": ""} == {**answers[1].json(), "requestId": ""}


async def test_saved_card_pays_the_second_purchase(world: World) -> None:
    first = await world.buy(10, saveCard=True)
    pages_at_stripe.pays(world.box, first["clientSecret"])
    [card] = await world.cards()
    second = await world.buy(10, paymentMethodId=card["id"])
    pages_at_stripe.pays(world.box, second["clientSecret"], card=None)
    assert (await world.purchase(second["purchaseId"]))["paymentMethodId"] == card["id"]
    assert (await world.school.pool())["available"] == 10
    await world.purchase(first["purchaseId"])
    assert (await world.school.pool())["available"] == 20


async def test_key_repeats_the_first_answer_with_its_secret_which_is_kept_nowhere(
    world: World, database_url: str
) -> None:
    """Faults 51 and 52."""
    twins = await asyncio.gather(
        *(world.bill.post(PURCHASES, {"quantity": 10}, Idempotency_Key="one") for _ in range(5))
    )
    assert {answer.status_code for answer in twins} == {201}
    assert len({answer.text for answer in twins}) == 1
    again = await world.bill.post(PURCHASES, {"quantity": 10}, Idempotency_Key="one")
    assert (again.headers["idempotent-replayed"], again.text) == ("true", twins[0].text)
    assert again.json()["clientSecret"].startswith("pi_")
    other = await world.bill.post(PURCHASES, {"quantity": 11}, Idempotency_Key="one")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    fresh = await world.bill.post(PURCHASES, {"quantity": 10}, Idempotency_Key="two")
    assert fresh.json()["purchaseId"] != again.json()["purchaseId"]
    with psycopg.connect(database_url) as conn:
        rows = conn.execute("SELECT answer::text FROM idempotency").fetchall()
        rows += conn.execute("SELECT payments::text FROM payments").fetchall()
    assert len(rows) == 4
    assert not any("_secret_" in row for (row,) in rows)


async def test_stripe_down_is_a_problem_that_says_nobody_was_charged(world: World) -> None:
    """Fault 35: and the same key finishes the purchase when Stripe is back."""
    world.box.control("outage", manner="502")
    down = await world.bill.post(PURCHASES, {"quantity": 10}, Idempotency_Key="one")
    assert (down.status_code, "You have not been charged." in down.json()["detail"]) == (503, True)
    world.box.end_outage()
    back = await world.bill.post(PURCHASES, {"quantity": 10}, Idempotency_Key="one")
    assert back.status_code == 201
    assert len((await world.bill.get(PURCHASES)).json()["data"]) == 1


async def test_stripe_down_still_shows_a_purchase_as_it_is_known(world: World) -> None:
    """Fault 35."""
    bought = await world.buy()
    world.box.control("outage", manner="502")
    seen = await world.purchase(bought["purchaseId"])
    world.box.end_outage()
    assert (seen["status"], seen["clientSecret"]) == ("PENDING", None)


async def test_purchases_are_paged_newest_first(world: World) -> None:
    made = [(await world.buy(quantity))["purchaseId"] for quantity in (1, 2, 3)]
    first = (await world.bill.get(PURCHASES, limit=2)).json()
    rest = (await world.bill.get(PURCHASES, limit=2, cursor=first["nextCursor"])).json()
    assert [one["purchaseId"] for one in first["data"] + rest["data"]] == made[::-1]
    assert rest["nextCursor"] is None


async def test_who_pays_for_two_institutions_says_for_which(world: World) -> None:
    await world.other.member(world.bill, "BILLING")
    refused = await world.bill.post(PURCHASES, {"quantity": 10})
    assert (refused.status_code, refused.json()["code"]) == (422, "institution_id_required")
    answer = await world.bill.post(PURCHASES, {"quantity": 10, "institutionId": world.other.id})
    assert answer.status_code == 201
    assert (await world.bill.get(PURCHASES)).status_code == 422
    [listed] = (await world.bill.get(PURCHASES, institutionId=world.other.id)).json()["data"]
    assert listed["institutionId"] == world.other.id


async def test_another_institutions_purchase_looks_like_one_that_is_not_there(world: World) -> None:
    """Fault 66."""
    bought = await world.buy()
    theirs, none = [
        await world.people["other"].get(f"{PURCHASES}/{one}") for one in (bought["purchaseId"], billing.NOBODYS)
    ]
    assert (theirs.status_code, none.status_code) == (404, 404)
    assert {**theirs.json(), "requestId": ""} == {**none.json(), "requestId": ""}


async def test_what_was_bought_for_an_institution_is_not_among_ones_own_payments(world: World) -> None:
    """Fault 66: it stays the institution's when its buyer leaves."""
    bought = await world.buy()
    assert (await world.bill.get("/api/payments")).json()["data"] == []
    assert (await world.bill.get(f"/api/payments/{bought['purchaseId']}")).status_code == 404


async def test_removed_member_pays_for_nothing_any_more(world: World, client: httpx2.AsyncClient) -> None:
    """Fault 70."""
    bought = await world.buy()
    await billing.institutions.run(
        world.house,
        "UPDATE memberships SET status = 'LEFT', left_at = topup_now() WHERE user_id = %s",
        [world.bill.user_id],
    )
    assert (await world.bill.get(f"{PURCHASES}/{bought['purchaseId']}")).status_code == 404
    assert (await world.bill.post(PURCHASES, {"quantity": 10})).status_code == 404
    assert (await client.post(PURCHASES, json={"quantity": 10})).status_code == 401
