"""`topup events` as an operator types it: the inbox listed, one event shown, and replayed."""

import psycopg
import pytest

from tests.test_cli import sound, topup

__all__ = ["sound"]

ROWS = """
    UPDATE deployment SET mode = 'test';
    INSERT INTO stripe_events (id, type, api_version, is_live, payload, happened_at, attempts, next_try_at, last_error)
    VALUES ('evt_dead', 'invoice.paid', '2026-10-28.endive', false,
            '{"id": "evt_dead", "object": "event", "type": "brave.new.thing", "data": {"object": {"id": "x_1"}}}',
            topup_now(), 20, topup_now(), 'It failed.'),
           ('evt_odd', 'invoice.paid', '2026-10-28.endive', false, '[]', topup_now(), 20, topup_now(), 'It failed.');
"""


@pytest.fixture
def database(database_url: str) -> str:
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute(ROWS)
    return database_url


def test_events_are_listed_shown_and_replayed(database: str) -> None:
    settings = {"DATABASE_URL": database}
    listed = topup("events", "list", "--outcome", "dead", settings=settings)
    assert listed.returncode == 0, listed.stderr
    assert {line.split()[-1] for line in listed.stdout.splitlines()} == {"id", "evt_dead", "evt_odd"}
    shown = topup("events", "show", "evt_dead", settings=settings)
    assert "last error: It failed." in shown.stdout
    assert '"type": "brave.new.thing"' in shown.stdout
    replayed = topup("events", "replay", "evt_dead", settings=settings)
    assert (replayed.returncode, "outcome:    unknown_type" in replayed.stdout) == (0, True)


def test_a_replay_that_fails_again_ends_with_status_1(database: str) -> None:
    settings = {"DATABASE_URL": database}
    one = topup("events", "replay", "evt_odd", settings=settings)
    assert (one.returncode, "outcome:    waiting" in one.stdout) == (1, True)
    every = topup("events", "replay", "--failed", settings=settings)
    assert (every.returncode, every.stdout) == (1, "2 events replayed, 1 of them failed again.\n")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["replay"], "Name one event, or say --failed."),
        (["replay", "evt_1", "--failed"], "Name one event, or say --failed."),
        (["show", "evt_nobody"], "No event evt_nobody ever came."),
    ],
)
def test_what_cannot_be_done_is_one_sentence(database: str, arguments: list[str], told: str) -> None:
    refused = topup("events", *arguments, settings={"DATABASE_URL": database})
    assert (refused.returncode, refused.stderr) == (1, f"{told}\n")
