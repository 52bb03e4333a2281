"""What the worker finds at Stripe when a delivery never came."""

from tests.flows.test_checkout import available, change, put_on_sale, start
from tests.people import Person, Pool
from tests.stripe_boxes import StripeBox
from topup.db import payments
from topup.flows import catch_up
from topup.gateway import stripe


async def status(pool: Pool, payment: payments.Payment) -> str:
    async with pool.connection() as conn:
        found = await payments.find(conn, payment.id)
    assert found is not None
    return found.status


async def test_payment_whose_event_is_lost_for_good_is_credited_once(
    pool: Pool, gateway: stripe.Gateway, stripe_box: StripeBox, alice: Person
) -> None:
    """Faults 6 and 7: nobody opens the return page and no delivery ever comes."""
    payment = await start(pool, gateway, alice, await put_on_sale(pool))
    stripe_box.pay(payment.checkout_url)
    assert await catch_up.look(pool, gateway) == catch_up.Found(credited=1, closed=0)
    assert await catch_up.look(pool, gateway) == catch_up.Found(credited=0, closed=0)
    assert await status(pool, payment) == "COMPLETED"
    assert await available(pool, alice) == 100


async def test_open_checkout_is_left_to_its_buyer(pool: Pool, gateway: stripe.Gateway, alice: Person) -> None:
    payment = await start(pool, gateway, alice, await put_on_sale(pool))
    assert await catch_up.look(pool, gateway) == catch_up.Found(credited=0, closed=0)
    assert await status(pool, payment) == "PENDING"


async def test_checkout_that_ended_unheard_is_closed(pool: Pool, gateway: stripe.Gateway, alice: Person) -> None:
    payment = await start(pool, gateway, alice, await put_on_sale(pool))
    assert payment.stripe_session_id is not None
    await gateway.expire_checkout(payment.stripe_session_id, key="close it")
    await change(pool, "UPDATE payments SET expires_at = topup_now() - interval '2 hours'")
    assert await catch_up.look(pool, gateway) == catch_up.Found(credited=0, closed=1)
    assert await status(pool, payment) == "EXPIRED"


async def test_payment_that_never_got_a_session_is_closed_after_a_day(
    pool: Pool, gateway: stripe.Gateway, alice: Person
) -> None:
    payment = await start(pool, gateway, alice, await put_on_sale(pool))
    await change(
        pool,
        "UPDATE payments SET stripe_session_id = NULL, expires_at = NULL, created_at = topup_now() - interval '2 days'",
    )
    assert await catch_up.look(pool, gateway) == catch_up.Found(credited=0, closed=1)
    assert await status(pool, payment) == "EXPIRED"
