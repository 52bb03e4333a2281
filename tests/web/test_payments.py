"""Buying credits over JSON, and who may see what of it."""

import asyncio
from typing import Any

import httpx2
import psycopg
import pytest

from tests.stripe_boxes import StripeBox
from tests.web import machines
from tests.web.conftest import Visitor, sign_up
from topup.flows import seed_packages
from topup.runtime import house as houses
from topup.settings import Settings

CHECKOUT = "/api/payments/credit-checkout"


@pytest.fixture
def settings(settings: Settings, stripe_box: StripeBox) -> Settings:
    return settings.model_copy(update={"stripe_api_base": stripe_box.url})


@pytest.fixture
async def package_ids(house: houses.House, client: httpx2.AsyncClient) -> list[str]:
    """The starter, value and premium packages."""
    await seed_packages.seed(house.pool)
    return [package["id"] for package in (await client.get("/api/credit-packages")).json()["data"]]


async def opened(visitor: Visitor, package_id: str) -> dict[str, Any]:
    answer = await visitor.client.post(CHECKOUT, json={"packageId": package_id})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_checkout_answers_all_that_a_shop_needs(
    alice: Visitor, stripe_box: StripeBox, package_ids: list[str]
) -> None:
    answered = await opened(alice, package_ids[1])
    [session] = stripe_box.sessions()
    payment_id = answered["paymentId"]
    assert answered == {
        "sessionUrl": session.url,
        "sessionId": session.id,
        "expiresAt": answered["expiresAt"],
        "amount": 4500,
        "credits": 500,
        "currency": "gbp",
        "paymentId": payment_id,
    }
    status = (await alice.client.get(f"/api/payments/checkout-status/{session.id}")).json()
    assert status == {
        "sessionId": session.id,
        "paymentId": payment_id,
        "status": "PENDING",
        "amount": 4500,
        "currency": "gbp",
        "credits": 500,
        "packageName": "Value Pack",
        "createdAt": status["createdAt"],
        "completedAt": None,
        "expiresAt": answered["expiresAt"],
    }
    assert (await alice.client.get(f"/api/payments/{payment_id}")).json() == {
        **status,
        "channel": "CHECKOUT",
        "amountRefunded": 0,
        "receiptUrl": None,
        "invoiceNumber": None,
    }


async def test_paid_checkout_is_completed_with_its_receipt(
    alice: Visitor, stripe_box: StripeBox, package_ids: list[str]
) -> None:
    answered = await opened(alice, package_ids[0])
    stripe_box.pay(answered["sessionUrl"])
    status = (await alice.client.get(f"/api/payments/checkout-status/{answered['sessionId']}")).json()
    assert status["status"] == "COMPLETED"
    assert status["completedAt"] is not None
    [payment] = (await alice.client.get("/api/payments")).json()["data"]
    assert payment["receiptUrl"].endswith(f"/payments/{answered['paymentId']}/receipt")
    credits_now = (await alice.client.get("/api/credits")).json()
    assert (credits_now["balance"], credits_now["available"]) == (200, 200)


async def test_eight_clicks_at_once_are_one_checkout(
    alice: Visitor, stripe_box: StripeBox, package_ids: list[str]
) -> None:
    """Fault 50, through every layer."""
    answers = await asyncio.gather(*(opened(alice, package_ids[0]) for _ in range(8)))
    assert len({str(answer) for answer in answers}) == 1
    assert (len(stripe_box.customers()), len(stripe_box.sessions())) == (1, 1)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"packageId": None}, 422),
        ({"packageId": 7}, 422),
        ({"packageId": ["x"]}, 422),
        ({"packageId": "x"}, 404),
        ({"packageId": "00000000-0000-0000-0000-000000000000"}, 404),
        ([], 422),
    ],
)
async def test_order_that_names_no_package_is_refused(alice: Visitor, body: object, status: int) -> None:
    """Fault 62."""
    assert (await alice.client.post(CHECKOUT, json=body)).status_code == status


@pytest.mark.parametrize("field", ["amount", "price", "priceInCents", "credits", "currency", "userId", "livemode"])
async def test_client_cannot_say_what_it_costs_or_for_whom(alice: Visitor, package_ids: list[str], field: str) -> None:
    """Faults 62 and 68: refused, not ignored."""
    answer = await alice.client.post(CHECKOUT, json={"packageId": package_ids[0], field: 1})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == f"/{field}"


async def test_nobody_and_instructors_and_applications_do_not_buy(
    client: httpx2.AsyncClient, house: houses.House, database_url: str, package_ids: list[str]
) -> None:
    bearer = {"Authorization": f"Bearer {await machines.key_text(house)}"}
    answer = await client.post(CHECKOUT, json={"packageId": package_ids[0]}, headers=bearer)
    assert (answer.status_code, answer.json()["code"]) == (403, "person_required")
    assert (await client.post(CHECKOUT, json={"packageId": package_ids[0]})).status_code == 401
    assert (await client.get("/api/payments")).status_code == 401
    ines = await sign_up(
        client, database_url, email="ines@example.com", firstName="Ines", lastName="Iyer", role="INSTRUCTOR"
    )
    answer = await ines.client.post(CHECKOUT, json={"packageId": package_ids[0]})
    assert (answer.status_code, answer.json()["code"]) == (403, "students_only")


async def test_package_off_sale_or_too_cheap_is_a_conflict(
    alice: Visitor, package_ids: list[str], database_url: str
) -> None:
    with psycopg.connect(database_url) as conn:
        conn.execute("UPDATE packages SET is_active = false WHERE id = %s", [package_ids[0]])
        conn.execute("UPDATE packages SET price_minor = 29 WHERE id = %s", [package_ids[1]])
    refused = [await alice.client.post(CHECKOUT, json={"packageId": one}) for one in package_ids[:2]]
    assert [(answer.status_code, answer.json()["code"]) for answer in refused] == [
        (409, "package_inactive"),
        (409, "amount_below_minimum"),
    ]


async def test_anothers_payment_looks_like_one_that_is_not_there(
    alice: Visitor, bob: Visitor, package_ids: list[str]
) -> None:
    """Fault 66: the same status and the same body, but for the request's id."""
    answered = await opened(alice, package_ids[0])
    nobodys = "00000000-0000-0000-0000-000000000000"
    for path, theirs, none in (
        ("/api/payments/", answered["paymentId"], nobodys),
        ("/api/payments/checkout-status/", answered["sessionId"], "cs_test_nobodys"),
    ):
        seen, absent = [(await bob.client.get(path + one)) for one in (theirs, none)]
        assert seen.status_code == absent.status_code == 404
        assert {**seen.json(), "requestId": ""} == {**absent.json(), "requestId": ""}
    assert (await bob.client.get("/api/payments")).json() == {"data": [], "nextCursor": None}


@pytest.mark.parametrize("nonsense", ["%00", "%FF", "x" * 3000, "%20", "cs_test_a%0Ab"])
async def test_session_id_that_cannot_be_one_is_not_there(alice: Visitor, nonsense: str) -> None:
    """Faults 66 and 84: neither a fault of ours nor another answer than for anybody else's."""
    answer = await alice.client.get(f"/api/payments/checkout-status/{nonsense}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_stripe_down_is_a_problem_that_says_nobody_was_charged(
    alice: Visitor, stripe_box: StripeBox, package_ids: list[str]
) -> None:
    """Fault 35: and the same click works when Stripe is back; balances are untouched meanwhile."""
    stripe_box.control("outage", manner="502")
    answer = await alice.client.post(CHECKOUT, json={"packageId": package_ids[0]})
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert answer.headers["content-type"] == "application/problem+json"
    assert "You have not been charged." in answer.json()["detail"]
    assert (await alice.client.get("/api/credits")).status_code == 200
    stripe_box.end_outage()
    assert (await opened(alice, package_ids[0]))["amount"] == 1000


async def test_key_repeats_the_first_answer_and_refuses_another_order(
    alice: Visitor, bob: Visitor, stripe_box: StripeBox, package_ids: list[str]
) -> None:
    """Faults 51, 52 and 53."""
    key = {"Idempotency-Key": "order-1"}
    first = await alice.client.post(CHECKOUT, json={"packageId": package_ids[0]}, headers=key)
    stripe_box.pay(first.json()["sessionUrl"])
    again = await alice.client.post(CHECKOUT, json={"packageId": package_ids[0]}, headers=key)
    assert (again.status_code, again.json()) == (200, first.json())
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert len(stripe_box.sessions()) == 1
    other = await alice.client.post(CHECKOUT, json={"packageId": package_ids[1]}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    bobs = await bob.client.post(CHECKOUT, json={"packageId": package_ids[0]}, headers=key)
    assert bobs.json()["paymentId"] != first.json()["paymentId"]


async def test_twins_under_one_key_get_one_answer(alice: Visitor, package_ids: list[str]) -> None:
    """Fault 51."""
    key = {"Idempotency-Key": "order-1"}
    twins = await asyncio.gather(
        *(alice.client.post(CHECKOUT, json={"packageId": package_ids[0]}, headers=key) for _ in range(6))
    )
    assert {answer.status_code for answer in twins} == {200}
    assert len({answer.text for answer in twins}) == 1


async def test_failure_is_not_remembered_under_a_key_but_a_conflict_is(
    alice: Visitor, stripe_box: StripeBox, package_ids: list[str], database_url: str
) -> None:
    """Fault 54 and rule 10: what may turn out well later is tried again."""
    key = {"Idempotency-Key": "order-1"}
    stripe_box.control("outage", manner="502")
    down = await alice.client.post(CHECKOUT, json={"packageId": package_ids[0]}, headers=key)
    stripe_box.end_outage()
    back = await alice.client.post(CHECKOUT, json={"packageId": package_ids[0]}, headers=key)
    assert (down.status_code, back.status_code) == (503, 200)

    key = {"Idempotency-Key": "order-2"}
    with psycopg.connect(database_url) as conn:
        conn.execute("UPDATE packages SET is_active = false")
    refused = await alice.client.post(CHECKOUT, json={"packageId": package_ids[0]}, headers=key)
    with psycopg.connect(database_url) as conn:
        conn.execute("UPDATE packages SET is_active = true")
    repeated = await alice.client.post(CHECKOUT, json={"packageId": package_ids[0]}, headers=key)
    assert (refused.status_code, repeated.status_code) == (409, 409)
    assert repeated.headers["idempotent-replayed"] == "true"


async def test_payments_are_paged_newest_first(alice: Visitor, package_ids: list[str]) -> None:
    made = [(await opened(alice, package_id))["paymentId"] for package_id in package_ids]
    first = (await alice.client.get("/api/payments?limit=2")).json()
    rest = (await alice.client.get("/api/payments", params={"limit": 2, "cursor": first["nextCursor"]})).json()
    assert [payment["paymentId"] for payment in first["data"] + rest["data"]] == made[::-1]
    assert rest["nextCursor"] is None


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "cursor=x", "cursor=e30"])
async def test_page_that_makes_no_sense_is_refused(alice: Visitor, query: str) -> None:
    assert (await alice.client.get(f"/api/payments?{query}")).status_code == 422
    assert (await alice.client.get(f"/api/credits/transactions?{query}")).status_code == 422


async def test_welcome_and_purchase_stand_on_the_statement(
    alice: Visitor, stripe_box: StripeBox, package_ids: list[str]
) -> None:
    answered = await opened(alice, package_ids[0])
    stripe_box.pay(answered["sessionUrl"])
    await alice.client.get(f"/api/payments/{answered['paymentId']}")
    page = (await alice.client.get("/api/credits/transactions?limit=1")).json()
    [purchase] = page["data"]
    assert purchase == {
        "id": purchase["id"],
        "transactionType": "CREDIT",
        "amount": 100,
        "balanceAfter": 200,
        "sourceType": "PURCHASE",
        "sourceId": answered["paymentId"],
        "description": "Starter Pack",
        "metadata": None,
        "createdAt": purchase["createdAt"],
    }
    older = (await alice.client.get("/api/credits/transactions", params={"cursor": page["nextCursor"]})).json()
    [welcome] = older["data"]
    assert (welcome["sourceType"], welcome["amount"], welcome["balanceAfter"]) == ("WELCOME_BONUS", 100, 100)
    assert older["nextCursor"] is None


async def test_credits_that_end_soon_are_told_with_their_day(
    admin: Visitor, alice: Visitor, stripe_box: StripeBox, package_ids: list[str]
) -> None:
    for package_id, days in zip(package_ids, (7, 31, None), strict=True):
        changed = await admin.client.patch(f"/api/credit-packages/{package_id}", json={"validDays": days})
        assert changed.status_code == 200
        answered = await opened(alice, package_id)
        stripe_box.pay(answered["sessionUrl"])
        await alice.client.get(f"/api/payments/{answered['paymentId']}")
    told = (await alice.client.get("/api/credits")).json()
    assert told == {
        "accountId": alice.user["accountId"],
        "unit": "credit",
        "balance": 1700,
        "held": 0,
        "available": 1700,
        "debt": 0,
        "expiringSoon": [{"amount": 100, "expiresAt": told["expiringSoon"][0]["expiresAt"]}],
    }


async def test_nothing_is_bought_after_signing_out(alice: Visitor, package_ids: list[str]) -> None:
    """Fault 70: the token ends with the login."""
    await alice.client.post("/api/auth/logout", json={"refreshToken": alice.login["refreshToken"]})
    assert (await alice.client.post(CHECKOUT, json={"packageId": package_ids[0]})).status_code == 401
