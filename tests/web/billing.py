"""A school that buys, in the application's own process, with everybody who may and may not; Stripe is the offline one.

The fixtures are imported by the tests that need them.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from tests import institutions
from tests.institutions import School, Someone
from tests.stripe_boxes import StripeBox
from topup.core import roles
from topup.flows import session_prices
from topup.runtime.house import House

PURCHASES = "/api/sessions/purchases"
CARDS = "/api/stripe/payment-methods"
SETUPS = "/api/stripe/setup-intents"
INVOICES = "/api/stripe/invoices"
PUBLISHABLE_KEY = "pk_test_shops"
NOBODYS = "00000000-0000-0000-0000-000000000000"


@dataclass
class World:
    """Two schools; in one of them somebody of every role."""

    house: House
    box: StripeBox
    school: School
    other: School
    people: dict[str, Someone]

    @property
    def bill(self) -> Someone:
        return self.people["BILLING"]

    async def buy(self, quantity: int = 10, **more: Any) -> dict[str, Any]:
        answer = await self.bill.post(PURCHASES, {"quantity": quantity, **more})
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def purchase(self, purchase_id: str) -> dict[str, Any]:
        answer = await self.bill.get(f"{PURCHASES}/{purchase_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def cards(self, who: str = "BILLING") -> list[dict[str, Any]]:
        answer = await self.people[who].get(CARDS)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    async def secret(self, who: str = "BILLING") -> str:
        """The client secret of a card that somebody begins to save."""
        answer = await self.people[who].post(SETUPS)
        assert answer.status_code == 201, answer.text
        assert answer.json()["publishableKey"] == PUBLISHABLE_KEY
        return answer.json()["clientSecret"]


@pytest.fixture
async def world(house: House, transport: httpx2.ASGITransport, stripe_box: StripeBox) -> AsyncIterator[World]:
    await session_prices.seed(house.pool)
    names = {"OWNER": "Olga", "BILLING": "Bill", "MANAGER": "Max", "STUDENT": "Stella", "other": "Otto", "none": "Nora"}
    async with AsyncExitStack() as stack:
        people = {
            who: await stack.enter_async_context(institutions.signed_in(house, transport, name))
            for who, name in names.items()
        }
        school = await institutions.school(house, people["OWNER"])
        other = await institutions.school(house, people["other"], "Dale School")
        for role in roles.ROLES:
            if role != "OWNER":
                await school.member(people[role], role)
        yield World(house, stripe_box, school, other, people)
