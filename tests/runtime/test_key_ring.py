"""Host applications are let in by their keys, mostly without the database."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import psycopg
import pytest

from tests.people import Pool
from topup import errors
from topup.flows import keys
from topup.runtime import key_ring


@dataclass
class Clock:
    """Time that passes when it is told to."""

    seconds: float = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    async with Pool(database_url, min_size=1, max_size=4, open=False) as pool:
        yield pool


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def ring(pool: Pool, clock: Clock) -> AsyncIterator[key_ring.KeyRing]:
    async with key_ring.KeyRing(pool, per_second=1000, clock=clock) as ring:
        yield ring


async def made(pool: Pool) -> keys.Created:
    return await keys.create(pool, name="Host", scopes=["spend"], created_by=None)


async def test_known_key_asks_the_database_nothing_for_three_seconds(
    pool: Pool, ring: key_ring.KeyRing, clock: Clock, database_url: str
) -> None:
    """A hot spend costs no statement for its key: here nobody can read the table at all."""
    created = await made(pool)
    await ring.let_in(created.text)
    await asyncio.gather(*ring._tasks)
    async with await psycopg.AsyncConnection.connect(database_url) as locking:
        await locking.execute("LOCK TABLE api_keys IN ACCESS EXCLUSIVE MODE")
        clock.seconds += key_ring.REFRESH_AFTER_SECONDS - 0.1
        for _ in range(100):
            assert (await ring.let_in(created.text)).key_id == created.row.id
        assert ring._lookups == {}


async def test_busy_key_is_looked_up_behind_the_back_of_its_requests(
    pool: Pool, ring: key_ring.KeyRing, clock: Clock, database_url: str
) -> None:
    created = await made(pool)
    await ring.let_in(created.text)
    await asyncio.gather(*ring._tasks)
    async with await psycopg.AsyncConnection.connect(database_url) as locking:
        await locking.execute("LOCK TABLE api_keys IN ACCESS EXCLUSIVE MODE")
        clock.seconds += key_ring.REFRESH_AFTER_SECONDS + 0.1
        for _ in range(100):
            await ring.let_in(created.text)
        assert len(ring._lookups) == 1
        clock.seconds += key_ring.KNOWN_SECONDS
        late = asyncio.create_task(ring.let_in(created.text))
        await asyncio.wait([late], timeout=0.2)
        assert not late.done()
    assert (await late).key_id == created.row.id


async def test_revoked_key_is_refused_when_its_time_is_over(pool: Pool, ring: key_ring.KeyRing, clock: Clock) -> None:
    """Fault 70."""
    created = await made(pool)
    await ring.let_in(created.text)
    await keys.revoke(pool, created.row.id)
    clock.seconds += key_ring.KNOWN_SECONDS
    with pytest.raises(errors.Unauthenticated):
        await ring.let_in(created.text)


async def test_forgotten_key_is_looked_up_again_and_an_older_look_is_not_kept(
    pool: Pool, ring: key_ring.KeyRing, clock: Clock, database_url: str
) -> None:
    """Fault 70: the look that began before the revocation must not bring the key back."""
    created = await made(pool)
    await ring.let_in(created.text)
    await asyncio.gather(*ring._tasks)
    async with await psycopg.AsyncConnection.connect(database_url) as locking:
        await locking.execute("LOCK TABLE api_keys IN ACCESS EXCLUSIVE MODE")
        clock.seconds += key_ring.REFRESH_AFTER_SECONDS + 0.1
        await ring.let_in(created.text)
        assert len(ring._lookups) == 1
        ring.forget(created.row.id)
    await asyncio.gather(*ring._tasks)
    assert (ring._known, ring._lookups) == ({}, {})
    await keys.revoke(pool, created.row.id)
    with pytest.raises(errors.Unauthenticated):
        await ring.let_in(created.text)


async def test_wrong_secret_for_a_known_prefix_is_refused_without_the_database(
    pool: Pool, ring: key_ring.KeyRing, database_url: str
) -> None:
    """Fault 76."""
    created = await made(pool)
    await ring.let_in(created.text)
    await asyncio.gather(*ring._tasks)
    wrong = created.text[:-52] + "a" * 52
    async with await psycopg.AsyncConnection.connect(database_url) as locking:
        await locking.execute("LOCK TABLE api_keys IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(errors.Unauthenticated):
            await ring.let_in(wrong)


async def test_flood_of_unknown_keys_leaves_connections_for_others(
    pool: Pool, ring: key_ring.KeyRing, database_url: str
) -> None:
    """Fault 25."""
    async with await psycopg.AsyncConnection.connect(database_url) as locking:
        await locking.execute("LOCK TABLE api_keys IN ACCESS EXCLUSIVE MODE")
        guesses = [
            asyncio.create_task(ring.let_in(f"topup_sk_{letter * 16}_{'a' * 52}")) for letter in "abcdefghijklmnop"
        ]
        await asyncio.wait(guesses, timeout=0.2)
        async with pool.connection(timeout=5) as conn:
            await conn.execute("SELECT 1")
    outcomes = await asyncio.gather(*guesses, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {errors.Unauthenticated}


async def test_last_use_is_written_once_a_minute(
    pool: Pool, ring: key_ring.KeyRing, clock: Clock, database_url: str
) -> None:
    created = await made(pool)

    async def last_use() -> object:
        await asyncio.gather(*ring._tasks)
        return (await keys.page(pool, before_id=None, limit=1))[0].last_used_at

    await ring.let_in(created.text)
    first = await last_use()
    assert first is not None
    async with await psycopg.AsyncConnection.connect(database_url) as connection:
        await connection.execute("UPDATE deployment SET is_demo = true, clock_offset = '70 seconds'")
    for _ in range(50):
        clock.seconds += 1
        await ring.let_in(created.text)
    assert await last_use() == first
    clock.seconds += 15
    await ring.let_in(created.text)
    assert await last_use() != first


async def test_database_that_is_away_lets_nobody_in_who_is_not_known(pool: Pool, ring: key_ring.KeyRing) -> None:
    created = await made(pool)
    await pool.close()
    with pytest.raises(Exception, match="closed"):
        await ring.let_in(created.text)
