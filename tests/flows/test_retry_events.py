"""An event whose effect fails: tried again with growing pauses, dead at last, seen, replayed, and never in the way."""

from typing import Any, LiteralString

import psycopg
import pytest

from tests import people, stripe_bodies
from tests.flows.test_receive import balance, deliver
from tests.people import Person, Pool
from topup import errors
from topup.db import events, inbox, sql
from topup.flows import forget_events, retry_events

BUG: LiteralString = "ALTER TABLE lots ADD CONSTRAINT bug CHECK (amount <> 100)"
MENDED: LiteralString = "ALTER TABLE lots DROP CONSTRAINT bug"
NOW: LiteralString = "UPDATE stripe_events SET next_try_at = topup_now()"


async def run(pool: Pool, *statements: LiteralString) -> None:
    async with pool.connection() as conn:
        for statement in statements:
            await sql.run(conn, statement)


async def value(pool: Pool, statement: LiteralString) -> Any:  # noqa: ANN401 - the statement decides
    async with pool.connection() as conn:
        return await sql.value(conn, statement)


async def failing(pool: Pool, person: Person) -> str:
    """A paid event that cannot be applied; its id."""
    body = stripe_bodies.event(
        "checkout.session.completed", stripe_bodies.session(await people.pending(pool, person)), event_id="evt_paid"
    )
    await run(pool, BUG)
    assert await deliver(pool, body) == ["failed"]
    return "evt_paid"


async def row(pool: Pool, event_id: str) -> inbox.Row:
    async with pool.connection() as conn:
        found = await inbox.find(conn, event_id)
    assert found is not None
    return found


async def test_pauses_double_from_ten_seconds_to_six_hours_and_are_spread(pool: Pool, alice: Person) -> None:
    """Fault 15."""
    await failing(pool, alice)
    pauses = []
    for _ in range(events.ATTEMPTS_MAX - 1):
        await run(pool, NOW)
        assert await retry_events.due(pool, is_live=False) == retry_events.Tried(1, 1)
        pauses.append(
            float(
                await value(
                    pool, "SELECT extract(epoch FROM next_try_at - topup_now()) FROM stripe_events WHERE attempts > 0"
                )
            )
        )
    for tried, pause_seconds in enumerate(pauses, start=1):
        middle_seconds = min(10 * 2**tried, 6 * 3600)
        assert middle_seconds * 0.7 < pause_seconds < middle_seconds * 1.3
    assert len({round(pause_seconds / 6 / 3600, 6) for pause_seconds in pauses[-5:]}) == 5


async def test_an_event_that_always_fails_is_dead_after_twenty_tries_and_told_once(pool: Pool, alice: Person) -> None:
    """Fault 15 and E2: no longer tried, never unseen."""
    await run(
        pool,
        """INSERT INTO users (id, email, first_name, last_name, role, is_admin)
        VALUES (gen_random_uuid(), 'ada@example.com', 'Ada', 'Admin', 'STUDENT', true)""",
    )
    event_id = await failing(pool, alice)
    for _ in range(events.ATTEMPTS_MAX + 3):
        await run(pool, NOW)
        await retry_events.due(pool, is_live=False)
    found = await row(pool, event_id)
    assert (found.outcome, found.attempts) == ("dead", events.ATTEMPTS_MAX)
    assert "bug" in (found.last_error or "")
    assert await value(pool, "SELECT count(*) FROM outbox WHERE kind = 'attention'") == 1
    assert await value(pool, "SELECT details->>'hint' FROM outbox WHERE kind = 'attention'") == (
        "Mend the cause, then run: topup events replay evt_paid"
    )


async def test_a_poisoned_event_holds_up_no_other(pool: Pool, alice: Person, bob: Person) -> None:
    """Fault 15: not one that raises, nor one that waits for a lock in vain, nor one that cannot be read."""
    await failing(pool, alice)
    locked = await people.pending(pool, alice, credits=7)
    good = await people.pending(pool, bob, credits=8)
    for payment_id in (locked, good):
        session = stripe_bodies.session(payment_id, session_id=f"cs_{payment_id}", intent_id=f"pi_{payment_id}")
        await run(pool, "ALTER TABLE lots ADD CONSTRAINT bugs CHECK (amount NOT IN (7, 8))")
        assert await deliver(pool, stripe_bodies.event("checkout.session.completed", session)) == ["failed"]
        await run(pool, "ALTER TABLE lots DROP CONSTRAINT bugs")
    await run(
        pool,
        """INSERT INTO stripe_events (id, type, is_live, happened_at, payload, next_try_at)
        VALUES ('evt_odd', 'x', false, topup_now(), '[]', topup_now())""",
        NOW,
        "UPDATE stripe_events SET next_try_at = topup_now() - interval '1 hour' WHERE id IN ('evt_odd', 'evt_paid')",
    )
    async with pool.connection() as holding:
        await sql.run(holding, "SELECT FROM payments WHERE id = %s FOR UPDATE", [locked])
        with pytest.raises(psycopg.errors.LockNotAvailable):
            await retry_events.due(pool, is_live=False)
        await holding.rollback()
    assert await balance(pool, bob) == 8
    assert "event that can be read" in ((await row(pool, "evt_odd")).last_error or "")
    assert {found.outcome for found in [await row(pool, "evt_odd"), await row(pool, "evt_paid")]} == {"waiting"}


async def test_an_event_that_kills_its_worker_comes_to_an_end(pool: Pool, alice: Person) -> None:
    """Tries are counted before they are made."""
    await failing(pool, alice)
    for _ in range(events.ATTEMPTS_MAX - 1):
        await run(pool, NOW)
        async with pool.connection() as conn:
            assert await events.claim(conn) is not None
    await run(pool, NOW)
    assert await retry_events.due(pool, is_live=False) == retry_events.Tried(0, 0)


async def test_two_workers_take_different_events(pool: Pool, alice: Person) -> None:
    await failing(pool, alice)
    await deliver(
        pool,
        stripe_bodies.event("checkout.session.completed", stripe_bodies.session(await people.pending(pool, alice))),
    )
    await run(pool, NOW)
    async with pool.connection() as one, pool.connection() as other:
        first, second = await events.claim(one), await events.claim(other)
        assert first is not None
        assert second is not None
        assert first.id != second.id


async def test_replay_applies_what_failed_and_nothing_twice(pool: Pool, alice: Person) -> None:
    event_id = await failing(pool, alice)
    await run(pool, "UPDATE stripe_events SET attempts = 20", MENDED)
    assert (await retry_events.replay(pool, event_id, is_live=False)).outcome == "credited"
    assert await balance(pool, alice) == 100
    assert (await retry_events.replay(pool, event_id, is_live=False)).outcome == "unchanged"
    assert await balance(pool, alice) == 100


async def test_a_replay_that_fails_again_says_why_and_is_tried_by_itself(pool: Pool, alice: Person) -> None:
    event_id = await failing(pool, alice)
    await run(pool, "UPDATE stripe_events SET attempts = 20")
    found = await retry_events.replay(pool, event_id, is_live=False)
    assert (found.outcome, found.attempts) == ("waiting", 1)
    assert "bug" in (found.last_error or "")


async def test_all_that_failed_is_replayed_at_once(pool: Pool, alice: Person) -> None:
    await failing(pool, alice)
    await run(pool, "UPDATE stripe_events SET attempts = 20")
    assert await retry_events.replay_failed(pool, is_live=False) == retry_events.Tried(1, 1)
    await run(pool, MENDED)
    assert await retry_events.replay_failed(pool, is_live=False) == retry_events.Tried(1, 0)
    assert await retry_events.replay_failed(pool, is_live=False) == retry_events.Tried(0, 0)
    assert await balance(pool, alice) == 100


async def test_old_content_is_pruned_and_the_id_still_stops_a_second_effect(pool: Pool, alice: Person) -> None:
    body = stripe_bodies.event(
        "checkout.session.completed", stripe_bodies.session(await people.pending(pool, alice)), event_id="evt_old"
    )
    assert await deliver(pool, body) == ["credited"]
    await run(pool, "UPDATE stripe_events SET received_at = received_at - interval '89 days'")
    assert await forget_events.forget(pool, kept_days=90) == 0
    await run(pool, "UPDATE stripe_events SET received_at = received_at - interval '2 days'")
    assert await forget_events.forget(pool, kept_days=90) == 1
    assert await forget_events.forget(pool, kept_days=90) == 0
    assert (await row(pool, "evt_old")).is_pruned
    assert await deliver(pool, body) == ["duplicate"]
    assert await balance(pool, alice) == 100
    with pytest.raises(errors.Conflict, match="pruned") as refused:
        await retry_events.replay(pool, "evt_old", is_live=False)
    assert refused.value.code == "event_pruned"
    assert (await row(pool, "evt_old")).outcome == "credited"


async def test_what_is_not_processed_keeps_its_content_however_old(pool: Pool, alice: Person) -> None:
    event_id = await failing(pool, alice)
    await run(pool, "UPDATE stripe_events SET received_at = received_at - interval '900 days'")
    assert await forget_events.forget(pool, kept_days=1) == 0
    await run(pool, MENDED)
    assert (await retry_events.replay(pool, event_id, is_live=False)).outcome == "credited"


async def test_an_event_that_never_came_cannot_be_replayed(pool: Pool) -> None:
    with pytest.raises(errors.NotFound):
        await retry_events.replay(pool, "evt_nobody", is_live=False)
