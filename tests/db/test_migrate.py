"""Migrations while traffic goes on: a long read delays them, and they delay nobody for long."""

import threading
import time

import psycopg
import pytest

from topup import errors
from topup.db import migrate
from topup.runtime import house

# It changes a table that every statement about money reads; that one did it first is all that matters here.
BEFORE = "0011"
TRAFFIC = "SELECT topup_now()"
STALL_SECONDS_MAX = 2.0  # twice the migration's own patience: a request gives up then


@pytest.fixture
def old_database_url(empty_database_url: str) -> str:
    migrate.upgrade(empty_database_url, BEFORE)
    return empty_database_url


@pytest.mark.slow
def test_migration_behind_a_long_read_delays_traffic_by_no_more_than_its_patience(old_database_url: str) -> None:
    """Fault 91."""
    stalls, tries = list[float](), 0
    migration = threading.Thread(target=migrate.upgrade, args=[old_database_url])
    with (
        psycopg.connect(old_database_url) as reader,
        psycopg.connect(old_database_url, options=house.CONNECTION_OPTIONS, autocommit=True) as traffic,
    ):
        reader.execute("SELECT * FROM deployment")
        migration.start()
        ends = time.monotonic() + 5
        while time.monotonic() < ends:
            started = time.monotonic()
            traffic.execute(TRAFFIC)
            stalls.append(time.monotonic() - started)
            tries += stalls[-1] > STALL_SECONDS_MAX / 4
            time.sleep(0.01)
        assert migrate.current_revision(old_database_url) == BEFORE
    migration.join(timeout=30)
    assert migrate.current_revision(old_database_url) == migrate.head_revision()
    assert tries >= 1, "the migration never waited, so nothing was tested"
    assert max(stalls) < STALL_SECONDS_MAX
    assert len(stalls) > 50


def test_migration_that_gets_no_lock_says_so_and_changes_nothing(
    old_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "LOCK_PATIENCE_SECONDS", 0.0)
    with psycopg.connect(old_database_url) as reader:
        reader.execute("SELECT * FROM deployment")
        with pytest.raises(errors.Unavailable, match="Somebody holds a lock"):
            migrate.upgrade(old_database_url)
    assert migrate.current_revision(old_database_url) == BEFORE


def test_running_process_goes_on_when_the_schema_moves_on(old_database_url: str) -> None:
    """Fault 92: what runs is left alone, what starts is refused in one sentence."""
    with psycopg.connect(old_database_url, autocommit=True) as running:
        running.execute(TRAFFIC)
        with pytest.raises(errors.Unavailable, match="behind this program"):
            migrate.ensure_current(old_database_url)
        migrate.upgrade(old_database_url)
        running.execute(TRAFFIC)
        running.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(errors.Unavailable, match="newer than this program"):
        migrate.ensure_current(old_database_url)
