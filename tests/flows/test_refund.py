"""Refunds asked for here: once, never more than was paid, and never for credits that were spent meanwhile."""

import asyncio
import dataclasses

import pytest

from tests import asking
from tests.flows import tills
from tests.flows.tills import Till
from topup import errors
from topup.db import refunds
from topup.flows import refund
from topup.gateway.refunds import NewRefund
from topup.ledger import commands

till, whole = tills.till, tills.whole
RACERS = 32


async def test_buyer_gets_back_what_is_unspent_and_the_credits_go(till: Till) -> None:
    payment = await till.buy()
    await till.spend(40)
    quote = await refund.quote(till.pool, till.asker(), payment.id)
    assert (quote.amount_minor, quote.credits) == (600, 60)
    made = await till.give(till.order(payment))
    assert (made.status, made.amount_minor) == ("succeeded", 600)
    assert await till.figures() == (0, 0, 0)
    [at_stripe] = till.refunds_at_stripe(payment)
    assert (at_stripe.amount, at_stripe.reason) == (600, "requested_by_customer")
    assert at_stripe.metadata["topup_refund_id"] == str(made.id)
    assert await till.lines() == [("PURCHASE", 100), ("USAGE", -40), ("REFUND", -60)]
    await till.hear()
    assert await till.lines() == [("PURCHASE", 100), ("USAGE", -40), ("REFUND", -60)]
    assert await till.mails("money_back") == [("alice@example.com", "refunded")]


@pytest.mark.parametrize("amount_minor", [10, 250, 1000])
async def test_buyer_may_ask_for_a_part_in_whole_credits(till: Till, amount_minor: int) -> None:
    payment = await till.buy()
    await till.give(till.order(payment, amount_minor))
    assert await till.figures() == (100 - amount_minor // 10, 0, 0)


@pytest.mark.parametrize(
    ("amount_minor", "code"),
    [(9, "amount_not_refundable"), (255, "amount_not_refundable"), (1001, "amount_not_refundable")],
)
async def test_what_cannot_go_back_is_refused_and_nothing_changes(till: Till, amount_minor: int, code: str) -> None:
    payment = await till.buy()
    with pytest.raises(errors.Conflict) as refused:
        await till.give(till.order(payment, amount_minor))
    assert refused.value.code == code
    assert (await till.figures(), till.refunds_at_stripe(payment)) == ((100, 0, 0), [])


async def test_after_the_days_of_the_package_a_buyer_is_refused_and_an_admin_is_not(till: Till) -> None:
    payment = await till.buy(refund_days=7)
    await till.wait(days=8)
    with pytest.raises(errors.Conflict, match="Refunds were possible until"):
        await till.give(till.order(payment))
    assert (await till.give(till.order(payment, is_admin=True))).amount_minor == 1000


async def test_another_persons_payment_is_not_there(till: Till) -> None:
    """Fault 66."""
    payment = await till.buy()
    stranger = refund.Asker("user:mallory", payment.id)
    with pytest.raises(errors.NotFound):
        await refund.quote(till.pool, stranger, payment.id)
    with pytest.raises(errors.NotFound):
        await till.give(dataclasses.replace(till.order(payment), asker=stranger))


async def test_admin_may_refund_what_is_spent_and_the_rest_is_debt(till: Till) -> None:
    payment = await till.buy()
    await till.spend(70)
    await till.give(till.order(payment, is_admin=True))
    assert await till.figures() == (-70, 0, 70)


async def test_racers_for_all_of_it_refund_it_once(till: Till) -> None:
    """Fault 49: 32 at once, each with a key of their own."""
    payment = await till.buy()
    orders = [till.order(payment, is_admin=bool(number % 2)) for number in range(RACERS)]
    results = await asyncio.gather(*map(till.give, orders), return_exceptions=True)
    made = [one for one in results if isinstance(one, refunds.Refund)]
    refused = [one for one in results if isinstance(one, errors.Conflict)]
    assert (len(made), len(refused)) == (1, RACERS - 1)
    assert sum(one.amount for one in till.refunds_at_stripe(payment)) == 1000
    await till.hear()
    assert await till.figures() == (0, 0, 0)


async def test_racers_for_parts_never_refund_more_than_was_paid(till: Till) -> None:
    """Fault 49."""
    payment = await till.buy()
    orders = [till.order(payment, 70, is_admin=True) for _ in range(RACERS)]
    results = await asyncio.gather(*map(till.give, orders), return_exceptions=True)
    assert sum(isinstance(one, refunds.Refund) for one in results) == 14
    assert sum(one.amount for one in till.refunds_at_stripe(payment)) == 980
    await till.hear()
    assert await till.figures() == (2, 0, 0)


async def test_double_click_is_one_refund(till: Till) -> None:
    """Fault 49: the same key at once, again and again."""
    payment = await till.buy()
    order = till.order(payment, 300)
    results = await asyncio.gather(*(till.give(order) for _ in range(8)))
    assert len({one.id for one in results}) == 1
    assert len(till.refunds_at_stripe(payment)) == 1
    assert await till.figures() == (70, 0, 0)


async def test_one_key_cannot_ask_for_two_things(till: Till) -> None:
    """Fault 52."""
    payment, other = await till.buy(), await till.buy()
    order = till.order(payment, 300)
    await till.give(order)
    for changed in (dataclasses.replace(order, amount_minor=200), dataclasses.replace(order, payment_id=other.id)):
        with pytest.raises(errors.Invalid) as refused:
            await till.give(changed)
        assert refused.value.code == "idempotency_key_reused"
    assert await till.figures() == (170, 0, 0)


async def test_credits_are_taken_before_stripe_is_asked_so_nobody_spends_them(till: Till) -> None:
    """Fault 45: while Stripe is away the refund waits, and the credits are gone already."""
    payment = await till.buy()
    till.box.control("outage", manner="cut")
    made = await till.give(till.order(payment))
    assert made.status == "requested"
    assert await till.figures() == (0, 0, 0)
    spend = commands.Spend(till.buyer.account_id, 1, asking.cause(), "application:host")
    assert isinstance(await till.post(spend), commands.Denied)
    assert (await till.look(payment)).refunded_minor == 0
    till.box.end_outage()
    await till.wait(minutes=1)
    await till.work()
    [at_stripe] = till.refunds_at_stripe(payment)
    assert at_stripe.amount == 1000
    assert (await till.look(payment)).refunded_minor == 1000
    assert await till.lines() == [("PURCHASE", 100), ("REFUND", -100)]


async def test_refund_while_spending_gives_back_only_what_was_not_spent(till: Till) -> None:
    """Fault 45: either the spend is refused or the refund is smaller; nothing is both spent and paid back."""
    payment = await till.buy()
    spends = [
        till.post(commands.Spend(till.buyer.account_id, 7, asking.cause(), "application:host")) for _ in range(20)
    ]
    made, *outcomes = await asyncio.gather(till.give(till.order(payment)), *spends, return_exceptions=True)
    spent = 7 * sum(isinstance(one, commands.Done) for one in outcomes)
    back_minor = made.amount_minor if isinstance(made, refunds.Refund) else 0
    assert spent * 10 + back_minor <= 1000
    balance, held, debt = await till.figures()
    assert (held, debt) == (0, 0)
    assert balance == 100 - spent - back_minor // 10


async def test_what_stripe_refuses_is_undone_and_said(till: Till) -> None:
    """A dispute that we have not heard of yet."""
    payment = await till.buy()
    till.dispute(payment)
    with pytest.raises(errors.Conflict) as refused:
        await till.give(till.order(payment))
    assert (refused.value.code, "disputed" in refused.value.detail) == ("payment_disputed", True)
    assert await till.figures() == (100, 0, 0)
    assert await till.rows("SELECT status FROM refunds") == [("refused",)]
    assert [change for _, change in await till.lines()] == [100, -100, 100]


async def test_refund_made_meanwhile_in_the_dashboard_is_not_made_again(till: Till) -> None:
    """Fault 49."""
    payment = await till.buy()
    till.refund_at_stripe(payment)
    with pytest.raises(errors.Conflict) as refused:
        await till.give(till.order(payment))
    assert refused.value.code == "already_refunded"
    await till.hear()
    assert await till.figures() == (0, 0, 0)
    assert sum(one.amount for one in till.refunds_at_stripe(payment)) == 1000


async def test_lost_reply_of_stripe_is_found_out_and_nothing_is_refunded_twice(till: Till) -> None:
    """Faults 31 to 33."""
    payment = await till.buy()
    till.box.control("faults", answer="lost", method="POST", path="/v1/refunds", after_work=True, times=1)
    made = await till.give(till.order(payment, 500))
    await till.wait(minutes=1)
    await till.work()
    assert len(till.refunds_at_stripe(payment)) == 1
    assert await till.rows("SELECT id, status FROM refunds") == [(made.id, "succeeded")]
    assert await till.figures() == (50, 0, 0)


async def test_kill_between_stripes_answer_and_our_write_loses_nothing(till: Till) -> None:
    """Faults 18 and 31: Stripe has the refund, and nobody here has written so."""
    payment = await till.buy()
    order = till.order(payment, 500)
    written = await refund._write(till.pool, order, [payment.stripe_intent_id or ""])
    new = NewRefund(written.id, payment.id, written.stripe_intent_id, 500)
    await till.gateway.create_refund(new, key=f"refund:{written.id}")
    assert await till.rows("SELECT status FROM refunds") == [("requested",)]
    await till.hear()
    assert await till.rows("SELECT id, status FROM refunds") == [(written.id, "succeeded")]
    assert (await till.give(order)).id == written.id
    assert (await till.figures(), len(till.refunds_at_stripe(payment))) == ((50, 0, 0), 1)


async def test_same_request_waits_until_a_standby_has_the_first_one(till: Till) -> None:
    """Faults 20 and 49: the commit of the first may never have been confirmed. Only a transaction that writes waits."""
    order = till.order(await till.buy())
    made = await till.give(order)
    [(before,)] = await till.rows("SELECT pg_snapshot_xmax(pg_current_snapshot())::text")
    assert (await till.give(order)).id == made.id
    assert await till.rows("SELECT pg_snapshot_xmax(pg_current_snapshot())::text") != [(before,)]


async def test_refund_that_stripe_never_heard_of_is_undone_after_a_day(till: Till) -> None:
    """Fault 32: the key may be forgotten by then, so it is not used again."""
    payment = await till.buy()
    await refund._write(till.pool, till.order(payment), [payment.stripe_intent_id or ""])
    assert await till.figures() == (0, 0, 0)
    await till.wait(hours=24)
    await till.work()
    assert await till.rows("SELECT status FROM refunds") == [("refused",)]
    assert (await till.figures(), till.refunds_at_stripe(payment)) == ((100, 0, 0), [])


async def test_same_request_a_day_later_makes_no_second_refund(till: Till) -> None:
    """Faults 31 and 32: Stripe has the refund, its answer was lost, no worker ran, and the key is forgotten by now."""
    payment = await till.buy()
    order = till.order(payment, 300)
    written = await refund._write(till.pool, order, [payment.stripe_intent_id or ""])
    new = NewRefund(written.id, payment.id, written.stripe_intent_id, 300)
    await till.gateway.create_refund(new, key="a key that nobody remembers")
    await till.wait(hours=24)
    assert ((await till.give(order)).id, len(till.refunds_at_stripe(payment))) == (written.id, 1)
    await till.work()
    assert await till.rows("SELECT id, status FROM refunds") == [(written.id, "succeeded")]
    assert await till.figures() == (70, 0, 0)


async def test_refund_that_fails_later_gives_the_credits_back(till: Till) -> None:
    """Fault 47."""
    payment = await till.buy()
    await till.give(till.order(payment))
    [at_stripe] = till.refunds_at_stripe(payment)
    till.end_refund(at_stripe.id, "failed")
    await till.hear()
    assert await till.figures() == (100, 0, 0)
    quote = await refund.quote(till.pool, till.asker(), payment.id)
    assert (quote.amount_minor, quote.credits) == (1000, 100)


async def test_payment_that_nobody_paid_has_nothing_to_refund(till: Till) -> None:
    payment = await till.buy(is_told=False)
    quote = await refund.quote(till.pool, refund.Asker("user:admin", None), payment.id)
    assert (quote.is_refundable, quote.reason) == (False, "No money has come in for this payment.")
