"""`topup verify` as somebody runs it: what it prints, how it exits, and what becomes of the anchor."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from tests import people
from tests.ledger import world
from topup import errors
from topup.core import ids
from topup.db import invariants
from topup.ledger import commands
from topup.runtime import verifying
from topup.settings import Settings

SPOIL = "UPDATE accounts SET held = held + 1 WHERE id = %s"
MEND = "UPDATE accounts SET held = held - 1, frozen_at = NULL, frozen_reason = NULL WHERE id = %s"
THAW = "UPDATE accounts SET frozen_at = NULL, frozen_reason = NULL WHERE id = %s"


@pytest.fixture(scope="module")
async def carol(shared_database_url: str) -> AsyncIterator[UUID]:
    """Carol, who was given credits, and the clock of a demo."""
    async with people.Pool(shared_database_url, min_size=1, max_size=1, open=False) as pool:
        made = world.World(pool)
        await made.open("carol")
        await made.give("carol", 5)
        yield made.accounts["carol"]


async def run(database_url: str, anchor: Path | None = None) -> verifying.Outcome:
    return await verifying.run(database_url, anchor=anchor)


async def test_healthy_database_is_one_line_and_leaves_an_anchor(
    carol: UUID, shared_database_url: str, tmp_path: Path
) -> None:
    anchor = tmp_path / "anchor"
    for _ in range(2):
        outcome = await run(shared_database_url, anchor)
        assert outcome.is_well
        [line] = outcome.lines
        assert line.startswith(f"All {len(invariants.ALL)} invariants hold: 1 lines on 1 accounts")
    assert str(carol) in anchor.read_text()


def test_breach_is_named_freezes_its_account_and_fails_the_command(
    carol: UUID, shared_database_url: str, tmp_path: Path
) -> None:
    """Fault 90. The anchor of a ledger that is not well is not renewed."""
    anchor = tmp_path / "anchor"
    program = [sys.executable, "-c", "from topup.cli import main; main()", "verify", "--anchor", str(anchor)]
    with psycopg.connect(shared_database_url, autocommit=True) as connection:
        connection.execute(SPOIL, [carol])
        environment = {**os.environ, "DATABASE_URL": shared_database_url}
        ended = subprocess.run(program, env=environment, capture_output=True, text=True, check=False)
        connection.execute(MEND, [carol])
    assert (ended.returncode, ended.stderr) == (1, "")
    assert f"BROKEN H1_held_of_accounts: account {carol}." in ended.stdout
    assert f"frozen account {carol}" in ended.stdout
    assert not anchor.exists()


async def test_line_that_an_anchor_names_and_that_is_gone_is_a_breach(
    carol: UUID, shared_database_url: str, tmp_path: Path
) -> None:
    """Fault 90: also where nothing else gives it away."""
    anchor = tmp_path / "anchor"
    await run(shared_database_url, anchor)
    anchor.write_text(anchor.read_text().replace(f"{carol} 1", f"{carol} 2"))
    outcome = await run(shared_database_url, anchor)
    with psycopg.connect(shared_database_url, autocommit=True) as connection:
        connection.execute(THAW, [carol])
    assert not outcome.is_well
    assert outcome.lines[0].startswith(f"BROKEN L7_anchor: entry {carol}#2.")


async def test_file_that_is_no_anchor_is_refused_and_left_alone(
    carol: UUID, shared_database_url: str, tmp_path: Path
) -> None:
    diary = tmp_path / "diary"
    diary.write_text("Dear diary")
    with pytest.raises(errors.Unreadable):
        await run(shared_database_url, diary)
    assert diary.read_text() == "Dear diary"


async def test_work_left_undone_is_told_and_is_no_breach(carol: UUID, shared_database_url: str) -> None:
    """Fault 41: a sweep that did not run."""
    hold_id = ids.new()
    async with people.Pool(shared_database_url, min_size=1, max_size=1, open=False) as pool:
        made = world.World(pool, {"carol": carol})
        await made.run("UPDATE deployment SET is_demo = true")
        await made.do(commands.PlaceHold(carol, 1, hold_id, 60, "application:host"))
        await made.wait(minutes=12)
        outcome = await run(shared_database_url)
        await made.do(commands.Settle(carol))
    assert outcome.is_well
    assert outcome.lines[0].startswith(f"late   H4_ended_holds_are_closed: hold {hold_id}.")


def test_without_a_database_it_says_so(tmp_path: Path) -> None:
    given = Settings.from_environment({})
    with pytest.raises(errors.Unavailable, match="No demo"), verifying.database_url(given, tmp_path):
        pass


async def test_database_that_cannot_be_reached_is_one_sentence() -> None:
    with pytest.raises(errors.Unavailable, match="cannot be reached"):
        await run("postgresql://nobody@127.0.0.1:1/nothing")


async def test_schema_of_another_version_is_refused(empty_database_url: str) -> None:
    with pytest.raises(errors.Unavailable) as refused:
        await run(empty_database_url)
    assert refused.value.code == "schema_behind"
