"""What the return page is told, and how it heals what a lost webhook left undone."""

import asyncio

import pytest

from tests.flows.test_checkout import available, change, put_on_sale, start
from tests.gateway import scripted_stripe
from tests.people import Person, Pool
from tests.stripe_boxes import DECLINED, StripeBox
from topup import errors
from topup.db import payments
from topup.flows import fulfil, payment_status
from topup.gateway import stripe


async def told(pool: Pool, gateway: stripe.Gateway, buyer: Person, payment: payments.Payment) -> payments.Payment:
    """What the buyer is told, long enough after the last time that Stripe may be asked again."""
    await change(pool, "DELETE FROM rate_limits")
    assert payment.stripe_session_id is not None
    return await payment_status.of_session(pool, gateway, user_id=buyer.user_id, session_id=payment.stripe_session_id)


async def test_paid_session_is_credited_by_the_return_page_alone_and_once(
    pool: Pool, gateway: stripe.Gateway, stripe_box: StripeBox, alice: Person
) -> None:
    """Fault 6: the webhook is lost."""
    payment = await start(pool, gateway, alice, await put_on_sale(pool))
    assert (await told(pool, gateway, alice, payment)).status == "PENDING"
    stripe_box.pay(payment.checkout_url)
    completed = [await told(pool, gateway, alice, payment) for _ in range(3)]
    assert {one.status for one in completed} == {"COMPLETED"}
    assert completed[0].paid_minor == 1000
    assert completed[0].stripe_intent_id is not None
    assert await available(pool, alice) == 100


async def test_return_page_and_webhook_at_once_credit_once(
    pool: Pool, gateway: stripe.Gateway, stripe_box: StripeBox, alice: Person
) -> None:
    """Faults 2 and 3: either may come first, and both come."""
    payment = await start(pool, gateway, alice, await put_on_sale(pool))
    stripe_box.pay(payment.checkout_url)
    assert payment.stripe_session_id is not None
    fact = (await gateway.retrieve_checkout(payment.stripe_session_id)).fact
    assert fact is not None

    async def webhook() -> None:
        async with pool.connection() as conn:
            await fulfil.apply(conn, [fact])

    await change(pool, "DELETE FROM rate_limits")
    asking = [payment_status.refreshed(pool, gateway, payment) for _ in range(4)]
    await asyncio.gather(*asking, *(webhook() for _ in range(4)))
    assert await available(pool, alice) == 100


async def test_declined_card_leaves_the_checkout_open_for_another(
    pool: Pool, gateway: stripe.Gateway, stripe_box: StripeBox, alice: Person
) -> None:
    payment = await start(pool, gateway, alice, await put_on_sale(pool))
    assert stripe_box.pay(payment.checkout_url, DECLINED).status_code == 402
    assert (await told(pool, gateway, alice, payment)).status == "PENDING"
    assert stripe_box.pay(payment.checkout_url).status_code == 303
    assert (await told(pool, gateway, alice, payment)).status == "COMPLETED"


async def test_bank_debit_is_credited_only_when_the_money_is_there(
    pool: Pool, gateway: stripe.Gateway, stripe_box: StripeBox, alice: Person
) -> None:
    """Fault 37: completed is not paid."""
    payment = await start(pool, gateway, alice, await put_on_sale(pool))
    stripe_box.debit(payment.checkout_url, "90012345")
    assert (await told(pool, gateway, alice, payment)).status == "PROCESSING"
    assert await available(pool, alice) == 0
    stripe_box.control("clock", advance_s=3600)
    assert (await told(pool, gateway, alice, payment)).status == "COMPLETED"
    assert await available(pool, alice) == 100


async def test_expired_session_is_told_as_expired(
    pool: Pool, gateway: stripe.Gateway, stripe_box: StripeBox, alice: Person
) -> None:
    payment = await start(pool, gateway, alice, await put_on_sale(pool))
    stripe_box.client.checkout.sessions.expire(payment.stripe_session_id)
    assert (await told(pool, gateway, alice, payment)).status == "EXPIRED"


async def test_anothers_session_is_not_there(pool: Pool, gateway: stripe.Gateway, alice: Person, bob: Person) -> None:
    """Fault 66: and an id that nobody has looks the same."""
    payment = await start(pool, gateway, alice, await put_on_sale(pool))
    assert payment.stripe_session_id is not None
    for session_id in (payment.stripe_session_id, "cs_test_nobodys", ""):
        with pytest.raises(errors.NotFound):
            await payment_status.of_session(pool, gateway, user_id=bob.user_id, session_id=session_id)


@pytest.mark.parametrize("manner", ["cut", "502"])
async def test_stripe_down_leaves_what_we_know(
    pool: Pool, gateway: stripe.Gateway, stripe_box: StripeBox, alice: Person, manner: str
) -> None:
    """Fault 35."""
    payment = await start(pool, gateway, alice, await put_on_sale(pool))
    stripe_box.control("outage", manner=manner)
    assert await told(pool, gateway, alice, payment) == payment


async def test_stripe_is_asked_once_a_second_at_most_and_never_about_what_is_decided(
    pool: Pool, gateway: stripe.Gateway, stripe_box: StripeBox, alice: Person
) -> None:
    """Hundreds of open return pages must not use up Stripe's rate limit, which buying needs."""
    payment = await start(pool, gateway, alice, await put_on_sale(pool))
    async with scripted_stripe.running() as script, stripe.opened("sk_test_1", api_base=script.address) as counted:
        script.will(scripted_stripe.Reply(scripted_stripe.session()))
        await change(pool, "DELETE FROM rate_limits")
        await asyncio.gather(*(payment_status.refreshed(pool, counted, payment) for _ in range(8)))
        assert len(script.requests) == 1
        stripe_box.pay(payment.checkout_url)
        decided = await told(pool, gateway, alice, payment)
        await told(pool, counted, alice, decided)
        assert len(script.requests) == 1


@pytest.mark.parametrize("nonsense", [[], {"id": "cs_test_1"}, scripted_stripe.session(status=7)])
async def test_answer_that_nobody_can_read_changes_nothing(
    pool: Pool, gateway: stripe.Gateway, alice: Person, nonsense: object
) -> None:
    """Fault 36."""
    payment = await start(pool, gateway, alice, await put_on_sale(pool))
    async with scripted_stripe.running() as script, stripe.opened("sk_test_1", api_base=script.address) as confused:
        script.will(scripted_stripe.Reply(nonsense))
        assert await told(pool, confused, alice, payment) == payment


async def test_package_taken_off_sale_or_edited_meanwhile_is_still_delivered_as_promised(
    pool: Pool, gateway: stripe.Gateway, stripe_box: StripeBox, alice: Person
) -> None:
    """Faults 58 and 59: the snapshot wins."""
    package_id = await put_on_sale(pool)
    payment = await start(pool, gateway, alice, package_id)
    edit = "UPDATE packages SET is_active = false, credits = 1, price_minor = 9999 WHERE id = %s"
    await change(pool, edit, package_id)
    stripe_box.pay(payment.checkout_url)
    assert (await told(pool, gateway, alice, payment)).status == "COMPLETED"
    assert await available(pool, alice) == 100


async def test_session_paid_after_we_gave_it_up_is_credited(
    pool: Pool, gateway: stripe.Gateway, stripe_box: StripeBox, alice: Person
) -> None:
    """Fault 60: Stripe was down when we wanted to close it, and the buyer had its page open."""
    package_id = await put_on_sale(pool)
    old = await start(pool, gateway, alice, package_id)
    await change(pool, "UPDATE packages SET price_minor = 1200 WHERE id = %s", package_id)
    stripe_box.control("faults", answer="500", method="POST", path="/v1/checkout/sessions/*/expire", times=9)
    new = await start(pool, gateway, alice, package_id)
    assert new.id != old.id
    stripe_box.pay(old.checkout_url)
    assert old.stripe_session_id is not None
    fact = (await gateway.retrieve_checkout(old.stripe_session_id)).fact
    assert fact is not None
    async with pool.connection() as conn:
        [outcome] = await fulfil.apply(conn, [fact])
    assert outcome.word == "credited"


@pytest.mark.parametrize(
    "difference", [{"amount_subtotal": 1}, {"currency": "usd"}, {"payment_status": "no_payment_required"}]
)
async def test_money_that_differs_from_the_quote_waits_for_an_admin(
    pool: Pool, gateway: stripe.Gateway, stripe_box: StripeBox, alice: Person, difference: dict[str, object]
) -> None:
    """Faults 37, 61 and 62: nothing is credited by itself."""
    payment = await start(pool, gateway, alice, await put_on_sale(pool))
    stripe_box.pay(payment.checkout_url)
    stripe_box.control(f"objects/{payment.stripe_session_id}", set=difference)
    reviewed = await told(pool, gateway, alice, payment)
    assert reviewed.status == "REVIEW"
    assert reviewed.review_reason
    assert await available(pool, alice) == 0
