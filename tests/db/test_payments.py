"""Payments as rows: what the table refuses, and what hundreds of outcomes at once look like."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import psycopg
import pytest

from tests import people
from topup.core import ids
from topup.db import payments


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[people.Pool]:
    async with people.Pool(database_url, min_size=1, open=False) as opened:
        yield opened


async def test_outcomes_of_hundreds_are_written_at_once(pool: people.Pool) -> None:
    buyer = await people.person(pool, "Alice")
    made = [await people.pending(pool, buyer) for _ in range(300)]
    paid_at = datetime(2026, 11, 22, tzinfo=UTC)
    changes = [
        payments.Change(payment_id, "COMPLETED", stripe_intent_id=f"pi_{n}", paid_minor=n, completed_at=paid_at)
        for n, payment_id in enumerate(made[:200])
    ]
    changes += [payments.Change(payment_id, "REVIEW", review_reason="odd") for payment_id in made[200:]]
    async with pool.connection() as conn:
        await payments.change_many(conn, changes)
        await payments.change_many(conn, [])
        found = await payments.lock_many(conn, made)
    assert [payment.id for payment in found] == sorted(made)
    as_made = sorted(found, key=lambda payment: made.index(payment.id))
    assert [(p.status, p.paid_minor, p.stripe_intent_id, p.review_reason) for p in as_made[198:202]] == [
        ("COMPLETED", 198, "pi_198", None),
        ("COMPLETED", 199, "pi_199", None),
        ("REVIEW", None, None, "odd"),
        ("REVIEW", None, None, "odd"),
    ]


async def test_what_is_not_told_stays_as_it_is(pool: people.Pool) -> None:
    payment_id = await people.pending(pool, await people.person(pool, "Alice"))
    async with pool.connection() as conn:
        await payments.change_many(conn, [payments.Change(payment_id, "PROCESSING", stripe_intent_id="pi_1")])
        await payments.change_many(conn, [payments.Change(payment_id, "FAILED")])
        found = await payments.find(conn, payment_id)
    assert found is not None
    assert (found.status, found.stripe_intent_id) == ("FAILED", "pi_1")


async def test_payment_is_found_by_any_name_stripe_has_for_it(pool: people.Pool) -> None:
    buyer = await people.person(pool, "Alice")
    made = [await people.pending(pool, buyer) for _ in range(4)]
    async with pool.connection() as conn:
        await payments.change_many(
            conn,
            [
                payments.Change(made[1], "PROCESSING", stripe_session_id="cs_1"),
                payments.Change(made[2], "PROCESSING", stripe_intent_id="pi_1"),
                payments.Change(made[3], "PROCESSING", stripe_invoice_id="in_1"),
            ],
        )
        found = await payments.ids_by_stripe(
            conn,
            payment_ids=[made[0], made[1], ids.new()],
            session_ids=["cs_1", "cs_2"],
            intent_ids=["pi_1"],
            invoice_ids=["in_1"],
        )
        assert found == sorted(made)
        assert await payments.ids_by_stripe(conn) == []


async def test_pages_of_own_payments_meet_without_gap_or_repeat(pool: people.Pool) -> None:
    alice, bob = await people.person(pool, "Alice"), await people.person(pool, "Bob")
    made = [await people.pending(pool, alice) for _ in range(5)]
    await people.pending(pool, bob)
    async with pool.connection() as conn:
        first = await payments.list_own(conn, user_id=alice.user_id, before=None, limit=3)
        rest = await payments.list_own(conn, user_id=alice.user_id, before=first[-1].id, limit=3)
        assert await payments.find_own(conn, made[0], user_id=bob.user_id) is None
    assert [payment.id for payment in [*first, *rest]] == sorted(made, reverse=True)


async def test_first_session_written_stays(pool: people.Pool) -> None:
    """Of two answers to one checkout the buyer is sent to one."""
    payment_id = await people.pending(pool, await people.person(pool, "Alice"))
    until = datetime(2026, 11, 23, tzinfo=UTC)
    first = payments.OpenedSession(payment_id, "cs_1", "cus_1", "https://x/1", until)
    second = payments.OpenedSession(payment_id, "cs_2", "cus_1", "https://x/2", until)
    async with pool.connection() as conn:
        stored = [await payments.store_session(conn, one) for one in (first, second, first)]
        assert stored == [True, False, True]
        assert not await payments.next_attempt(conn, payment_id, after=1)


async def test_one_attempt_has_one_successor(pool: people.Pool) -> None:
    payment_id = await people.pending(pool, await people.person(pool, "Alice"))
    async with pool.connection() as conn:
        assert [await payments.next_attempt(conn, payment_id, after=1) for _ in range(2)] == [True, False]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE payments SET credits = credits + 1",
        "UPDATE payments SET price_minor = 1",
        "UPDATE payments SET is_live = true",
        "UPDATE payments SET status = 'FAILED'; UPDATE payments SET status = 'EXPIRED'",
        "UPDATE payments SET status = 'COMPLETED'",
        "DELETE FROM payments",
    ],
)
async def test_snapshot_and_history_are_guarded_by_the_table_itself(pool: people.Pool, statement: str) -> None:
    """Faults 5 and 58, even against a bug of ours."""
    await people.pending(pool, await people.person(pool, "Alice"))
    async with pool.connection() as conn:
        with pytest.raises(psycopg.errors.IntegrityError):
            await conn.execute(statement.encode())
        await conn.rollback()
