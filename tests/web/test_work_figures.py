"""The figures that alarms are made of follow what happens: a heart that stops, a mail that waits (fault 95)."""

import asyncio

import prometheus_client
import psycopg
import pytest

from tests import people
from topup.runtime.house import House
from topup.web import work_figures


def figure(name: str, /, **labels: str) -> float | None:
    return prometheus_client.REGISTRY.get_sample_value(name, labels)


async def watched(house: House) -> None:
    """Look once, as the loop does."""
    stop = asyncio.Event()
    before = figure("topup_work_seen_timestamp_seconds")
    async with asyncio.TaskGroup() as group:
        group.create_task(work_figures.watch(house.pool, stop=stop))
        while figure("topup_work_seen_timestamp_seconds") == before:  # noqa: ASYNC110 -- a figure tells nobody
            await asyncio.sleep(0.01)
        stop.set()


async def test_ages_grow_while_nobody_works(house: House, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute(
            """INSERT INTO heartbeats (name, beaten_at) VALUES ('outbox', clock_timestamp() - interval '1 hour');
               INSERT INTO outbox (id, kind, cause, recipient, details, created_at)
               VALUES (gen_random_uuid(), 'receipt', '1', 'x', '{}', topup_now() - interval '1 hour');
               INSERT INTO stripe_events (id, type, is_live, happened_at, received_at, attempts)
               VALUES ('evt_1', 'x', false, topup_now(), topup_now() - interval '1 hour', 20);"""
        )
    await watched(house)
    hour = pytest.approx(3600, abs=60)
    assert figure("topup_heartbeat_age_seconds", name="outbox") == hour
    assert (figure("topup_outbox_waiting"), figure("topup_outbox_oldest_seconds")) == (1, hour)
    assert (figure("topup_inbox_given_up"), figure("topup_inbox_oldest_seconds")) == (1, hour)
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute("UPDATE outbox SET sent_at = topup_now()")
    await watched(house)
    assert (figure("topup_outbox_waiting"), figure("topup_outbox_oldest_seconds")) == (0, 0)


async def test_a_refund_that_nobody_reads_at_stripe_grows_old(house: House, database_url: str) -> None:
    payment_id = await people.pending(house.pool, await people.person(house.pool, "Wolf"))
    with psycopg.connect(database_url, autocommit=True) as owner:
        due = "INSERT INTO money_back_due (payment_id, since) VALUES (%s, topup_now() - interval '1 hour')"
        owner.execute(due, [payment_id])
        await watched(house)
        assert figure("topup_money_back_oldest_seconds") == pytest.approx(3600, abs=60)
        owner.execute("DELETE FROM money_back_due")
    await watched(house)
    assert figure("topup_money_back_oldest_seconds") == 0


async def test_a_look_that_fails_is_not_taken_for_a_good_one(
    house: House, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work_figures, "LOOK_EVERY_SECONDS", 0.01)
    work_figures.SEEN.set(0)
    stop = asyncio.Event()
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute("ALTER TABLE heartbeats RENAME TO away")
        async with asyncio.TaskGroup() as group:
            group.create_task(work_figures.watch(house.pool, stop=stop))
            await asyncio.sleep(0.1)
            assert figure("topup_work_seen_timestamp_seconds") == 0
            owner.execute("ALTER TABLE away RENAME TO heartbeats")
            while not figure("topup_work_seen_timestamp_seconds"):  # noqa: ASYNC110 -- as above
                await asyncio.sleep(0.01)
            stop.set()
