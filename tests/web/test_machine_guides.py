"""The guides to the machine door work as they stand: each example is run against a real server."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from fastapi.routing import APIRoute

from tests.web import machines, served
from topup.runtime import house as houses
from topup.settings import Settings
from topup.web.api import machine as door

DOCS = Path(__file__).parent.parent.parent / "docs"
REFERENCE = (DOCS / "reference" / "machine-door.md").read_text(encoding="utf-8")
INTEGRATE = (DOCS / "how-to" / "integrate.md").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Example:
    """A command of the guide, what is kept of its answer, the status it fails with, and the answer that is shown."""

    command: str
    note: str
    shown: str


EXAMPLES = [
    Example(command, note or "", shown or "")
    for note, command, shown in re.findall(
        r"(?:<!-- (.+?) -->\n)?```sh\n(.+?)```(?:\n\n```json\n(.+?)```)?", REFERENCE, re.DOTALL
    )
]


@pytest.fixture
def environment(settings: Settings) -> Iterator[Mapping[str, str]]:
    """A server, and the keys of a host application and of an admin."""

    async def keys() -> tuple[str, str]:
        async with houses.opened(settings) as house:
            return await machines.key_text(house), await machines.key_text(house, ["admin"])

    key, admin_key = asyncio.run(keys())
    with served.running(settings) as url:
        yield {**os.environ, "TOPUP": url, "TOPUP_URL": url, "KEY": key, "TOPUP_KEY": key, "ADMIN_KEY": admin_key}


def same_shape(shown: object, given: object) -> bool:
    """The same fields with values of the same kind; short values that are not made up are equal."""
    if isinstance(shown, dict) and isinstance(given, dict):
        return shown.keys() == given.keys() and all(same_shape(shown[name], given[name]) for name in shown)
    if isinstance(shown, list) and isinstance(given, list):
        return len(shown) == len(given) and all(same_shape(one, other) for one, other in zip(shown, given, strict=True))
    is_made_up = isinstance(shown, str) and ("..." in shown or shown.startswith("2026-"))
    return type(shown) is type(given) and (is_made_up or shown == given)


def test_every_example_of_the_reference_answers_as_it_is_shown(environment: Mapping[str, str]) -> None:
    kept: dict[str, str] = {}
    for example in EXAMPLES:
        run = subprocess.run(
            ["bash", "-c", f"curl() {{ command curl -sS -w '\\n%{{http_code}}' \"$@\"; }}\n{example.command}"],
            env={**environment, **kept},
            capture_output=True,
            text=True,
            check=False,
        )
        body, _, status = run.stdout.rpartition("\n")
        failing = re.fullmatch(r"fails with (\d+)", example.note)
        assert (status == failing[1]) if failing else status.startswith("2"), (
            f"{example.command}\n{run.stdout}{run.stderr}"
        )
        answer = json.loads(body) if body else None
        if example.note and not failing:
            assert isinstance(answer, dict)
            kept[example.note] = answer["id"]
        if example.shown:
            assert same_shape(json.loads(example.shown), answer), f"{example.shown}\n{body}"


def test_every_call_of_the_door_has_an_example() -> None:
    commands = "\n".join(example.command for example in EXAMPLES)
    for router in (*door.LEAN, *door.ROUTERS):
        for route in router.routes:
            assert isinstance(route, APIRoute)
            method = next(iter(route.methods or ()))
            path = re.sub(r"\{[\w:]+\}", r"[^/\\s\"?]+", route.path)
            verb = "" if method == "GET" else f"-X {method} "
            assert re.search(rf'curl {verb}"\$TOPUP{path}["?]', commands), f"{method} {route.path}"


def test_the_integration_in_python_works(environment: Mapping[str, str], tmp_path: Path) -> None:
    script = tmp_path / "integrate.py"
    script.write_text("\n".join(re.findall(r"```python\n(.+?)```", INTEGRATE, re.DOTALL)), encoding="utf-8")
    run = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_the_integration_in_javascript_works(environment: Mapping[str, str], tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node here to run the snippets with")
    script = tmp_path / "integrate.mjs"
    script.write_text("\n".join(re.findall(r"```javascript\n(.+?)```", INTEGRATE, re.DOTALL)), encoding="utf-8")
    run = subprocess.run([node, script], env=environment, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (0, "0 left, 999 needed\n"), run.stdout + run.stderr
