"""A school that buys through the flows, and the check that whatever a test did to its money left all of it whole.

The fixtures are imported by the tests that need them.
"""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import pytest

from tests.people import Person, Pool
from tests.stripe_boxes import StripeBox
from topup.core import ids, session_prices
from topup.core.people import Person as Signed
from topup.db import invariants, payments, statements
from topup.db import session_prices as price_rows
from topup.db.invariants import invariant
from topup.flows import (
    create_institution,
    purchase_sessions,
    receive,
    show_purchases,
)
from topup.gateway import stripe


@dataclass(frozen=True)
class School:
    """An institution that buys; everything done for it goes through the flows."""

    pool: Pool
    gateway: stripe.Gateway
    box: StripeBox
    id: UUID
    account_id: UUID
    buyer: Person

    async def buy(self, quantity: int = 10, **more: Any) -> payments.Payment:
        order = purchase_sessions.Order(self.id, self.buyer.user_id, quantity, "CARD", None, False, None)
        return await purchase_sessions.start(self.pool, self.gateway, replace(order, **more))

    async def secret(self, payment: payments.Payment) -> str:
        found = await show_purchases.client_secret(
            self.pool, self.gateway, institution_id=self.id, payment_id=payment.id
        )
        assert found is not None
        return found

    async def look(self, payment: payments.Payment) -> show_purchases.Purchase:
        return await show_purchases.one(self.pool, self.gateway, institution_id=self.id, payment_id=payment.id)

    async def deliver(self) -> list[str]:
        """Every event of the offline Stripe, oldest first, as deliveries."""
        events = self.box.events()[::-1]
        deliveries = [receive.read(json.dumps(event)) for event in events]
        return await receive.receive(self.pool, [one for one in deliveries if one], is_live=False)

    async def sessions(self) -> int:
        async with self.pool.connection() as conn:
            balance = await statements.balance(conn, self.account_id)
        assert balance is not None
        return balance.available

    async def rows(self, statement: str, *parameters: object) -> Sequence[tuple[object, ...]]:
        async with self.pool.connection() as conn:
            return await (await conn.execute(statement.encode(), parameters)).fetchall()

    def intents(self) -> list[stripe.stripe.PaymentIntent]:
        return list(self.box.client.payment_intents.list(params={"limit": 100}).data)

    def stripe_invoices(self) -> list[stripe.stripe.Invoice]:
        return list(self.box.client.invoices.list(params={"limit": 100}).data)


@pytest.fixture
async def school(pool: Pool, gateway: stripe.Gateway, stripe_box: StripeBox, alice: Person) -> School:
    person = Signed(alice.user_id, alice.email, "Alice", "Example", "STUDENT", False, alice.account_id, ids.new())
    async with pool.connection() as conn:
        await price_rows.seed(conn, session_prices.FIRST_LIST)
        made = await create_institution.create(
            conn, name="Hill School", billing_email="bills@hill.example", person=person
        )
        account_id = await create_institution.pool_account(conn, made.id)
    return School(pool, gateway, stripe_box, made.id, account_id, alice)


@pytest.fixture(autouse=True)
async def whole(school: School) -> AsyncIterator[None]:
    """Whatever a test did, the ledger and the payments are whole afterwards."""
    yield
    async with school.pool.connection() as conn:
        found = {one.name: await invariant.find(conn, one) for one in invariants.ALL if not one.may_be_late}
    assert {name: findings for name, findings in found.items() if findings} == {}
