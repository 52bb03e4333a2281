"""Thousands of right and wrong requests made from the description, against the application on a real socket.

Whatever is sent: never a fault of ours, never a status or a shape that is not described, nothing right refused and
nothing wrong taken, nothing done for somebody unknown (faults 62, 65, 66, 68, 82, 84).
"""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from tests.web import schemathesis_hooks, served
from tests.web.conftest import PASSWORD, mailed_code
from topup.flows import create_admin, seed_packages
from topup.runtime import house as houses
from topup.settings import Settings

ROOT = Path(__file__).parent.parent.parent
# A signature that matches its body cannot be made up, and whose cards are meant must be said where somebody pays for
# several institutions; rosters are no JSON, and an end in the past is refused. Tests of these doors say it themselves.
LEFT_OUT = "/api/(webhooks/stripe|stripe/|sessions/purchases|sessions/rosters|accounts/.*/grants)"
# Not enough credits is how a right request may end here; the rest is what schemathesis takes by itself.
WORDS = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", 401, 402, 403, 404, 409, 429]
"""

pytestmark = pytest.mark.slow


async def _furnish(settings: Settings) -> None:
    async with houses.opened(settings) as house:
        await seed_packages.seed(house.pool)
        await create_admin.create_admin(
            house.pool, email="admin@example.com", password=PASSWORD, first_name="Ada", last_name="Admin"
        )


def _attack(url: str, login: httpx2.Response, tmp_path: Path, *options: str) -> None:
    """Let schemathesis loose as somebody; every failure it finds is told."""
    assert login.status_code == 200, login.text
    headers = {"Authorization": f"Bearer {login.json()['accessToken']}"}
    school = {"name": "Hill School", "billingEmail": "bills@hill.example"}
    made = httpx2.post(f"{url}/api/institutions", json=school, headers=headers)
    assert made.status_code == 201, made.text
    (tmp_path / "schemathesis.toml").write_text(WORDS, encoding="utf-8")
    run = subprocess.run(
        [
            str(Path(sys.executable).with_name("schemathesis")),
            *("run", f"{url}/openapi.json", "--checks=all", f"--exclude-path-regex={LEFT_OUT}"),
            *("--no-shrink", "--seed=1", "--warnings=off", "--max-failures=5"),
            *("-H", f"Authorization: Bearer {login.json()['accessToken']}", *options),
        ],
        cwd=tmp_path,
        env={
            **os.environ,
            "SCHEMATHESIS_HOOKS": "tests.web.schemathesis_hooks",
            "PYTHONPATH": str(ROOT),
            schemathesis_hooks.INSTITUTION: made.json()["id"],
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_an_admin_finds_no_hole_in_the_api(settings: Settings, tmp_path: Path) -> None:
    asyncio.run(_furnish(settings))
    with served.running(settings) as url:
        who = {"email": "admin@example.com", "password": PASSWORD}
        login = httpx2.post(f"{url}/api/auth/login", json=who)
        _attack(url, login, tmp_path, "--phases=coverage,fuzzing", "--max-examples=3")


def test_a_student_finds_no_hole_in_the_api(settings: Settings, tmp_path: Path, database_url: str) -> None:
    asyncio.run(_furnish(settings))
    with served.running(settings) as url:
        who = {"email": "alice@example.com", "password": PASSWORD, "firstName": "Alice", "lastName": "Arnold"}
        httpx2.post(f"{url}/api/auth/register", json=who)
        proof = {"email": who["email"], "otp": mailed_code(database_url, who["email"])}
        login = httpx2.post(f"{url}/api/auth/verify-otp", json=proof)
        _attack(url, login, tmp_path, "--phases=fuzzing", "--max-examples=5")
