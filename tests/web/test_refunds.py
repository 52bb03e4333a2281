"""Money back over JSON: quotes and refunds for buyers and admins, and what is decided about payments in review."""

from typing import Any

import httpx2
import psycopg
import pytest

from tests.stripe_boxes import StripeBox
from tests.web import machines
from tests.web.conftest import ORIGIN, Visitor
from topup.flows import take_money_back
from topup.runtime import house as houses
from topup.settings import Settings


@pytest.fixture
def settings(settings: Settings, stripe_box: StripeBox) -> Settings:
    return settings.model_copy(update={"stripe_api_base": stripe_box.url})


@pytest.fixture
async def bought(house: houses.House, admin: Visitor, alice: Visitor, stripe_box: StripeBox) -> str:
    """Alice bought a hundred credits with fourteen days to think."""
    package = {"name": "With refunds", "credits": 100, "priceInCents": 1000, "refundDays": 14}
    package_id = (await admin.client.post("/api/credit-packages", json=package)).json()["id"]
    opened = (await alice.client.post("/api/payments/credit-checkout", json={"packageId": package_id})).json()
    stripe_box.pay(opened["sessionUrl"])
    seen = await alice.client.get(f"/api/payments/checkout-status/{opened['sessionId']}")
    assert seen.json()["status"] == "COMPLETED"
    return opened["paymentId"]


async def refund(visitor: Visitor, payment_id: str, key: str = "k", **body: Any) -> httpx2.Response:
    body = {"reason": "Not needed", **body}
    return await visitor.client.post(f"/api/payments/{payment_id}/refunds", json=body, headers={"Idempotency-Key": key})


async def test_buyer_sees_the_quote_and_gets_the_money_back(alice: Visitor, bought: str) -> None:
    quote = (await alice.client.get(f"/api/payments/{bought}/refund-quote")).json()
    assert quote == {"refundable": True, "amount": 1000, "credits": 100, "reason": None}
    made = await refund(alice, bought, amount=300)
    assert made.status_code == 201
    assert made.json() == {
        "id": made.json()["id"],
        "paymentId": bought,
        "amount": 300,
        "currency": "gbp",
        "status": "SUCCEEDED",
        "reason": "Not needed",
        "failure": None,
        "createdAt": made.json()["createdAt"],
    }
    credits = (await alice.client.get("/api/credits")).json()
    assert credits["balance"] == 170, "100 were a welcome"
    assert (await alice.client.get(f"/api/payments/{bought}")).json()["amountRefunded"] == 300
    [line] = (await alice.client.get("/api/credits/transactions?limit=1")).json()["data"]
    assert (line["transactionType"], line["amount"], line["sourceType"], line["sourceId"]) == (
        "DEBIT",
        30,
        "REFUND",
        bought,
    )


async def test_repeat_under_the_same_key_is_replayed_and_another_body_refused(alice: Visitor, bought: str) -> None:
    """Faults 49, 51 and 52."""
    first, again = await refund(alice, bought, amount=300), await refund(alice, bought, amount=300)
    assert (again.status_code, again.text, again.headers["Idempotent-Replayed"]) == (201, first.text, "true")
    other = await refund(alice, bought, amount=400)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    missing = await alice.client.post(f"/api/payments/{bought}/refunds", json={"reason": "x"})
    assert (missing.status_code, missing.json()["code"]) == (400, "idempotency_key_required")


@pytest.mark.parametrize(
    "body",
    [{"amount": 0}, {"amount": -1}, {"amount": 1.5}, {"amount": "5"}, {"amount": 2**60}, {"reason": ""}, {"more": 1}],
)
async def test_bad_bodies_are_refused(alice: Visitor, bought: str, body: dict[str, Any]) -> None:
    """Faults 62 and 68."""
    assert (await refund(alice, bought, **body)).status_code == 422


async def test_more_than_can_go_back_is_a_conflict_that_says_why(alice: Visitor, bought: str) -> None:
    answer = await refund(alice, bought, amount=1001)
    assert (answer.status_code, answer.json()["code"]) == (409, "amount_not_refundable")
    assert "At most 1000" in answer.json()["detail"]


async def test_anothers_payment_is_not_there_and_nobody_must_sign_in(
    bob: Visitor, client: httpx2.AsyncClient, bought: str
) -> None:
    """Fault 66."""
    for address in (f"/api/payments/{bought}/refund-quote", "/api/payments/nonsense/refund-quote"):
        assert (await bob.client.get(address)).status_code == 404
        assert (await client.get(address)).status_code == 401
    assert (await refund(bob, bought)).status_code == 404


async def test_admin_and_a_key_with_admin_scope_may_refund_anybodys(
    house: houses.House, transport: httpx2.ASGITransport, admin: Visitor, bought: str
) -> None:
    assert (await refund(admin, bought, amount=105)).status_code == 201
    for scope, status in (("admin", 201), ("spend", 403)):
        key = await machines.key_text(house, [scope])
        machine = machines.with_key(transport, ORIGIN, key)
        answer = await machine.client.post(
            f"/api/payments/{bought}/refunds",
            json={"amount": 5, "reason": "Goodwill"},
            headers={"Idempotency-Key": "machine"},
        )
        assert answer.status_code == status
        await machine.client.aclose()


async def test_admin_sees_a_payment_whole(house: houses.House, admin: Visitor, alice: Visitor, bought: str) -> None:
    await refund(alice, bought, amount=300)
    whole = (await admin.client.get(f"/api/admin/payments/{bought}")).json()
    assert (whole["amountRefunded"], whole["creditsTakenBack"], whole["refunds"][0]["amount"]) == (300, 30, 300)
    assert [step["what"] for step in whole["timeline"]] == ["started", "credited", "refund succeeded"]
    listed = (await admin.client.get("/api/admin/payments?status=COMPLETED")).json()["data"]
    assert [one["paymentId"] for one in listed] == [bought]
    assert (await admin.client.get("/api/admin/payments?status=REVIEW")).json() == {"data": [], "nextCursor": None}


async def test_admin_decides_a_payment_in_review(
    house: houses.House, admin: Visitor, alice: Visitor, bought: str, database_url: str
) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("UPDATE payments SET status = 'REVIEW', review_reason = 'odd', completed_at = NULL")
        connection.execute("DELETE FROM entry_lots; DELETE FROM entries; DELETE FROM transfer_texts; DELETE FROM lots")
        connection.execute("DELETE FROM transfers")
        connection.execute("UPDATE accounts SET balance = 0, seq = 0, head_hash = decode(repeat('00', 32), 'hex')")
    address, body = f"/api/admin/payments/{bought}/resolution", {"outcome": "COMPLETED", "reason": "It was right"}
    assert (await alice.client.post(address, json=body)).status_code == 403
    decided = await admin.client.post(address, json=body)
    assert (decided.status_code, decided.json()["status"]) == (200, "COMPLETED")
    again = await admin.client.post(address, json=body)
    assert (again.status_code, again.json()["code"]) == (409, "not_in_review")
    assert (await alice.client.get("/api/credits")).json()["balance"] == 100
    assert (await admin.client.post(address, json={"outcome": "EXPIRED", "reason": "x"})).status_code == 422


async def test_dispute_is_seen_in_what_can_be_spent_and_is_no_hold_of_a_host(
    house: houses.House, alice: Visitor, admin: Visitor, bought: str, stripe_box: StripeBox
) -> None:
    [intent] = stripe_box.client.payment_intents.list(params={"limit": 1}).data
    stripe_box.control("disputes", payment_intent=intent.id)
    async with house.pool.connection() as conn:
        await take_money_back.mark(conn, [intent.id])
    await take_money_back.take(house.pool, house.stripe)
    credits = (await alice.client.get("/api/credits")).json()
    assert (credits["balance"], credits["held"], credits["available"]) == (200, 100, 100)
    quote = (await alice.client.get(f"/api/payments/{bought}/refund-quote")).json()
    assert (quote["refundable"], "disputed" in quote["reason"]) == (False, True)
