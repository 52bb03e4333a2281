"""Processes killed in the middle of spending: what was answered is written, and nothing is written twice."""

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from tests import people
from tests.asking import Machine
from topup.db import sql
from topup.flows import verify

pytestmark = pytest.mark.storm

ROOT = Path(__file__).parents[2]
SPENDERS = 2
ANSWERS_BEFORE_THE_KILL = 40
KEYS = "SELECT key FROM idempotency WHERE status = 201"
CAUSES = "SELECT cause_id FROM transfers WHERE cause_type = 'spender' AND debit_account = %s"


@pytest.fixture
async def machine(shared_database_url: str) -> AsyncIterator[Machine]:
    async with people.Pool(shared_database_url, min_size=1, max_size=4, open=False) as pool:
        yield Machine(pool)


def start(database_url: str, account_id: UUID, name: str) -> subprocess.Popen[str]:
    program = [sys.executable, "-m", "tests.storm.spender", database_url, str(account_id), name]
    environment = {"PYTHONPATH": f"{ROOT}:{ROOT / 'src'}", "PATH": "/usr/bin:/bin"}
    return subprocess.Popen(program, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)


async def test_every_answered_spend_of_a_killed_process_is_in_the_statement(
    machine: Machine, shared_database_url: str
) -> None:
    """Faults 17 and 20: kill -9, with more requests on their way."""
    account_id = await machine.open(1_000_000)
    spenders = [start(shared_database_url, account_id, f"spender{n}") for n in range(SPENDERS)]
    answered: list[str] = []
    for spender in spenders:
        assert spender.stdout is not None
        answered += [spender.stdout.readline().strip() for _ in range(ANSWERS_BEFORE_THE_KILL)]
        spender.kill()
        answered += spender.stdout.read().split("\n")
        spender.wait()
        spender.stdout.close()
    keys_answered = {key for key in answered if key.count("-") == 2 and key.rpartition("-")[2].isdigit()}

    async with machine.pool.connection() as conn:
        keys = set(await sql.values(conn, KEYS))
        causes = await sql.values(conn, CAUSES, [account_id])
    assert len(keys_answered) >= SPENDERS * ANSWERS_BEFORE_THE_KILL
    assert keys_answered <= keys, "answered and not written"
    assert sorted(causes) == sorted(keys), "an effect without its answer, or an answer without its effect"
    assert await machine.balance(account_id) == 1_000_000 - len(causes)
    assert (await verify.verify(machine.pool)).breaches == ()
