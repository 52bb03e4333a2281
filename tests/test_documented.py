"""What the guides say about settings, events and tables is true: each name both ways, each statement run."""

import re
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from pydantic import AliasChoices
from pydantic.fields import FieldInfo

from topup import settings, worker
from topup.core import event_types

DOCS = Path(__file__).parent.parent / "docs"
SETTINGS = (DOCS / "reference" / "settings.md").read_text(encoding="utf-8")
GO_LIVE = (DOCS / "how-to" / "go-live.md").read_text(encoding="utf-8")
TROUBLESHOOT = (DOCS / "how-to" / "troubleshoot.md").read_text(encoding="utf-8")
FAULT_TABLE = DOCS.parent / "scripts" / "fault_table.py"
WORKER = (DOCS / "operating" / "worker.md").read_text(encoding="utf-8")


def variables(name: str, field: FieldInfo) -> list[str]:
    """The environment variables of a setting; none for the one that no variable can set."""
    if isinstance(field.validation_alias, AliasChoices):
        return [str(choice) for choice in field.validation_alias.choices if str(choice).isupper()]
    return [name.upper()]


def first_cells(text: str) -> set[str]:
    """Every `name` in the first column of the tables of a guide."""
    rows = re.findall(r"^\| (`[^|]+) \|", text, re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def test_every_setting_is_documented_and_every_documented_setting_exists() -> None:
    known = {name for field in settings.Settings.model_fields.items() for name in variables(*field)}
    assert known - set(re.findall(r"`([A-Z_]+)`", SETTINGS)) == set()
    assert first_cells(SETTINGS) - known == set()


def test_every_secret_that_may_come_from_a_file_is_said_to() -> None:
    paragraph = SETTINGS[SETTINGS.index("Each of ") : SETTINGS.index("may come from a file")]
    assert set(re.findall(r"`([A-Z_]+)`", paragraph)) == set(settings._SECRET_NAMES)


def test_every_default_is_told_as_it_is() -> None:
    for name, field in settings.Settings.model_fields.items():
        if field.default in ("", None) or not variables(name, field) or not isinstance(field.default, str | int):
            continue
        told = re.search(rf"^\| `{variables(name, field)[0]}` \| `([^`]*)` \|", SETTINGS, re.MULTILINE)
        assert told is not None, name
        assert told.group(1) == str(field.default)


def test_the_guide_to_the_webhook_lists_the_events_that_are_needed_with_their_reasons() -> None:
    rows = re.findall(r"^\| `([a-z_.]+\.[a-z_.]+)` \| (.+) \|$", GO_LIVE, re.MULTILINE)
    assert dict(rows) == event_types.NEEDED


def test_the_guide_to_the_worker_lists_its_timers() -> None:
    assert {timer.name for timer in worker.TIMERS} - first_cells(WORKER) == set()


@pytest.mark.parametrize("guide", [TROUBLESHOOT, GO_LIVE, WORKER])
def test_every_statement_of_a_guide_runs(guide: str, database_url: str) -> None:
    statements = re.findall(r"```sql\n(.*?)```", guide, re.DOTALL)
    assert statements or guide != TROUBLESHOOT
    with psycopg.connect(database_url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.replace(":'reference'", "'x'").encode())


def test_the_table_of_faults_is_what_the_tests_say() -> None:
    """After a test that names a fault, or a conflict in the table: `.venv/bin/python scripts/fault_table.py`."""
    made = subprocess.run([sys.executable, str(FAULT_TABLE), "--check"], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr or "stale: run scripts/fault_table.py and commit the page"


def test_every_decision_has_a_number_of_its_own_and_says_it() -> None:
    titles = {path.name: path.read_text(encoding="utf-8").splitlines()[0] for path in (DOCS / "decisions").glob("*.md")}
    numbers = [int(name[:4]) for name in titles]
    assert len(set(numbers)) == len(numbers)
    assert [name for name, title in titles.items() if not title.startswith(f"# {int(name[:4])}. ")] == []


def test_every_link_between_our_own_pages_leads_somewhere() -> None:
    pages = [*DOCS.parent.glob("*.md"), *(DOCS.parent / "bench").glob("*.md"), *DOCS.rglob("*.md")]
    links = [
        (page, link) for page in pages for link in re.findall(r"\]\(([^)#:\s]+)[)#]", page.read_text(encoding="utf-8"))
    ]
    assert len(links) > 50
    assert [f"{page.name}: {link}" for page, link in links if not (page.parent / link).exists()] == []
