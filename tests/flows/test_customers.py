"""A buyer is one customer at Stripe, whatever fails while they are made and whoever clicks at once."""

import asyncio
from dataclasses import replace

import pytest

from tests.flows.test_checkout import STARTER, change, put_on_sale, start
from tests.people import Person, Pool
from tests.stripe_boxes import StripeBox
from topup import errors
from topup.gateway import stripe


async def test_eight_clicks_on_eight_packages_make_one_customer(
    pool: Pool, gateway: stripe.Gateway, stripe_box: StripeBox, alice: Person
) -> None:
    offers = [await put_on_sale(pool, replace(STARTER, name=f"Pack {n}")) for n in range(8)]
    started = await asyncio.gather(*(start(pool, gateway, alice, package_id) for package_id in offers))
    assert len({payment.id for payment in started}) == 8
    assert len(stripe_box.customers()) == 1


@pytest.mark.parametrize("fault", [{"after_work": True}, {}], ids=["made", "not made"])
async def test_failure_over_a_customer_leaves_one_whether_stripe_had_made_them_or_not(
    pool: Pool, gateway: stripe.Gateway, stripe_box: StripeBox, alice: Person, fault: dict[str, bool]
) -> None:
    """Fault 33: a stored 500 says nothing of what was done, and one left behind would keep the buyer's address."""
    package_id = await put_on_sale(pool)
    stripe_box.client.customers.create({"email": alice.email, "metadata": {"topup_user_id": "somebody else"}})
    stripe_box.control("faults", answer="500", method="POST", path="/v1/customers", remember=True, **fault)
    payment = await start(pool, gateway, alice, package_id)
    [customer] = [one for one in stripe_box.customers() if one.metadata["topup_user_id"] == str(alice.user_id)]
    assert customer.id == payment.stripe_customer_id


async def test_buyer_renamed_between_two_clicks_is_one_customer_of_ours(
    pool: Pool, gateway: stripe.Gateway, stripe_box: StripeBox, alice: Person
) -> None:
    """The first customer's answer was lost, and it is found, not left at Stripe with the name and the address."""
    package_id = await put_on_sale(pool)
    stripe_box.control("faults", answer="lost", method="POST", path="/v1/customers", after_work=True)
    with pytest.raises(errors.GatewayError):
        await start(pool, gateway, alice, package_id)
    await change(pool, "UPDATE users SET last_name = 'Married' WHERE id = %s", alice.user_id)
    started = await asyncio.gather(*(start(pool, gateway, alice, package_id) for _ in range(4)))
    [customer] = stripe_box.customers()
    assert {payment.stripe_customer_id for payment in started} == {customer.id}


async def test_clicks_at_once_after_a_failure_that_stripe_keeps_make_one_customer(
    pool: Pool, gateway: stripe.Gateway, stripe_box: StripeBox, alice: Person
) -> None:
    """Faults 33 and 50: nothing was made under the first key, and all go on to one other.

    They are fewer than the failures in a row after which Stripe is left alone for a while.
    """
    offers = [await put_on_sale(pool, replace(STARTER, name=f"Pack {n}")) for n in range(4)]
    stripe_box.control("faults", answer="500", method="POST", path="/v1/customers", remember=True)
    await asyncio.gather(*(start(pool, gateway, alice, package_id) for package_id in offers))
    assert len(stripe_box.customers()) == 1


async def test_customer_that_is_gone_at_stripe_is_made_again(
    pool: Pool, gateway: stripe.Gateway, stripe_box: StripeBox, alice: Person
) -> None:
    first, second = [await put_on_sale(pool, replace(STARTER, name=name)) for name in ("One", "Two")]
    gone = (await start(pool, gateway, alice, first)).stripe_customer_id
    stripe_box.client.customers.delete(gone)
    payment = await start(pool, gateway, alice, second)
    assert payment.stripe_customer_id not in (None, gone)
    assert (await start(pool, gateway, alice, second)).stripe_customer_id == payment.stripe_customer_id
