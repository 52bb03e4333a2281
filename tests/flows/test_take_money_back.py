"""Refunds and disputes made at Stripe: the credits follow the money, whatever is told of it and in whatever order."""

import asyncio
import dataclasses
import random
from collections.abc import Callable

import pytest

from tests import asking
from tests.flows import tills
from tests.flows.tills import Till
from topup import errors
from topup.core.money_back import Purchase
from topup.db import disputes, payments, refunds
from topup.flows import level_credits, read_charge, receive, take_money_back
from topup.ledger import commands

till, whole = tills.till, tills.whole
ENOUGH_LOOKS = 8


async def test_refund_at_stripe_takes_the_credits_and_tells_whoever_bought(till: Till) -> None:
    payment = await till.buy()
    till.refund_at_stripe(payment)
    assert "due" in await till.deliver()
    await till.work()
    assert await till.figures() == (0, 0, 0)
    assert await till.lines() == [("PURCHASE", 100), ("REFUND", -100)]
    after = await till.look(payment)
    assert (after.refunded_minor, after.charged_minor, after.credits_taken_back) == (1000, 1000, 100)
    assert await till.mails("money_back") == [("alice@example.com", "refunded")]


async def test_told_again_and_looked_at_again_nothing_changes(till: Till) -> None:
    """Faults 1 to 3."""
    payment = await till.buy()
    till.refund_at_stripe(payment, 400)
    await till.hear()
    lines, mails = await till.lines(), await till.mails("money_back")
    for _ in range(3):
        async with till.pool.connection() as conn:
            await take_money_back.mark(conn, [payment.stripe_intent_id or ""])
        await till.work()
    assert (await till.lines(), await till.mails("money_back")) == (lines, mails)


@pytest.mark.parametrize(("amount_minor", "credits_left"), [(1, 100), (333, 67), (999, 1), (1000, 0)])
async def test_partial_refund_takes_its_share_rounded_down(till: Till, amount_minor: int, credits_left: int) -> None:
    """Fault 64."""
    payment = await till.buy()
    till.refund_at_stripe(payment, amount_minor)
    await till.hear()
    assert await till.figures() == (credits_left, 0, 0)


async def test_partial_refunds_add_up_to_the_whole(till: Till) -> None:
    """Fault 64: three thirds are all of it, though none of them is a whole number of credits."""
    payment = await till.buy()
    for amount_minor in (333, 333, 334):
        till.refund_at_stripe(payment, amount_minor)
        await till.hear()
    assert await till.figures() == (0, 0, 0)
    assert [change for _, change in await till.lines()] == [100, -33, -33, -34]


async def test_refund_that_fails_later_gives_the_credits_back_to_their_lot(till: Till) -> None:
    """Fault 47."""
    payment = await till.buy()
    await till.spend(30)
    made = till.refund_at_stripe(payment)
    await till.hear()
    assert await till.figures() == (-30, 0, 30)
    till.end_refund(made["id"], "failed")
    await till.hear()
    assert await till.figures() == (70, 0, 0)
    assert await till.rows("SELECT amount, remaining FROM lots") == [(100, 70)]
    assert (await till.look(payment)).refunded_minor == 0
    assert await till.mails("money_back") == [("alice@example.com", "refunded"), ("alice@example.com", "refund_failed")]


async def test_refund_that_is_told_before_the_payment_is_taken_when_that_comes(till: Till) -> None:
    """Fault 5."""
    payment = await till.buy(is_told=False)
    intent_id = till.box.sessions()[0].payment_intent
    till.box.control("refunds", payment_intent=intent_id, amount=500)
    back = [one for one in till.told() if one.event.money_back_intent_id]
    assert set(await receive.receive(till.pool, back, is_live=False)) == {"unknown_payment"}
    await till.work()
    assert await till.figures() == (0, 0, 0)
    assert "credited" in await till.deliver()
    await till.work()
    assert await till.figures() == (50, 0, 0)
    assert (await till.look(payment)).credits_taken_back == 50
    assert await till.rows("SELECT * FROM money_back_strays") == []


async def test_payment_that_was_looked_at_before_it_was_credited_is_looked_at_again(till: Till) -> None:
    """Fault 5: here the intent is known, but not yet that it was paid."""
    payment = await till.buy(is_told=False)
    intent_id = till.box.sessions()[0].payment_intent
    await till.run("UPDATE payments SET stripe_intent_id = %s WHERE id = %s", intent_id, payment.id)
    till.refund_at_stripe(await till.look(payment), 500)
    await take_money_back.look(till.pool, till.gateway, payment.id)
    assert (await till.look(payment)).status == "PENDING"
    paid = [one for one in till.told() if not one.event.money_back_intent_id]
    await receive.receive(till.pool, paid, is_live=False)
    await till.work()
    assert await till.figures() == (50, 0, 0)


async def test_refund_of_what_others_sold_is_ignored(till: Till) -> None:
    """The account may sell other things than ours."""
    intent = till.box.client.payment_intents.create(
        params={
            "amount": 500,
            "currency": "gbp",
            "payment_method": "pm_card_visa",
            "confirm": True,
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        }
    )
    till.box.control("refunds", payment_intent=intent.id)
    back = [one for one in till.told() if one.event.money_back_intent_id]
    assert set(await receive.receive(till.pool, back, is_live=False)) == {"unknown_payment"}
    await till.work()
    assert await till.rows("SELECT * FROM money_back_strays UNION ALL SELECT NULL, 0, NULL, NULL FROM refunds") == []


async def test_open_dispute_holds_what_is_unspent_and_nothing_can_be_spent_of_it(till: Till) -> None:
    payment = await till.buy()
    other = await till.buy(credits_in=20)
    await till.spend(30)
    dispute_id = till.dispute(payment)
    await till.hear()
    assert await till.figures() == (90, 70, 0)
    assert (await till.look(payment)).disputed_minor == 1000
    assert await till.rows("SELECT kind, amount, expires_at, payment_id FROM holds") == [
        ("DISPUTE", 70, None, payment.id)
    ]
    till.decide(dispute_id, "won")
    await till.hear()
    assert await till.figures() == (90, 0, 0)
    assert (await till.look(payment)).disputed_minor == (await till.look(other)).disputed_minor == 0
    told = [what for _, what in await till.mails("money_back")]
    assert told == ["disputed", "dispute_won"]


async def test_lost_dispute_takes_what_was_held_and_the_rest_is_debt(till: Till) -> None:
    payment = await till.buy()
    await till.spend(30)
    dispute_id = till.dispute(payment)
    await till.hear()
    till.decide(dispute_id, "lost")
    await till.hear()
    assert await till.figures() == (-30, 0, 30)
    assert await till.lines() == [("PURCHASE", 100), ("USAGE", -30), ("DISPUTE", -100)]
    assert await till.rows("SELECT status, captured FROM holds") == [("CAPTURED", 70)]


async def test_dispute_after_all_is_spent_is_debt_that_stops_spending_until_it_is_repaid(till: Till) -> None:
    """Fault 46."""
    payment = await till.buy()
    await till.spend(100)
    till.decide(till.dispute(payment), "lost")
    await till.hear()
    assert await till.figures() == (-100, 0, 100)
    spend = commands.Spend(till.buyer.account_id, 1, asking.cause(), "application:host")
    assert await till.post(spend) == commands.Denied("insufficient_credits", available=0, required=1)
    await till.buy(credits_in=150)
    assert await till.figures() == (50, 0, 0)


async def test_inquiry_takes_and_holds_nothing_until_it_becomes_a_dispute(till: Till) -> None:
    """Fault 48."""
    payment = await till.buy()
    dispute_id = till.dispute(payment, reason="inquiry:fraudulent")
    await till.hear()
    assert await till.figures() == (100, 0, 0)
    assert (await till.look(payment)).disputed_minor == 0
    till.decide(dispute_id, "escalated")
    await till.hear()
    assert await till.figures() == (100, 100, 0)


async def test_inquiry_that_is_closed_leaves_all_as_it_was(till: Till) -> None:
    """Fault 48."""
    payment = await till.buy()
    till.decide(till.dispute(payment, reason="inquiry:fraudulent"), "lost")
    await till.hear()
    assert await till.figures() == (100, 0, 0)


async def test_dispute_of_the_rest_after_a_partial_refund_takes_all_and_no_more(till: Till) -> None:
    """Fault 47."""
    payment = await till.buy()
    till.refund_at_stripe(payment, 400)
    await till.hear()
    dispute_id = till.dispute(payment)
    await till.hear()
    assert await till.figures() == (60, 60, 0)
    till.decide(dispute_id, "lost")
    await till.hear()
    assert await till.figures() == (0, 0, 0)
    assert (await till.look(payment)).credits_taken_back == 100


async def test_refund_that_fails_while_the_rest_is_disputed_frees_only_its_share(till: Till) -> None:
    """Fault 47."""
    payment = await till.buy()
    made = till.refund_at_stripe(payment, 400)
    till.dispute(payment)
    await till.hear()
    assert await till.figures() == (60, 60, 0)
    till.end_refund(made["id"], "failed")
    await till.hear()
    assert await till.figures() == (100, 60, 0)


async def test_credits_that_expired_count_as_taken_back(till: Till) -> None:
    payment = await till.buy(valid_days=1)
    await till.spend(30)
    await till.wait(days=2)
    till.refund_at_stripe(payment)
    await till.hear()
    after = await till.look(payment)
    assert (after.credits_taken_back, after.credits_expired_instead) == (30, 70)
    assert await till.figures() == (-30, 0, 30)


async def test_nothing_is_lost_while_stripe_is_away(till: Till) -> None:
    """Fault 33: it waits, is shown, and is taken when Stripe is back."""
    payment = await till.buy()
    till.refund_at_stripe(payment)
    await till.deliver()
    till.box.control("outage", manner="cut")
    await till.work()
    [(attempts, error)] = await till.rows("SELECT attempts, last_error FROM money_back_due")
    assert (attempts, "GatewayError" in str(error)) == (1, True)
    assert await till.figures() == (100, 0, 0)
    till.box.end_outage()
    await till.wait(minutes=11)
    await till.work()
    assert await till.figures() == (0, 0, 0)
    assert await till.rows("SELECT * FROM money_back_due") == []


async def test_workers_that_look_at_one_payment_at_once_take_it_once(till: Till) -> None:
    """Faults 17 and 47."""
    payment = await till.buy()
    till.refund_at_stripe(payment, 500)
    looks = [take_money_back.look(till.pool, till.gateway, payment.id) for _ in range(ENOUGH_LOOKS)]
    results = await asyncio.gather(*looks, return_exceptions=True)
    assert all(result is None or isinstance(result, errors.Unavailable) for result in results)
    assert await till.figures() == (50, 0, 0)


async def test_what_happens_while_a_worker_reads_is_not_lost_and_never_older(till: Till) -> None:
    """Fault 47: a refund made and heard of between another worker's read and its write."""
    payment = await till.buy()
    till.refund_at_stripe(payment, 300)
    await till.deliver()
    reads: list[int] = []

    class Slow:
        def __getattr__(self, name: str) -> object:
            return getattr(till.gateway, name)

        async def list_disputes(self, intent_id: str) -> list[object]:
            reads.append(1)
            if len(reads) == 1:
                till.refund_at_stripe(payment, 700)
                await till.hear()
                assert await till.figures() == (0, 0, 0)
            return list(await till.gateway.list_disputes(intent_id))

    await take_money_back.look(till.pool, Slow(), payment.id)  # type: ignore[arg-type]
    assert len(reads) == 2, "it had read before the other wrote, so it read again"
    assert await till.figures() == (0, 0, 0)


async def test_mark_that_comes_while_a_worker_reads_stays(till: Till) -> None:
    payment = await till.buy()
    async with till.pool.connection() as conn:
        await take_money_back.mark(conn, [payment.stripe_intent_id or ""])
        await take_money_back.mark(conn, [payment.stripe_intent_id or ""])
    await take_money_back.look(till.pool, till.gateway, payment.id, marks=1)
    assert await till.rows("SELECT marks FROM money_back_due") == [(2,)]
    await till.work()
    assert await till.rows("SELECT marks FROM money_back_due") == []


async def test_refund_whose_metadata_names_another_payments_refund_stays_its_own(till: Till) -> None:
    """Fault 63: metadata can be copied in the dashboard."""
    one, other = await till.buy(), await till.buy()
    ours = await till.give(till.order(one, 100, is_admin=True))
    till.box.control(
        "refunds", payment_intent=other.stripe_intent_id, amount=100, metadata={"topup_refund_id": str(ours.id)}
    )
    await till.hear()
    assert await till.figures() == (180, 0, 0)
    assert await till.rows("SELECT count(*), count(DISTINCT payment_id) FROM refunds") == [(2, 2)]


async def expected(till: Till, payment: payments.Payment, spent: int) -> tuple[int, int, int]:
    """Balance, held and debt as they follow from what Stripe has now."""
    told = await read_charge.read(till.gateway, payment)
    back = sum(one.amount_minor for one in told.refunds if one.status not in ("failed", "canceled"))
    back += sum(one.amount_minor for one in told.disputes if one.status == "lost")
    is_open = [one.amount_minor for one in told.disputes if one.status in ("needs_response", "under_review")]
    purchase = Purchase(told.charged_minor, payment.credits)
    taken = purchase.share(back)
    exposed = purchase.share(back + sum(is_open)) - taken
    left = payment.credits - spent - taken
    return left, max(0, min(exposed, left)), max(0, -left)


@pytest.mark.parametrize("seed", range(6))
async def test_random_histories_at_stripe_end_as_what_stripe_has_says(till: Till, seed: int) -> None:
    """Faults 3, 5 and 47: with deliveries that are lost, late, doubled and out of order, and looks in between."""
    chance = random.Random(seed)
    payment = await till.buy()
    spent = chance.choice([0, 40, 100])
    if spent:
        await till.spend(spent)
    for _ in range(6):
        _happen(till, payment, chance)
        told = till.told()
        chance.shuffle(told)
        await receive.receive(till.pool, told[: chance.randrange(len(told) + 1)] * 2, is_live=False)
        if chance.random() < 0.5:
            await till.work()
    await till.hear()
    assert await till.figures() == await expected(till, payment, spent)


def _happen(till: Till, payment: payments.Payment, chance: random.Random) -> None:
    """Something that Stripe lets happen now."""
    made = [one.id for one in till.refunds_at_stripe(payment) if one.status != "failed"]
    opened = till.box.client.disputes.list(params={"payment_intent": payment.stripe_intent_id}).data
    pending = [one.id for one in opened if one.status not in ("won", "lost", "warning_closed")]
    charge = till.box.client.charges.retrieve(
        till.box.client.payment_intents.retrieve(payment.stripe_intent_id).latest_charge
    )
    left_minor = charge.amount - charge.amount_refunded - sum(one.amount for one in opened if one.status != "won")
    acts: list[Callable[[], object]] = []
    if left_minor > 0 and not [one for one in opened if not one.status.startswith("warning")]:
        acts.append(lambda: till.refund_at_stripe(payment, chance.randint(1, left_minor)))
    if left_minor > 0:
        acts.append(lambda: till.dispute(payment, amount=chance.randint(1, left_minor)))
        acts.append(lambda: till.dispute(payment, amount=chance.randint(1, left_minor), reason="inquiry:fraudulent"))
    if made:
        acts.append(lambda: till.end_refund(chance.choice(made), "failed"))
    if pending:
        acts.append(lambda: till.decide(chance.choice(pending), chance.choice(["won", "lost", "escalated"])))
    if acts:
        chance.choice(acts)()


async def test_appeal_that_is_won_gives_back_what_the_lost_dispute_took(till: Till) -> None:
    """Words of Stripe's that its test mode cannot be made to say are given to the rows themselves."""
    payment = await till.buy()
    await till.spend(30)
    opened_at = payment.created_at
    lost = disputes.Dispute("du_1", 1000, "gbp", "lost", "fraudulent", 1000, 0, None, opened_at)
    for status, reinstated_minor, figures in (
        ("lost", 0, (-30, 0, 30)),
        ("appeal_under_review", 0, (-30, 0, 30)),
        ("won", 1000, (70, 0, 0)),
        ("won", 1000, (70, 0, 0)),
    ):
        told = dataclasses.replace(lost, status=status, reinstated_minor=reinstated_minor)
        await _level(till, payment, [], [told])
        assert await till.figures() == figures


async def _level(
    till: Till, payment: payments.Payment, made: list[refunds.Told], disputed: list[disputes.Dispute]
) -> None:
    async with till.pool.connection() as conn:
        [locked] = await payments.lock_many(conn, [payment.id])
        await level_credits.level(conn, locked, read_charge.Told(1000, made, disputed))


async def test_what_came_back_as_a_lot_of_its_own_and_was_spent_does_not_stop_the_next_way_back(till: Till) -> None:
    """Fault 47: twice all is spent, refunded and bought anew, and twice the refund fails after that."""
    payment = await till.buy()
    await till.spend(100)
    for _ in range(2):
        till.refund_at_stripe(payment)
        await till.hear()
        assert await till.figures() == (-100, 0, 100)
        await till.buy()
        assert await till.figures() == (0, 0, 0)
        till.end_refund(till.refunds_at_stripe(payment)[0].id, "failed")
        await till.hear()
        assert await till.figures() == (100, 0, 0)
        await till.spend(100)
