"""How the outbox becomes mails: each once, whatever the mail server does, never in the way of the money (fault 38)."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tests import mail_servers, people, stripe_bodies
from tests.mail_servers import MailServer
from tests.people import Person, Pool
from topup.core import mails
from topup.db import outbox, sql, statements
from topup.flows import forget_mails, receive, send_mails
from topup.gateway import mail, mail_words

BRAND = mail_words.Brand(app_name="Topup", frontend_url="https://shop.example")
CODE = {"firstName": "Alice", "code": "482913", "expiresMinutes": 10, "purpose": "REGISTER"}


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    async with mail_servers.running() as running:
        yield running


async def put(pool: Pool, kind: str, cause: str = "1", recipient: str = "alice@example.com", **details: object) -> bool:
    async with pool.connection() as conn:
        return await outbox.put(conn, kind=kind, cause=cause, recipient=recipient, details=details)


async def drain(pool: Pool, server: MailServer, **options: int) -> send_mails.Drained:
    return await send_mails.drain(pool, mail.Smtp(server.settings()), BRAND, **options)


async def make_due(pool: Pool) -> None:
    """Let the waits and leases of all messages pass."""
    async with pool.connection() as conn:
        await sql.run(conn, "UPDATE outbox SET next_try_at = topup_now() WHERE sent_at IS NULL")


async def rows(pool: Pool, column: str) -> list[Any]:
    """One figure of each message, in the order they were put."""
    columns = """
        SELECT jsonb_build_object(
            'details', details, 'recipient', recipient, 'last_error', last_error, 'sent', sent_at IS NOT NULL,
            'given_up', given_up_at IS NOT NULL, 'wait', extract(epoch FROM next_try_at - topup_now())
        ) FROM outbox ORDER BY id
    """
    async with pool.connection() as conn:
        return [row[column] for row in await sql.values(conn, columns)]


async def test_a_message_becomes_one_mail(pool: Pool, server: MailServer) -> None:
    await put(pool, mails.VERIFICATION_CODE, **CODE)
    assert await drain(pool, server) == send_mails.Drained(sent=1)
    assert await drain(pool, server) == send_mails.Drained()
    (arrived,) = server.arrived
    assert arrived.recipients == ["alice@example.com"]
    assert "482913" in arrived.text
    assert await rows(pool, "sent") == [True]


async def test_a_cause_told_twice_is_one_mail_and_of_two_kinds_two(pool: Pool) -> None:
    assert await put(pool, mails.ALREADY_REGISTERED)
    assert not await put(pool, mails.ALREADY_REGISTERED, firstName="Bob")
    assert await put(pool, mails.VERIFICATION_CODE, **CODE)
    async with pool.connection() as conn:
        twins = [outbox.Message(mails.RECEIPT, cause, "alice@example.com", {}) for cause in ("b", "a", "b")]
        assert await outbox.put_many(conn, twins) == 2
        assert await outbox.put_many(conn, []) == 0


async def test_a_message_of_a_rolled_back_cause_is_never_sent(pool: Pool, server: MailServer) -> None:
    async with pool.connection() as conn:
        await outbox.put(conn, kind=mails.ALREADY_REGISTERED, cause="1", recipient="alice@example.com", details={})
        await conn.rollback()
    assert await drain(pool, server) == send_mails.Drained()


async def test_a_code_is_wiped_once_it_is_sent_and_once_it_is_given_up(pool: Pool, server: MailServer) -> None:
    server.replies_to_recipient["nobody@example.com"] = "550 No such user"
    await put(pool, mails.VERIFICATION_CODE, "1", **CODE)
    await put(pool, mails.VERIFICATION_CODE, "2", "nobody@example.com", **CODE)
    await put(pool, mails.ALREADY_REGISTERED, "3", firstName="Carol")
    assert await drain(pool, server) == send_mails.Drained(sent=2, given_up=1)
    assert await rows(pool, "details") == [{}, {}, {"firstName": "Carol"}]


async def test_two_workers_at_once_send_each_mail_once(pool: Pool, server: MailServer) -> None:
    for number in range(12):
        await put(pool, mails.ALREADY_REGISTERED, str(number), f"person{number}@example.com")
    passes = await asyncio.gather(*(drain(pool, server, messages_max=5) for _ in range(4)))
    assert sum(drained.sent for drained in passes) == 12
    assert len({arrived.recipients[0] for arrived in server.arrived}) == len(server.arrived) == 12


async def test_what_one_worker_is_just_claiming_another_passes_by(pool: Pool) -> None:
    await put(pool, mails.ALREADY_REGISTERED, "1")
    await put(pool, mails.ALREADY_REGISTERED, "2")
    async with pool.connection() as one, pool.connection() as other:
        (first,) = await outbox.claim(one, messages_max=1, lease=send_mails.LEASE)
        (second,) = await outbox.claim(other, messages_max=2, lease=send_mails.LEASE)
    assert first.id != second.id


async def test_a_worker_killed_between_sending_and_recording_causes_one_recognisable_duplicate(
    pool: Pool, server: MailServer
) -> None:
    await put(pool, mails.ALREADY_REGISTERED)
    async with pool.connection() as conn:
        (claimed,) = await outbox.claim(conn, messages_max=1, lease=send_mails.LEASE)
    worded = mail_words.write(
        mail_id=claimed.id, kind=claimed.kind, recipient=claimed.recipient, details={}, brand=BRAND
    )
    await mail.Smtp(server.settings()).send(worded)
    assert await drain(pool, server) == send_mails.Drained()
    await make_due(pool)
    assert await drain(pool, server) == send_mails.Drained(sent=1)
    await make_due(pool)
    assert await drain(pool, server) == send_mails.Drained()
    assert len(server.arrived) == 2
    assert len({arrived.message["Message-ID"] for arrived in server.arrived}) == 1


async def test_a_failure_told_by_a_worker_that_lost_its_lease_changes_nothing(pool: Pool) -> None:
    await put(pool, mails.ALREADY_REGISTERED)
    async with pool.connection() as conn:
        (asleep,) = await outbox.claim(conn, messages_max=1, lease=timedelta())
        (awake,) = await outbox.claim(conn, messages_max=1, lease=timedelta(minutes=1))
        await outbox.give_up(conn, asleep, error="slept")
        await outbox.mark_failed(conn, asleep, error="slept", retry_after=timedelta(days=1))
        assert await outbox.claim(conn, messages_max=1, lease=timedelta()) == []
        await outbox.mark_sent(conn, awake.id)
    assert await rows(pool, "last_error") == [None]
    assert await rows(pool, "given_up") == [False]


async def test_codes_go_before_a_backlog(pool: Pool, server: MailServer) -> None:
    for number in range(30):
        await put(pool, mails.REVIEW_ALERT, str(number), "admin@example.com", paymentId="1", reason="Looks odd.")
    await put(pool, mails.VERIFICATION_CODE, **CODE)
    await drain(pool, server, messages_max=1)
    assert [arrived.recipients for arrived in server.arrived] == [["alice@example.com"]]


async def test_a_slow_mail_holds_up_no_other(pool: Pool, server: MailServer) -> None:
    server.silent_for.add("slow@example.com")
    await put(pool, mails.ALREADY_REGISTERED, "1", "slow@example.com")
    for number in range(2, 6):
        await put(pool, mails.ALREADY_REGISTERED, str(number), f"person{number}@example.com")
    draining = asyncio.create_task(drain(pool, server))
    while await rows(pool, "sent") != [False, True, True, True, True]:  # noqa: ASYNC110 -- seen only by looking
        await asyncio.sleep(0.01)
    server.released.set()
    assert await draining == send_mails.Drained(sent=5)


async def test_a_mail_server_that_is_down_costs_a_later_try_and_a_longer_wait_each_time(
    pool: Pool, server: MailServer
) -> None:
    async with mail_servers.running() as gone:
        pass
    await put(pool, mails.ALREADY_REGISTERED)
    waits = []
    for _ in range(4):
        assert await drain(pool, gone) == send_mails.Drained(failed=1)
        assert await drain(pool, gone) == send_mails.Drained()
        waits.append(round((await rows(pool, "wait"))[0]))
        await make_due(pool)
    assert waits == [2, 4, 8, 16]
    (error,) = await rows(pool, "last_error")
    assert error.startswith("The mail server failed: ")
    assert await drain(pool, server) == send_mails.Drained(sent=1)
    assert await rows(pool, "last_error") == [None]


async def test_after_the_last_try_a_mail_is_given_up_and_stays_to_be_seen(pool: Pool, server: MailServer) -> None:
    server.reply_to_data = "451 Busy"
    await put(pool, mails.ALREADY_REGISTERED)
    async with pool.connection() as conn:
        await sql.run(conn, "UPDATE outbox SET attempts = %s", [mails.ATTEMPTS_MAX - 2])
    assert await drain(pool, server) == send_mails.Drained(failed=1)
    await make_due(pool)
    assert await drain(pool, server) == send_mails.Drained(given_up=1)
    await make_due(pool)
    assert await drain(pool, server) == send_mails.Drained()
    async with pool.connection() as conn:
        backlog = await outbox.backlog(conn)
    assert (backlog.waiting, backlog.given_up) == (0, 1)
    assert backlog.last_error == "The mail server said: 451 Busy"


async def test_a_message_that_cannot_be_worded_stops_no_other(pool: Pool, server: MailServer) -> None:
    await put(pool, "birthday", "1")
    await put(pool, mails.RECEIPT, "2", firstName="Alice")
    await put(pool, mails.ALREADY_REGISTERED, "3")
    assert await drain(pool, server) == send_mails.Drained(sent=1, given_up=2)
    assert await rows(pool, "given_up") == [True, True, False]


async def test_a_code_that_has_expired_is_not_sent_any_more(pool: Pool, server: MailServer) -> None:
    await put(pool, mails.VERIFICATION_CODE, **CODE)
    async with pool.connection() as conn:
        await sql.run(conn, "UPDATE outbox SET created_at = created_at - interval '11 minutes'")
    assert await drain(pool, server) == send_mails.Drained(given_up=1)
    assert server.arrived == []
    assert await rows(pool, "last_error") == ["The code had expired before it could be sent."]


async def test_a_payment_is_credited_while_the_mail_server_is_down_and_its_receipt_comes_later(
    pool: Pool, alice: Person, server: MailServer
) -> None:
    async with mail_servers.running() as gone:
        pass
    payment_id = await people.pending(pool, alice)
    body = stripe_bodies.event("checkout.session.completed", stripe_bodies.session(payment_id))
    delivery = receive.read(body)
    assert delivery is not None
    assert await receive.receive(pool, [delivery], is_live=False) == ["credited"]
    assert await drain(pool, gone) == send_mails.Drained(failed=1)
    async with pool.connection() as conn:
        found = await statements.balance(conn, alice.account_id)
    assert found is not None
    assert found.balance == 100

    assert await receive.receive(pool, [delivery], is_live=False) == ["duplicate"]
    await make_due(pool)
    assert await drain(pool, server) == send_mails.Drained(sent=1)
    (arrived,) = server.arrived
    assert arrived.recipients == [alice.email]
    assert arrived.message["Subject"] == "Payment Successful - 100 Credits Added"
    assert "£10.00 GBP" in arrived.text


async def test_an_alert_goes_to_each_admin_once(pool: Pool, alice: Person, bob: Person, server: MailServer) -> None:
    carol = await people.person(pool, "Carol")
    async with pool.connection() as conn:
        await sql.run(conn, "UPDATE users SET is_admin = true WHERE id = ANY(%s)", [[alice.user_id, carol.user_id]])
        await sql.run(conn, "UPDATE users SET disabled_at = topup_now() WHERE id = %s", [carol.user_id])
        alert = {"paymentId": str(UUID(int=1)), "reason": "Looks odd."}
        assert await outbox.put_for_admins(conn, kind=mails.REVIEW_ALERT, cause="1", details=alert) == 1
        assert await outbox.put_for_admins(conn, kind=mails.REVIEW_ALERT, cause="1", details=alert) == 0
    await drain(pool, server)
    assert [arrived.recipients for arrived in server.arrived] == [[alice.email]]


async def test_old_mails_are_forgotten_but_not_that_they_were_sent(pool: Pool, server: MailServer) -> None:
    await put(pool, mails.ALREADY_REGISTERED, "1", firstName="Alice")
    await put(pool, mails.ALREADY_REGISTERED, "2", "bob@example.com", firstName="Bob")
    await drain(pool, server)
    async with pool.connection() as conn:
        await sql.run(conn, "UPDATE outbox SET sent_at = sent_at - interval '31 days' WHERE cause = '1'")
    assert await forget_mails.forget(pool) == 1
    assert await forget_mails.forget(pool) == 0
    assert await rows(pool, "recipient") == ["", "bob@example.com"]
    assert await rows(pool, "details") == [{}, {"firstName": "Bob"}]
    assert not await put(pool, mails.ALREADY_REGISTERED, "1")
