"""The page that operators read says the figures that the code has."""

import re
from pathlib import Path

import pytest

from topup.core import limits

PAGE = Path(__file__).parent.parent.parent / "docs" / "concepts" / "signing-in.md"
ROW = re.compile(r"^\| ([a-z -]+) \| (\d+) \| ([\d.]+) s \|$", re.MULTILINE)


@pytest.fixture
def rows() -> dict[str, tuple[int, float]]:
    found = ROW.findall(PAGE.read_text(encoding="utf-8"))
    return {name: (int(burst), float(every_seconds)) for name, burst, every_seconds in found}


def test_every_limit_on_signing_in_is_on_the_page_with_its_figures(rows: dict[str, tuple[int, float]]) -> None:
    known = {one.name: (one.burst, one.every_seconds) for one in vars(limits).values() if isinstance(one, limits.Limit)}
    of_signing_in = {name: figures for name, figures in known.items() if not name.startswith("invitation")}
    assert rows == of_signing_in
