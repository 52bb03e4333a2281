"""A buyer whose money goes back and forth: purchases at the offline Stripe, what its dashboard does, and the worker.

The fixtures are imported by the tests that need them; after each test every invariant must hold.
"""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from tests import asking, stripe_boxes
from tests.people import Person, Pool
from tests.stripe_boxes import StripeBox
from topup.core import ids
from topup.db import invariants, packages, payments, refunds
from topup.db.invariants import invariant
from topup.flows import checkout, find_strays, finish_refunds, receive, refund, take_money_back
from topup.gateway import stripe
from topup.ledger import commands, journal


@dataclass(frozen=True)
class Till:
    """One buyer of packages; everything goes through the flows and the offline Stripe."""

    pool: Pool
    gateway: stripe.Gateway
    box: StripeBox
    buyer: Person

    async def buy(
        self,
        credits_in: int = 100,
        price_minor: int = 1000,
        *,
        card: str = stripe_boxes.PAYS,
        refund_days: int | None = 14,
        valid_days: int | None = None,
        is_told: bool = True,
    ) -> payments.Payment:
        """A package is bought and paid; its credits are there once `is_told`."""
        name = f"Pack {ids.new()}"
        draft = packages.Draft(
            name, None, credits_in, price_minor, "gbp", is_active=True, valid_days=valid_days, refund_days=refund_days
        )
        async with self.pool.connection() as conn:
            package = await packages.add(conn, ids.new(), draft)
        assert package is not None
        buyer = checkout.Buyer(self.buyer.user_id, self.buyer.account_id, "STUDENT")
        payment = await checkout.start(
            self.pool, self.gateway, buyer=buyer, package_id=package.id, app_url="http://127.0.0.1:8000"
        )
        self.box.pay(payment.checkout_url, card)
        if is_told:
            await self.deliver()
        return await self.look(payment)

    async def look(self, payment: payments.Payment) -> payments.Payment:
        async with self.pool.connection() as conn:
            found = await payments.find(conn, payment.id)
        assert found is not None
        return found

    def told(self) -> list[receive.Delivery]:
        """Every event of the offline Stripe, oldest first, as deliveries."""
        deliveries = [receive.read(json.dumps(event)) for event in self.box.events()[::-1]]
        return [one for one in deliveries if one is not None]

    async def deliver(self) -> list[str]:
        return await receive.receive(self.pool, self.told(), is_live=False)

    async def work(self) -> None:
        """What the worker's loop does, once."""
        await find_strays.find(self.pool, self.gateway)
        await finish_refunds.finish(self.pool, self.gateway)
        await take_money_back.take(self.pool, self.gateway)

    async def hear(self) -> None:
        """All that Stripe has to tell arrives and is worked off."""
        await self.deliver()
        await self.work()

    async def figures(self) -> tuple[int, int, int]:
        """Balance, held and debt."""
        [row] = await self.rows("SELECT balance, held, debt FROM accounts WHERE id = %s", self.buyer.account_id)
        return row  # type: ignore[return-value]

    async def rows(self, statement: str, *parameters: object) -> Sequence[tuple[object, ...]]:
        async with self.pool.connection() as conn:
            return await (await conn.execute(statement.encode(), parameters)).fetchall()

    async def run(self, statement: str, *parameters: object) -> None:
        async with self.pool.connection() as conn:
            await conn.execute(statement.encode(), parameters)

    async def wait(self, **duration: int) -> None:
        """Move money's clock."""
        statement = "UPDATE deployment SET is_demo = true, clock_offset = clock_offset + %s"
        await self.run(statement, timedelta(**duration))

    async def post(self, command: commands.Command) -> commands.Outcome:
        async with self.pool.connection() as conn:
            return (await journal.post(conn, [command]))[0]

    async def spend(self, credits_out: int) -> None:
        command = commands.Spend(self.buyer.account_id, credits_out, asking.cause(), "application:host")
        assert isinstance(await self.post(command), commands.Done)

    def refund_at_stripe(self, payment: payments.Payment, amount_minor: int | None = None) -> dict[str, Any]:
        """As somebody might in the dashboard."""
        amount = {} if amount_minor is None else {"amount": amount_minor}
        return self.box.control("refunds", payment_intent=payment.stripe_intent_id, **amount)

    def end_refund(self, refund_id: str, status: str) -> None:
        self.box.control(f"refunds/{refund_id}", status=status)

    def dispute(self, payment: payments.Payment, **more: object) -> str:
        return self.box.control("disputes", payment_intent=payment.stripe_intent_id, **more)["id"]

    def decide(self, dispute_id: str, outcome: str) -> None:
        self.box.control(f"disputes/{dispute_id}", outcome=outcome)

    def order(
        self, payment: payments.Payment, amount_minor: int | None = None, *, is_admin: bool = False
    ) -> refund.Order:
        """A wish for money back, under a key of its own."""
        asker = refund.Asker("user:admin", None) if is_admin else self.asker()
        return refund.Order(asker, payment.id, amount_minor, "Not needed", ids.new().bytes)

    def asker(self) -> refund.Asker:
        return refund.Asker(f"user:{self.buyer.user_id}", self.buyer.user_id)

    async def give(self, order: refund.Order) -> refunds.Refund:
        return await refund.give(self.pool, self.gateway, order)

    def refunds_at_stripe(self, payment: payments.Payment) -> list[Any]:
        listed = self.box.client.refunds.list(params={"payment_intent": payment.stripe_intent_id, "limit": 100})
        return list(listed.data)

    async def mails(self, kind: str) -> list[tuple[str, str]]:
        """Whom and what about."""
        statement = "SELECT recipient, details ->> 'happened' FROM outbox WHERE kind = %s ORDER BY created_at, cause"
        return await self.rows(statement, kind)  # type: ignore[return-value]

    async def lines(self) -> list[tuple[str, int]]:
        """The buyer's statement, oldest first."""
        statement = (
            "SELECT t.kind, e.amount FROM entries e JOIN transfers t ON t.id = e.transfer_id"
            " WHERE e.account_id = %s ORDER BY e.seq"
        )
        return await self.rows(statement, self.buyer.account_id)  # type: ignore[return-value]


@pytest.fixture
async def till(pool: Pool, gateway: stripe.Gateway, stripe_box: StripeBox, alice: Person) -> Till:
    return Till(pool, gateway, stripe_box, alice)


async def breaches(pool: Pool) -> dict[str, list[invariant.Finding]]:
    """What is broken, by invariant."""
    async with pool.connection() as conn:
        found = {one.name: await invariant.find(conn, one) for one in invariants.ALL if not one.may_be_late}
    return {name: findings for name, findings in found.items() if findings}


@pytest.fixture(autouse=True)
async def whole(till: Till) -> AsyncIterator[None]:
    """Whatever a test did, the ledger and the payments are whole afterwards."""
    yield
    assert await breaches(till.pool) == {}
