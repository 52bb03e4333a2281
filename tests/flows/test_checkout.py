"""Beginning a purchase: one offer, one open checkout, whatever fails and whoever clicks at once."""

import asyncio
from dataclasses import asdict, replace
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest

from tests.gateway import scripted_stripe
from tests.people import Person, Pool
from tests.stripe_boxes import StripeBox
from topup import errors
from topup.core import ids
from topup.db import packages, payments, statements
from topup.flows import checkout
from topup.gateway import stripe

APP = "http://127.0.0.1:8000"
STARTER = packages.Draft("Starter Pack", None, 100, 1000, "gbp", is_active=True, valid_days=None, refund_days=14)


async def put_on_sale(pool: Pool, draft: packages.Draft = STARTER) -> UUID:
    async with pool.connection() as conn:
        package = await packages.add(conn, ids.new(), draft)
    assert package is not None
    return package.id


async def change(pool: Pool, statement: str, *parameters: object) -> None:
    async with pool.connection() as conn:
        await conn.execute(statement.encode(), parameters)


async def start(pool: Pool, gateway: stripe.Gateway, buyer: Person, package_id: UUID) -> payments.Payment:
    return await checkout.start(
        pool,
        gateway,
        buyer=checkout.Buyer(buyer.user_id, buyer.account_id, "STUDENT"),
        package_id=package_id,
        app_url=APP,
    )


async def every_payment(pool: Pool, buyer: Person) -> list[payments.Payment]:
    async with pool.connection() as conn:
        return await payments.list_own(conn, user_id=buyer.user_id, before=None, limit=100)


async def available(pool: Pool, buyer: Person) -> int:
    async with pool.connection() as conn:
        balance = await statements.balance(conn, buyer.account_id)
    assert balance is not None
    return balance.available


async def test_checkout_sells_what_the_package_says(
    pool: Pool, gateway: stripe.Gateway, stripe_box: StripeBox, alice: Person
) -> None:
    payment = await start(pool, gateway, alice, await put_on_sale(pool))

    [session] = stripe_box.sessions()
    assert (payment.status, payment.stripe_session_id, payment.checkout_url) == ("PENDING", session.id, session.url)
    assert payment.expires_at is not None
    assert payment.expires_at.timestamp() == session.expires_at
    assert (session.amount_total, session.currency, session.client_reference_id) == (1000, "gbp", str(payment.id))
    assert session.metadata["topup_payment_id"] == str(payment.id)
    assert session.metadata["topup_account_id"] == str(alice.account_id)
    assert session.success_url == f"{APP}/payments/return?session_id={{CHECKOUT_SESSION_ID}}"
    [customer] = stripe_box.customers()
    assert (customer.id, customer.email, customer.metadata["topup_user_id"]) == (
        payment.stripe_customer_id,
        alice.email,
        str(alice.user_id),
    )


async def test_eight_first_clicks_at_once_make_one_customer_and_one_session(
    pool: Pool, gateway: stripe.Gateway, stripe_box: StripeBox, alice: Person
) -> None:
    """Fault 50, and two customers for one person (stripe facts 13, mistake 21)."""
    package_id = await put_on_sale(pool)
    started = await asyncio.gather(*(start(pool, gateway, alice, package_id) for _ in range(8)))
    assert len({(payment.id, payment.checkout_url) for payment in started}) == 1
    assert (len(stripe_box.customers()), len(stripe_box.sessions())) == (1, 1)
    assert len(await every_payment(pool, alice)) == 1


async def test_next_click_finds_the_open_checkout(
    pool: Pool, gateway: stripe.Gateway, stripe_box: StripeBox, alice: Person, bob: Person
) -> None:
    """Fault 50; another person gets their own."""
    package_id = await put_on_sale(pool)
    first, second = [await start(pool, gateway, alice, package_id) for _ in range(2)]
    assert first == second
    assert (await start(pool, gateway, bob, package_id)).id != first.id
    assert len(stripe_box.sessions()) == 2


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE packages SET price_minor = 1200 WHERE id = %s",
        "UPDATE packages SET credits = 90 WHERE id = %s",
        "UPDATE packages SET valid_days = 30 WHERE id = %s",
        "UPDATE packages SET name = 'Small Pack' WHERE id = %s",
    ],
)
async def test_changed_offer_gets_a_checkout_of_its_own_and_the_old_one_is_closed(
    pool: Pool, gateway: stripe.Gateway, stripe_box: StripeBox, alice: Person, edit: str
) -> None:
    """Fault 58: nobody is sold yesterday's offer by today's button."""
    package_id = await put_on_sale(pool)
    old = await start(pool, gateway, alice, package_id)
    await change(pool, edit, package_id)
    new = await start(pool, gateway, alice, package_id)
    assert new.id != old.id
    assert {session.id: session.status for session in stripe_box.sessions()} == {
        old.stripe_session_id: "expired",
        new.stripe_session_id: "open",
    }
    assert [payment.status for payment in await every_payment(pool, alice)] == ["PENDING", "EXPIRED"]


async def test_package_off_sale_opens_no_checkout(
    pool: Pool, gateway: stripe.Gateway, stripe_box: StripeBox, alice: Person
) -> None:
    """Fault 59, first half."""
    package_id = await put_on_sale(pool, replace(STARTER, is_active=False))
    with pytest.raises(errors.Conflict) as caught:
        await start(pool, gateway, alice, package_id)
    assert caught.value.code == "package_inactive"
    assert (await every_payment(pool, alice), stripe_box.sessions()) == ([], [])


async def test_price_under_the_minimum_writes_nothing(
    pool: Pool, gateway: stripe.Gateway, stripe_box: StripeBox, alice: Person
) -> None:
    """Fault 62."""
    package_id = await put_on_sale(pool, replace(STARTER, price_minor=29))
    with pytest.raises(errors.Conflict) as caught:
        await start(pool, gateway, alice, package_id)
    assert caught.value.code == "amount_below_minimum"
    assert (await every_payment(pool, alice), stripe_box.customers()) == ([], [])


async def test_price_that_only_stripe_finds_too_small_closes_the_payment(pool: Pool, alice: Person) -> None:
    """Its minimum is judged in the settlement currency, which only Stripe knows."""
    package_id = await put_on_sale(pool)
    async with (
        scripted_stripe.running() as script,
        stripe.opened("sk_test_tests", api_base=script.address) as gateway,
    ):
        script.will(
            scripted_stripe.Reply({"id": "cus_1", "object": "customer"}),
            scripted_stripe.refusal(400, code="amount_too_small"),
        )
        with pytest.raises(errors.Conflict) as caught:
            await start(pool, gateway, alice, package_id)
    assert caught.value.code == "amount_below_minimum"
    assert [payment.status for payment in await every_payment(pool, alice)] == ["EXPIRED"]


async def test_unknown_package_is_not_found_and_instructors_do_not_buy(
    pool: Pool, gateway: stripe.Gateway, alice: Person
) -> None:
    with pytest.raises(errors.NotFound):
        await start(pool, gateway, alice, ids.new())
    buyer = checkout.Buyer(alice.user_id, alice.account_id, "INSTRUCTOR")
    with pytest.raises(errors.NotAllowed):
        await checkout.start(pool, gateway, buyer=buyer, package_id=await put_on_sale(pool), app_url=APP)


async def test_lost_answers_lead_to_one_session(
    pool: Pool, gateway: stripe.Gateway, stripe_box: StripeBox, alice: Person
) -> None:
    """Fault 31: Stripe did it, we were never told, and the next click asks again under the same key."""
    package_id = await put_on_sale(pool)
    for path in ("/v1/customers", "/v1/checkout/sessions"):
        stripe_box.control("faults", answer="lost", method="POST", path=path, after_work=True)
    for _ in range(2):
        with pytest.raises(errors.GatewayError) as caught:
            await start(pool, gateway, alice, package_id)
        assert not caught.value.is_outcome_known
    payment = await start(pool, gateway, alice, package_id)
    [session] = stripe_box.sessions()
    assert payment.stripe_session_id == session.id
    assert (payment.attempt, len(stripe_box.customers()), len(await every_payment(pool, alice))) == (1, 1, 1)


async def test_failure_that_stripe_keeps_under_the_key_is_left_behind_by_a_new_attempt(
    pool: Pool, gateway: stripe.Gateway, stripe_box: StripeBox, alice: Person
) -> None:
    """Fault 33: the same key would be answered 500 for a day."""
    package_id = await put_on_sale(pool)
    stripe_box.control("faults", answer="500", method="POST", path="/v1/checkout/sessions", remember=True)
    payment = await start(pool, gateway, alice, package_id)
    assert payment.attempt == 2
    assert [session.id for session in stripe_box.sessions()] == [payment.stripe_session_id]


async def test_failure_after_the_work_finds_the_session_that_was_made(
    pool: Pool, gateway: stripe.Gateway, stripe_box: StripeBox, alice: Person
) -> None:
    """Fault 33: a stored 500 needs a new key only after looking."""
    package_id = await put_on_sale(pool)
    stripe_box.control(
        "faults", answer="500", method="POST", path="/v1/checkout/sessions", after_work=True, remember=True
    )
    payment = await start(pool, gateway, alice, package_id)
    assert payment.attempt == 1
    assert [session.id for session in stripe_box.sessions()] == [payment.stripe_session_id]


async def test_deployment_that_moved_between_two_clicks_finds_its_session(
    pool: Pool, gateway: stripe.Gateway, stripe_box: StripeBox, alice: Person
) -> None:
    """Fault 31: the address is the one value under the key that is not a row's, so Stripe refuses the repeat."""
    package_id = await put_on_sale(pool)
    stripe_box.control("faults", answer="lost", method="POST", path="/v1/checkout/sessions", after_work=True)
    with pytest.raises(errors.GatewayError):
        await start(pool, gateway, alice, package_id)
    buyer = checkout.Buyer(alice.user_id, alice.account_id, "STUDENT")
    payment = await checkout.start(pool, gateway, buyer=buyer, package_id=package_id, app_url="https://moved.example")
    assert [session.id for session in stripe_box.sessions()] == [payment.stripe_session_id]


async def test_a_day_later_stripe_is_looked_through_before_anything_is_made_again(
    pool: Pool, gateway: stripe.Gateway, stripe_box: StripeBox, alice: Person
) -> None:
    """Fault 32: the key may be forgotten, so a blind repeat would make a second session."""
    package_id = await put_on_sale(pool)
    stripe_box.control("faults", answer="lost", method="POST", path="/v1/checkout/sessions", after_work=True)
    with pytest.raises(errors.GatewayError):
        await start(pool, gateway, alice, package_id)
    later = timedelta(hours=23, minutes=30)
    await change(pool, "UPDATE deployment SET is_demo = true, clock_offset = %s", later)
    stripe_box.control("clock", advance_s=later.total_seconds())

    payment = await start(pool, gateway, alice, package_id)

    assert [session.id for session in stripe_box.sessions()] == [payment.stripe_session_id]
    assert (payment.attempt, len(await every_payment(pool, alice))) == (1, 1)


async def test_a_day_later_an_attempt_that_left_nothing_is_made_again_under_a_fresh_key(
    pool: Pool, gateway: stripe.Gateway, stripe_box: StripeBox, alice: Person
) -> None:
    """Fault 32, the other half."""
    package_id = await put_on_sale(pool)
    stripe_box.control("faults", answer="lost", method="POST", path="/v1/checkout/sessions")
    with pytest.raises(errors.GatewayError):
        await start(pool, gateway, alice, package_id)
    await change(pool, "UPDATE deployment SET is_demo = true, clock_offset = '2 days'")
    payment = await start(pool, gateway, alice, package_id)
    assert (payment.attempt, len(await every_payment(pool, alice))) == (2, 1)


async def test_session_that_expired_at_stripe_is_replaced(
    pool: Pool, gateway: stripe.Gateway, stripe_box: StripeBox, alice: Person
) -> None:
    """Fault 60: closed here by what Stripe says, before our own clock would."""
    package_id = await put_on_sale(pool)
    old = await start(pool, gateway, alice, package_id)
    stripe_box.client.checkout.sessions.expire(old.stripe_session_id)
    new = await start(pool, gateway, alice, package_id)
    assert new.stripe_session_id != old.stripe_session_id
    assert [payment.status for payment in await every_payment(pool, alice)] == ["PENDING", "EXPIRED"]


async def test_session_with_no_time_left_is_replaced(
    pool: Pool, gateway: stripe.Gateway, stripe_box: StripeBox, alice: Person
) -> None:
    package_id = await put_on_sale(pool)
    old = await start(pool, gateway, alice, package_id)
    await change(pool, "UPDATE deployment SET is_demo = true, clock_offset = '23 hours 57 minutes'")
    assert (await start(pool, gateway, alice, package_id)).id != old.id


async def test_checkout_paid_meanwhile_is_credited_before_another_is_opened(
    pool: Pool, gateway: stripe.Gateway, stripe_box: StripeBox, alice: Person
) -> None:
    """Fault 6: the webhook never came, the buyer clicked again."""
    package_id = await put_on_sale(pool)
    paid = await start(pool, gateway, alice, package_id)
    stripe_box.pay(paid.checkout_url)
    again = await start(pool, gateway, alice, package_id)
    assert again.id != paid.id
    assert [payment.status for payment in await every_payment(pool, alice)] == ["PENDING", "COMPLETED"]
    assert await available(pool, alice) == 100


async def test_sandbox_that_lost_its_data_is_a_fresh_start(
    pool: Pool, gateway: stripe.Gateway, stripe_box: StripeBox, alice: Person
) -> None:
    package_id = await put_on_sale(pool)
    old = await start(pool, gateway, alice, package_id)
    stripe_box.control("wipe")
    new = await start(pool, gateway, alice, package_id)
    assert new.id != old.id
    assert [session.id for session in stripe_box.sessions()] == [new.stripe_session_id]


@pytest.mark.parametrize("manner", ["cut", "502"])
async def test_stripe_down_is_a_clear_refusal_and_the_next_click_goes_on(
    pool: Pool, gateway: stripe.Gateway, stripe_box: StripeBox, alice: Person, manner: str
) -> None:
    """Fault 35: the payment stands, half made and complete-able."""
    package_id = await put_on_sale(pool)
    stripe_box.control("outage", manner=manner)
    with pytest.raises(errors.GatewayError) as caught:
        await start(pool, gateway, alice, package_id)
    assert caught.value.is_retryable
    assert "You have not been charged." in caught.value.detail
    [half_made] = await every_payment(pool, alice)
    assert (half_made.status, half_made.stripe_session_id) == ("PENDING", None)
    stripe_box.end_outage()
    assert (await start(pool, gateway, alice, package_id)).id == half_made.id


async def test_no_transaction_is_open_while_stripe_is_waited_for(
    pool: Pool, gateway: stripe.Gateway, stripe_box: StripeBox, alice: Person, database_url: str
) -> None:
    """Fault 34: a silent Stripe costs neither locks nor connections."""
    package_id = await put_on_sale(pool)
    stripe_box.control("outage", manner="hang")
    waiting = asyncio.create_task(start(pool, gateway, alice, package_id))
    await asyncio.sleep(0.5)
    assert await every_payment(pool, alice)
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as conn:
        found = await conn.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND xact_start IS NOT NULL"
            " AND pid <> pg_backend_pid()"
        )
        assert await found.fetchone() == (0,)
    assert not waiting.done()
    stripe_box.end_outage()
    assert (await waiting).status == "PENDING"


async def test_who_clicks_without_end_is_slowed_down(pool: Pool, gateway: stripe.Gateway, alice: Person) -> None:
    package_id = await put_on_sale(pool)
    bucket = f"checkout:{alice.user_id}"
    await change(pool, "INSERT INTO rate_limits VALUES (%s, topup_now() + interval '1 hour')", bucket)
    with pytest.raises(errors.SlowDown):
        await start(pool, gateway, alice, package_id)


def test_snapshot_holds_all_that_was_offered() -> None:
    """A column added to packages and forgotten here would be promised and not kept."""
    not_promised = {"description", "is_active"}
    assert set(asdict(STARTER)) - not_promised <= {name.removeprefix("package_") for name in payments.Draft.__slots__}
