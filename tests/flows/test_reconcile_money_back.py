"""Refunds and disputes of which no delivery came: the comparison marks their payments, and the worker does the rest."""

from datetime import timedelta

import pytest

from tests.flows.schools import School, school
from tests.flows.test_checkout import change
from tests.flows.tills import Till, till, whole
from topup.db import payments
from topup.flows import reconcile

__all__ = ["school", "till", "whole"]

LOOK = reconcile.Look("command", timedelta(days=2))
DRY = reconcile.Look("command", timedelta(days=2), is_dry_run=True)


async def marked(till: Till, look: reconcile.Look = LOOK) -> tuple[int, int]:
    report = await reconcile.run(till.pool, till.gateway, look)
    return report.marked, report.unexplained


async def taken_back(till: Till, payment: payments.Payment) -> int:
    async with till.pool.connection() as conn:
        row = await (
            await conn.execute("SELECT credits_taken_back FROM payments WHERE id = %s", [payment.id])
        ).fetchone()
    assert row is not None
    return int(row[0])


async def test_a_refund_nobody_told_of_takes_its_credits(till: Till) -> None:
    """Faults 5 and 6: for money that goes back, as for money that comes in."""
    payment = await till.buy()
    assert await marked(till) == (0, 0)
    till.box.control("refunds", payment_intent=payment.stripe_intent_id, amount=400)
    assert await marked(till, DRY) == (1, 0)
    await till.work()
    assert await taken_back(till, payment) == 0
    assert await marked(till) == (1, 0)
    await till.work()
    assert await taken_back(till, payment) == 40
    assert await marked(till) == (0, 0)


async def test_a_dispute_nobody_told_of_and_its_end_are_followed(till: Till) -> None:
    payment = await till.buy()
    disputed = till.box.control("disputes", payment_intent=payment.stripe_intent_id)
    assert await marked(till) == (1, 0)
    await till.work()
    assert await marked(till) == (0, 0)
    till.box.control(f"disputes/{disputed['id']}", outcome="lost")
    assert await marked(till) == (1, 0)
    await till.work()
    assert await taken_back(till, payment) == 100


async def test_what_cannot_be_booked_for_long_is_unexplained(till: Till) -> None:
    payment = await till.buy()
    till.box.control("refunds", payment_intent=payment.stripe_intent_id, amount=400)
    assert await marked(till) == (1, 0)
    await change(till.pool, "UPDATE money_back_due SET since = since - interval '16 minutes'")
    report = await reconcile.run(till.pool, till.gateway, LOOK)
    assert [one["kind"] for one in report.findings] == ["money_back_not_booked"]


async def test_a_refund_of_what_others_sold_is_none_of_ours(till: Till) -> None:
    others = till.box.client.payment_intents.create(
        params={
            "amount": 1000,
            "currency": "gbp",
            "confirm": True,
            "payment_method": "pm_card_visa",
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        }
    )
    till.box.control("refunds", payment_intent=others.id)
    assert await marked(till) == (0, 0)


@pytest.mark.parametrize("scope", ["recent", "full"])
async def test_refund_of_a_paid_invoice_is_found_by_its_intent_in_the_nightly_look(school: School, scope: str) -> None:
    """An invoice's intent is not known here until somebody looks; every ten minutes would be too many looks."""
    payment = await school.buy(10, pay_by="INVOICE")
    school.box.client.invoices.pay(payment.stripe_invoice_id, params={"payment_method": "pm_card_visa"})
    look = reconcile.Look(scope, timedelta(days=2))
    await reconcile.run(school.pool, school.gateway, look)
    [paid] = [one for one in school.intents() if one.status == "succeeded"]
    school.box.control("refunds", payment_intent=paid.id)
    await reconcile.run(school.pool, school.gateway, look)
    [strays] = await school.rows("SELECT count(*) FROM money_back_strays")
    assert strays == (int(scope == "full"),)
