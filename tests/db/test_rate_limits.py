"""The rate limit: one statement that cannot be outrun (faults 71, 72)."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from psycopg_pool import AsyncConnectionPool

from topup.db import rate_limits, sql


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[AsyncConnectionPool]:
    async with AsyncConnectionPool(database_url, min_size=1, max_size=10, open=False) as pool:
        yield pool


async def _take(pool: AsyncConnectionPool, bucket: str, *, burst: int = 3, every_seconds: float = 60) -> float:
    async with pool.connection() as conn:
        return await rate_limits.take(conn, bucket, burst=burst, every_seconds=every_seconds)


async def _pass_time(pool: AsyncConnectionPool, seconds: int) -> None:
    async with pool.connection() as conn:
        await sql.run(
            conn,
            "UPDATE deployment SET is_demo = true, clock_offset = clock_offset + make_interval(secs => %s)",
            [seconds],
        )


async def test_a_burst_is_allowed_and_then_one_for_each_interval(pool: AsyncConnectionPool) -> None:
    assert [await _take(pool, "a") for _ in range(3)] == [0, 0, 0]
    wait_seconds = await _take(pool, "a")
    assert 0 < wait_seconds <= 60
    await _pass_time(pool, 61)
    assert await _take(pool, "a") == 0
    assert await _take(pool, "a") > 0


async def test_buckets_do_not_share_their_units(pool: AsyncConnectionPool) -> None:
    assert [await _take(pool, "a", burst=1), await _take(pool, "b", burst=1)] == [0, 0]


async def test_a_hundred_at_once_get_no_more_than_the_burst(pool: AsyncConnectionPool) -> None:
    waits = await asyncio.gather(*(_take(pool, "a", burst=5) for _ in range(100)))
    assert waits.count(0) == 5


async def test_a_unit_given_back_can_be_taken_again(pool: AsyncConnectionPool) -> None:
    assert await _take(pool, "a", burst=1) == 0
    assert await _take(pool, "a", burst=1) > 0
    async with pool.connection() as conn:
        await rate_limits.give_back(conn, "a", every_seconds=60)
    assert await _take(pool, "a", burst=1) == 0


async def test_buckets_that_are_full_again_are_forgotten(pool: AsyncConnectionPool) -> None:
    await _take(pool, "a")
    await _pass_time(pool, 2 * 3600)
    await _take(pool, "b")
    async with pool.connection() as conn:
        assert await rate_limits.prune(conn) == 1
