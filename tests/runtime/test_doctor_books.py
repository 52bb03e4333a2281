"""What `topup doctor` says of what runs by itself: silent timers, Stripe's books, events not as expected (14, 95)."""

import psycopg
import pytest

from tests.runtime.test_doctor import box, database, examined, mail_server, settings
from topup.core import timers
from topup.runtime.doctor import inside
from topup.runtime.doctor.findings import State
from topup.settings import Settings

__all__ = ["box", "database", "mail_server", "settings"]


async def said(given: Settings, check: str) -> str:
    [found] = [one.result for one in await inside.examine(given) if one.check == check]
    return found


@pytest.mark.parametrize("name", list(timers.TIMERS))
async def test_a_timer_that_is_silent_for_too_long_is_named(
    settings: Settings, database: psycopg.Connection, name: str
) -> None:
    """Fault 95 and invariant E7."""
    limit_seconds = timers.TIMERS[name]
    backwards = "UPDATE heartbeats SET beaten_at = clock_timestamp() - make_interval(secs => %s) WHERE name = %s"
    database.execute(backwards, [limit_seconds - 30, name])
    assert await said(settings, "timers") == f"all {len(timers.TIMERS)} have run in their time"
    database.execute(backwards, [limit_seconds + 30, name])
    assert (await examined(settings))["timers"] is State.FAILED
    assert f"{name} (" in await said(settings, "timers")


async def test_a_timer_that_never_ran_is_named_once_it_had_the_time(
    settings: Settings, database: psycopg.Connection
) -> None:
    database.execute("DELETE FROM heartbeats WHERE name = 'reconcile'")
    assert await examined(settings) == {}
    database.execute("UPDATE deployment SET created_at = clock_timestamp() - interval '27 hours'")
    assert await examined(settings) == {"timers": State.FAILED}
    assert "reconcile (never)" in await said(settings, "timers")


async def test_what_the_last_comparison_left_unexplained_is_named(
    settings: Settings, database: psycopg.Connection
) -> None:
    database.execute("UPDATE reconciliations SET unexplained = 3")
    assert await examined(settings) == {"reconcile": State.FAILED}
    assert "3 unexplained" in await said(settings, "reconcile")
    database.execute("UPDATE reconciliations SET scope = 'command'")
    assert await examined(settings) == {"reconcile": State.WARNING}


async def test_events_of_another_version_and_of_unknown_types_are_named(
    settings: Settings, database: psycopg.Connection
) -> None:
    """Faults 14 and 98: a drift is seen before it hurts."""
    database.execute(
        """INSERT INTO stripe_events (id, type, api_version, is_live, happened_at, processed_at, outcome)
           VALUES ('evt_1', 'brave.new.thing', '2026-10-28.endive', false, topup_now(), topup_now(), 'unknown_type'),
                  ('evt_2', 'x', '2031-01-01.zenith', true, topup_now(), topup_now(), 'ignored')"""
    )
    assert await examined(settings) == {"event types": State.WARNING}
    assert "brave.new.thing" in await said(settings, "event types")
    database.execute("UPDATE stripe_events SET api_version = '2031-01-01.zenith', outcome = 'noted' WHERE id = 'evt_1'")
    assert await examined(settings) == {"event versions": State.FAILED}
    assert "2031-01-01.zenith" in await said(settings, "event versions")
    database.execute("UPDATE stripe_events SET received_at = received_at - interval '2 days'")
    assert await examined(settings) == {}


async def test_frozen_accounts_are_named(settings: Settings, database: psycopg.Connection) -> None:
    database.execute(
        """INSERT INTO accounts (id, unit, external_id, frozen_at)
           VALUES (gen_random_uuid(), 'credit', 'host-1', topup_now())"""
    )
    assert await examined(settings) == {"accounts": State.FAILED}
