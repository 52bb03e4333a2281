"""Expired credits and ended holds are booked, once, and stop nobody (faults 40, 41)."""

import asyncio
from datetime import timedelta

import psycopg
import pytest

from tests.people import Person, Pool
from topup.core import ids
from topup.db import sql, statements
from topup.flows import settle
from topup.ledger import commands, journal

DAY = timedelta(days=1)


async def post(pool: Pool, *asked: commands.Command) -> list[commands.Outcome]:
    async with pool.connection() as conn:
        return await journal.post(conn, asked)


def grant(person: Person, credits_count: int, valid_days: int | None = None) -> commands.Credit:
    cause = commands.Cause("test", str(ids.new()))
    return commands.Credit(person.account_id, credits_count, "PROMOTION", cause, "topup", valid_days=valid_days)


def hold(person: Person, credits_count: int, seconds: int = 60) -> commands.PlaceHold:
    return commands.PlaceHold(person.account_id, credits_count, ids.new(), seconds, "topup")


async def wait(pool: Pool, time: timedelta) -> None:
    """Let that much time pass."""
    async with pool.connection() as conn:
        await sql.run(conn, "UPDATE deployment SET is_demo = true, clock_offset = clock_offset + %s", [time])


async def figures(pool: Pool, person: Person) -> tuple[int, int, int]:
    async with pool.connection() as conn:
        found = await statements.balance(conn, person.account_id)
    assert found is not None
    return found.balance, found.held, found.available


async def lines(pool: Pool, person: Person) -> list[tuple[str, int]]:
    async with pool.connection() as conn:
        return [(line.kind, line.credits_signed) for line in await statements.page(conn, person.account_id, limit=100)]


async def test_sweep_books_expired_credits_and_leaves_the_others(pool: Pool, alice: Person, bob: Person) -> None:
    await post(pool, grant(alice, 30, valid_days=7), grant(alice, 50), grant(bob, 5, valid_days=90))
    assert await settle.sweep(pool) == 0
    await wait(pool, 8 * DAY)
    assert await settle.sweep(pool) == 1
    assert await lines(pool, alice) == [("EXPIRY", -30), ("PROMOTION", 50), ("PROMOTION", 30)]
    assert await figures(pool, alice) == (50, 0, 50)
    assert await figures(pool, bob) == (5, 0, 5)


async def test_sweep_gives_back_what_ended_holds_held(pool: Pool, alice: Person) -> None:
    await post(pool, grant(alice, 30), hold(alice, 20), hold(alice, 5, seconds=86_400))
    await wait(pool, timedelta(seconds=61))
    assert await settle.sweep(pool) == 1
    assert await figures(pool, alice) == (30, 5, 25)
    assert await lines(pool, alice) == [("PROMOTION", 30)]


async def test_held_credits_that_expired_meanwhile_expire_when_the_hold_ends(pool: Pool, alice: Person) -> None:
    """Fault 40: the hold pauses nothing but the part it holds."""
    await post(pool, grant(alice, 30, valid_days=1))
    await wait(pool, DAY / 2)
    await post(pool, hold(alice, 20, seconds=86_400))
    await wait(pool, DAY / 2 + timedelta(seconds=1))
    await settle.sweep(pool)
    assert await figures(pool, alice) == (20, 20, 0)
    await wait(pool, DAY)
    await settle.sweep(pool)
    assert await figures(pool, alice) == (0, 0, 0)
    assert await lines(pool, alice) == [("EXPIRY", -20), ("EXPIRY", -10), ("PROMOTION", 30)]


async def test_sweeping_twice_or_at_once_books_once(pool: Pool, alice: Person, bob: Person) -> None:
    """Fault 41."""
    await post(pool, grant(alice, 30, valid_days=1), grant(bob, 30, valid_days=1))
    await wait(pool, 2 * DAY)
    await asyncio.gather(*(settle.sweep(pool) for _ in range(6)))
    assert await settle.sweep(pool) == 0
    for person in (alice, bob):
        assert await lines(pool, person) == [("EXPIRY", -30), ("PROMOTION", 30)]


async def test_a_week_without_a_sweep_changes_nothing_but_the_books(pool: Pool, alice: Person) -> None:
    """Fault 41: what expired cannot be spent although nobody booked it."""
    await post(pool, grant(alice, 30, valid_days=1))
    await wait(pool, 8 * DAY)
    [outcome] = await post(pool, commands.Spend(alice.account_id, 1, commands.Cause("test", "late"), "topup"))
    assert isinstance(outcome, commands.Denied)
    assert (outcome.code, outcome.available) == ("insufficient_credits", 0)


async def test_an_account_that_cannot_be_settled_stops_no_other(pool: Pool, alice: Person, bob: Person) -> None:
    await post(pool, grant(alice, 666, valid_days=1), grant(bob, 30, valid_days=1))
    async with pool.connection() as conn:
        await sql.run(
            conn, "ALTER TABLE transfers ADD CONSTRAINT bug CHECK (kind <> 'EXPIRY' OR amount <> 666) NOT VALID"
        )
    await wait(pool, 2 * DAY)
    with pytest.raises(psycopg.errors.CheckViolation, match="bug"):
        await settle.sweep(pool)
    assert await figures(pool, bob) == (0, 0, 0)
    assert await lines(pool, alice) == [("PROMOTION", 666)]


async def test_reading_books_only_the_account_that_is_read(pool: Pool, alice: Person, bob: Person) -> None:
    await post(pool, grant(alice, 30, valid_days=1), grant(bob, 30, valid_days=1))
    await wait(pool, 2 * DAY)
    async with pool.connection() as conn:
        await settle.up_to_now(conn, [alice.account_id])
    assert await lines(pool, alice) == [("EXPIRY", -30), ("PROMOTION", 30)]
    assert await lines(pool, bob) == [("PROMOTION", 30)]
