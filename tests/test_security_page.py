"""SECURITY.md names what is there: a test or a page that went away is no proof of anything (fault 97)."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "SECURITY.md").read_text(encoding="utf-8")


def test_every_file_that_the_security_page_names_is_there() -> None:
    named = set(re.findall(r"[`(]((?:docs|tests|requirements)/[\w./-]+)[`)]", PAGE))
    assert len(named) > 25
    assert {name for name in named if not (ROOT / name).exists()} == set()


def test_every_attack_has_its_place_on_the_page() -> None:
    attacks = {path.name for path in (ROOT / "tests" / "attacks").glob("test_*.py")}
    assert {name for name in attacks if f"tests/attacks/{name}" not in PAGE} == set()


def test_every_package_that_runs_is_locked_by_its_hash() -> None:
    for name in ("run.txt", "dev.txt"):
        lock = (ROOT / "requirements" / name).read_text(encoding="utf-8")
        packages = re.findall(r"^[a-z0-9].*?(?=^[a-z0-9]|\Z)", lock, re.MULTILINE | re.DOTALL)
        assert len(packages) > 20
        assert [package.split("==")[0] for package in packages if "--hash=sha256:" not in package] == []
