"""A pool on the test's own database, and the cast."""

from collections.abc import AsyncIterator

import pytest

from tests import people
from topup.runtime import house


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
