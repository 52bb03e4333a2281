"""A pool on the test's own database, the cast, and our gateway to an offline Stripe."""

from collections.abc import AsyncIterator

import pytest

from tests import people, stripe_boxes
from topup.gateway import stripe, stripe_calls
from topup.runtime import house

# Our own pauses only, and short ones: the SDK's would be half a second each.
QUICK = stripe_calls.Patience(
    answer_seconds=2.0, deadline_seconds=10.0, network_retries=0, pauses_seconds=(0.05, 0.1, 0.2, 0.4, 0.8)
)


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[people.Pool]:
    """The pool as a running house has it."""
    async with people.Pool(
        database_url, min_size=1, max_size=12, kwargs={"options": house.CONNECTION_OPTIONS}, open=False
    ) as opened:
        yield opened


@pytest.fixture
async def alice(pool: people.Pool) -> people.Person:
    return await people.person(pool, "Alice")


@pytest.fixture
async def bob(pool: people.Pool) -> people.Person:
    return await people.person(pool, "Bob")


@pytest.fixture
async def gateway(stripe_box: stripe_boxes.StripeBox) -> AsyncIterator[stripe.Gateway]:
    async with stripe.opened("sk_test_tests", api_base=stripe_box.url, patience=QUICK) as opened:
        yield opened
