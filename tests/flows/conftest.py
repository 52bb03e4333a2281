"""A pool on the test's own database, the cast, and an offline Stripe with our gateway to it."""

from collections.abc import AsyncIterator, Iterator

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


@pytest.fixture(scope="session")
def shared_stripe_box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stripe_boxes.StripeBox]:
    with stripe_boxes.running(tmp_path_factory.mktemp("stripe") / "stripe.sqlite") as box:
        yield box


@pytest.fixture
def stripe_box(shared_stripe_box: stripe_boxes.StripeBox) -> stripe_boxes.StripeBox:
    """An offline Stripe without any data, and sound."""
    shared_stripe_box.end_outage()
    shared_stripe_box.control("wipe")
    return shared_stripe_box


@pytest.fixture
async def gateway(stripe_box: stripe_boxes.StripeBox) -> AsyncIterator[stripe.Gateway]:
    async with stripe.opened("sk_test_tests", api_base=stripe_box.url, patience=QUICK) as opened:
        yield opened
