"""Who is told that credits end soon, when, and how often."""

from datetime import timedelta

import pytest

from tests.people import Person, Pool
from topup.core import ids
from topup.db import sql
from topup.flows import remind_expiry
from topup.ledger import commands, journal

DAY = timedelta(days=1)


async def grant(pool: Pool, person: Person, credits_count: int, valid_days: int) -> None:
    async with pool.connection() as conn:
        await journal.post(
            conn,
            [
                commands.Credit(
                    person.account_id,
                    credits_count,
                    "PROMOTION",
                    commands.Cause("test", str(ids.new())),
                    "topup",
                    valid_days=valid_days,
                )
            ],
        )


async def wait(pool: Pool, time: timedelta) -> None:
    """Let that much time pass."""
    async with pool.connection() as conn:
        await sql.run(conn, "UPDATE deployment SET is_demo = true, clock_offset = clock_offset + %s", [time])


async def told(pool: Pool) -> list[tuple[str, int]]:
    async with pool.connection() as conn:
        cursor = await conn.execute(
            """SELECT recipient, (details->>'credits')::int FROM outbox WHERE kind = 'expiry_reminder' ORDER BY id"""
        )
        return [(str(row[0]), int(row[1])) for row in await cursor.fetchall()]


async def test_people_are_told_thirty_and_seven_and_one_days_before(pool: Pool, alice: Person) -> None:
    await grant(pool, alice, 40, valid_days=60)
    days_told = []
    for day in range(62):
        if await remind_expiry.remind(pool):
            days_told.append(60 - day)
        await wait(pool, DAY)
    assert days_told == [30, 7, 1]
    assert await told(pool) == [("alice@example.com", 40)] * 3


async def test_reminding_again_tells_nothing_again(pool: Pool, alice: Person) -> None:
    await grant(pool, alice, 40, valid_days=60)
    await wait(pool, 35 * DAY)
    assert await remind_expiry.remind(pool) == 1
    assert await remind_expiry.remind(pool) == 0


async def test_a_run_that_was_missed_is_made_up_for_once(pool: Pool, alice: Person) -> None:
    await grant(pool, alice, 40, valid_days=60)
    await wait(pool, 55 * DAY)
    assert await remind_expiry.remind(pool) == 1
    assert await told(pool) == [("alice@example.com", 40)]


async def test_what_ends_on_one_day_is_one_mail(pool: Pool, alice: Person, bob: Person) -> None:
    for _ in range(3):
        await grant(pool, alice, 10, valid_days=60)
    await grant(pool, bob, 7, valid_days=60)
    await wait(pool, 31 * DAY)
    assert await remind_expiry.remind(pool) == 2
    assert sorted(await told(pool)) == [("alice@example.com", 30), ("bob@example.com", 7)]


@pytest.mark.parametrize("valid_days", [1, 3, 7, 20, 30])
async def test_credits_given_for_a_short_time_are_not_announced_at_once(
    pool: Pool, alice: Person, valid_days: int
) -> None:
    await grant(pool, alice, 10, valid_days=valid_days)
    assert await remind_expiry.remind(pool) == 0


async def test_what_was_spent_meanwhile_is_not_mentioned(pool: Pool, alice: Person) -> None:
    await grant(pool, alice, 40, valid_days=60)
    async with pool.connection() as conn:
        spend = commands.Spend(alice.account_id, 40, commands.Cause("test", "all"), "topup")
        await journal.post(conn, [spend])
    await wait(pool, 35 * DAY)
    assert await remind_expiry.remind(pool) == 0


async def test_people_who_are_gone_and_users_of_a_host_are_not_written_to(pool: Pool, alice: Person) -> None:
    await grant(pool, alice, 40, valid_days=60)
    hosts = Person(ids.new(), ids.new(), "carol@example.com")
    async with pool.connection() as conn:
        await sql.run(
            conn,
            "INSERT INTO accounts (id, unit, external_id, email) VALUES (%s, 'credit', 'carol', %s)",
            [hosts.account_id, hosts.email],
        )
        await sql.run(conn, "UPDATE users SET disabled_at = topup_now() WHERE id = %s", [alice.user_id])
    await grant(pool, hosts, 40, valid_days=60)
    await wait(pool, 35 * DAY)
    assert await remind_expiry.remind(pool) == 0
