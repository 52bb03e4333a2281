"""A payment in review is decided once, by name and with a reason, and nothing that is told again undoes it."""

import asyncio

import pytest

from tests.flows import tills
from tests.flows.tills import Till
from topup import errors
from topup.core import ids
from topup.db import payments
from topup.flows import refund, resolve_review, show_payment

till, whole = tills.till, tills.whole


async def in_review(till: Till) -> payments.Payment:
    """Paid, but in our books at another price."""
    payment = await till.buy(is_told=False)
    await till.run("ALTER TABLE payments DISABLE TRIGGER guard")
    await till.run("UPDATE payments SET price_minor = 999 WHERE id = %s", payment.id)
    await till.run("ALTER TABLE payments ENABLE TRIGGER guard")
    await till.deliver()
    found = await till.look(payment)
    assert (found.status, await till.figures()) == ("REVIEW", (0, 0, 0))
    return found


async def resolve(till: Till, payment: payments.Payment, outcome: resolve_review.Outcome) -> payments.Payment:
    return await resolve_review.resolve(till.pool, payment.id, outcome, reason="Looked right", actor="user:admin")


async def test_completed_credits_it_and_says_who_decided(till: Till) -> None:
    payment = await in_review(till)
    assert (await resolve(till, payment, "COMPLETED")).status == "COMPLETED"
    assert await till.figures() == (100, 0, 0)
    assert await till.rows("SELECT actor FROM transfers") == [("user:admin",)]
    assert await till.rows("SELECT outcome, reason, actor FROM payment_resolutions") == [
        ("COMPLETED", "Looked right", "user:admin")
    ]
    assert len(await till.rows("SELECT 1 FROM outbox WHERE kind = 'receipt'")) == 1
    told = await show_payment.show(till.pool, payment.id)
    assert [step.what for step in told.timeline()] == ["started", "credited", "decided COMPLETED"] or [
        step.what for step in told.timeline()
    ] == ["started", "decided COMPLETED", "credited"]


async def test_the_receipt_of_one_that_was_paid_otherwise_tells_what_was_paid(till: Till) -> None:
    payment = await in_review(till)
    await resolve(till, payment, "COMPLETED")
    [(sum_minor,)] = await till.rows("SELECT details->'priceMinor' FROM outbox WHERE kind = 'receipt'")
    assert sum_minor == 1000


async def test_failed_credits_nothing_whatever_is_told_again_and_the_money_can_go_back(till: Till) -> None:
    """Fault 60: never silent, and never credited after all."""
    payment = await in_review(till)
    assert (await resolve(till, payment, "FAILED")).status == "FAILED"
    await till.run("UPDATE stripe_events SET processed_at = NULL, outcome = NULL")
    await till.deliver()
    assert ((await till.look(payment)).status, await till.figures()) == ("FAILED", (0, 0, 0))
    made = await till.give(till.order(payment, is_admin=True))
    assert (made.status, made.amount_minor) == ("succeeded", 1000)
    assert await till.figures() == (0, 0, 0)
    with pytest.raises(errors.Conflict):
        await till.give(till.order(payment, is_admin=True))


async def test_money_that_went_back_in_review_is_taken_when_it_is_credited(till: Till) -> None:
    payment = await in_review(till)
    till.refund_at_stripe(payment, 400)
    await till.hear()
    assert await till.figures() == (0, 0, 0)
    await resolve(till, payment, "COMPLETED")
    await till.work()
    assert await till.figures() == (60, 0, 0)


async def test_it_is_decided_once(till: Till) -> None:
    payment = await in_review(till)
    racers = [resolve(till, payment, "COMPLETED" if number % 2 else "FAILED") for number in range(8)]
    results = await asyncio.gather(*racers, return_exceptions=True)
    assert sum(isinstance(one, payments.Payment) for one in results) == 1
    assert all(isinstance(one, payments.Payment) or one.code == "not_in_review" for one in results)  # type: ignore[union-attr]


async def test_only_a_payment_in_review_can_be_decided(till: Till) -> None:
    payment = await till.buy()
    with pytest.raises(errors.Conflict, match="COMPLETED, not in review"):
        await resolve(till, payment, "FAILED")
    with pytest.raises(errors.NotFound):
        await resolve_review.resolve(till.pool, ids.new(), "FAILED", reason="x", actor="user:admin")


async def test_admin_sees_everybodys_payments_and_those_in_review(till: Till) -> None:
    waiting = await in_review(till)
    other = await till.buy()
    everything = await show_payment.page(till.pool, status=None, before=None, limit=10)
    assert [one.id for one in everything] == [other.id, waiting.id]
    assert [one.id for one in await show_payment.page(till.pool, status="REVIEW", before=None, limit=10)] == [
        waiting.id
    ]
    assert not (await refund.quote(till.pool, till.asker(), waiting.id)).is_refundable
