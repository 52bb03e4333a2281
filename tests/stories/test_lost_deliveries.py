"""One delivery in twenty is lost for good on its way, and afterwards Stripe's books and ours are one all the same."""

import asyncio
import random
from pathlib import Path

import pytest

from tests import people, shops
from topup.db import packages, sql
from topup.flows import checkout, reconcile, verify

pytestmark = pytest.mark.slow

SEED = 20261129
PURCHASES = 60
DROPPED_SHARE = 0.05


async def test_everybody_who_paid_has_their_credits_after_the_next_look(database_url: str, tmp_path: Path) -> None:
    """Faults 1 and 6, invariants P2 and P7: dropped at random, some doubled, credited by whoever comes first."""
    dice = random.Random(SEED)
    async with shops.running(database_url, tmp_path, has_worker=False) as shop:
        async with shop.house.pool.connection() as conn:
            [starter, *_] = await packages.list_by_price(conn, with_inactive=False, after=None, limit=1)
        lost = 0
        for number in range(PURCHASES):
            person = await people.person(shop.house.pool, f"Buyer{number}")
            buyer = checkout.Buyer(person.user_id, person.account_id, "STUDENT")
            payment = await checkout.start(
                shop.house.pool, shop.house.stripe, buyer=buyer, package_id=starter.id, app_url=shop.url
            )
            is_lost = dice.random() < DROPPED_SHARE
            if is_lost:
                shop.stripe.control("webhook-faults", kind="drop", types=["*"], times=50)
            elif dice.random() < DROPPED_SHARE:
                shop.stripe.control("webhook-faults", kind="duplicate", types=["checkout.*"], times=1, copies=2)
            await asyncio.to_thread(shop.stripe.pay, payment.checkout_url)
            await asyncio.to_thread(shop.stripe.control, "settle")
            shop.stripe.web.delete("/sandbox/faults")
            lost += is_lost
        assert lost > 0
        report = await reconcile.recent(shop.house.pool, shop.house.stripe)
        assert (report.credited, report.unexplained) == (lost, 0)
        again = await reconcile.full(shop.house.pool, shop.house.stripe)
        assert (again.credited, again.closed, again.unexplained) == (0, 0, 0)
        async with shop.house.pool.connection() as conn:
            assert await sql.value(conn, "SELECT sum(balance) FROM accounts") == PURCHASES * starter.credits
        await verify.watch(shop.house.pool)
