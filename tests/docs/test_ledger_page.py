"""The page about the ledger tells the truth: its example prints what it says, and its table is the whole list."""

import contextlib
import io
import re
from pathlib import Path

from topup.db import invariants
from topup.ledger import audit

PAGE = Path(__file__).parents[2] / "docs" / "concepts" / "ledger.md"


def block(language: str) -> str:
    """The only block of a language on the page."""
    [found] = re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return found


def test_example_prints_what_the_page_says() -> None:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(block("python"), PAGE.name, "exec"), {})  # noqa: S102 - the page is ours
    assert printed.getvalue() == block("text")


def test_table_lists_every_invariant_with_its_sentence() -> None:
    late = {one.name: one.may_be_late for one in invariants.ALL}
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    told = {name: sentence.removesuffix(" *late*") for name, sentence in rows.items()}
    assert told.pop(audit.ANCHOR) == f"{audit.ANCHOR_SENTENCE} Only with `--anchor`."
    assert told == {one.name: one.sentence for one in invariants.ALL}
    assert {name: sentence.endswith(" *late*") for name, sentence in rows.items() if name in late} == late


def test_every_file_that_the_page_names_is_there() -> None:
    links = re.findall(r"(?:\]\(|src=\")([^)\"#]+)", PAGE.read_text(encoding="utf-8"))
    missing = [link for link in links if not (PAGE.parent / link).exists()]
    assert missing == []
