"""Who is told that credits end soon, when, and how often."""

from datetime import timedelta

import pytest

from tests.people import Person, Pool
from topup.core import ids, mails, people
from topup.db import ledger, memberships, sql
from topup.db.allocations import Allocation
from topup.flows import allocate, create_institution, logins, remind_expiry, remove_member
from topup.gateway import mail_words
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


async def share(pool: Pool, owner: Person, *emails: str) -> tuple[people.Person, list[Allocation]]:
    """A school of somebody's gives four sessions for sixty days to each address; its owner, and what was given."""
    async with pool.connection() as conn:
        person = (await logins.open_for(conn, owner.user_id, kind="PAGE")).person
        school = await create_institution.create(conn, name="Hill School", billing_email=owner.email, person=person)
        account_id = await create_institution.pool_account(conn, school.id)
        [seat] = await memberships.seats(conn, user_id=owner.user_id, email=owner.email)
        cause = commands.Cause("test", str(ids.new()))
        await journal.post(conn, [commands.Credit(account_id, 50, "PROMOTION", cause, "topup")])
        ends_at = await ledger.now(conn) + 60 * DAY
        given = [
            await allocate.allocate(conn, seat, allocate.Wish(None, email, 4, ends_at), person) for email in emails
        ]
    return person, given


async def test_students_are_told_of_sessions_and_by_whom_they_were_given(
    pool: Pool, alice: Person, bob: Person
) -> None:
    """Also one who is invited and has an account with us; whoever has none is not written to."""
    await share(pool, alice, alice.email, bob.email, "nobody-yet@example.com")
    await wait(pool, 31 * DAY)
    assert await remind_expiry.remind(pool) == 2
    assert sorted(await told(pool)) == [("alice@example.com", 4), ("bob@example.com", 4)]
    async with pool.connection() as conn:
        cursor = await conn.execute("SELECT details FROM outbox WHERE kind = 'expiry_reminder' LIMIT 1")
        row = await cursor.fetchone()
    assert row is not None
    brand = mail_words.Brand("Topup", "https://topup.example")
    mail = mail_words.write(mail_id=ids.new(), kind=mails.EXPIRY_REMINDER, recipient="a", details=row[0], brand=brand)
    assert "4 sessions that you were given by Hill School end on" in mail.text
    assert "https://topup.example/sessions" in mail.html


async def test_who_left_is_not_told_of_sessions(pool: Pool, alice: Person, bob: Person) -> None:
    owner, [given] = await share(pool, alice, bob.email)
    place = given.membership_id
    async with pool.connection() as conn:
        # From a frozen account nothing goes back, so there is something left that ends.
        freeze = "UPDATE accounts SET frozen_at = topup_now(), frozen_reason = 'test' WHERE id = %s"
        await sql.run(conn, freeze, [given.account_id])
    await remove_member.remove(pool, owner, institution_id=given.institution_id, membership_id=place)
    await wait(pool, 31 * DAY)
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
