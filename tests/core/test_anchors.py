"""An anchor reads back as it was written, or is refused; and tells which lines a ledger has lost since."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from topup import errors
from topup.core import anchors
from topup.core.anchors import Head, Missing

ALICE, BOB, CARL = UUID(int=1), UUID(int=2), UUID(int=3)
HEADS = [Head(ALICE, 7, bytes(range(32))), Head(BOB, 1, bytes(32))]
TEXT = (
    "Topup anchor 1, 2026-11-22T12:00:00+00:00\n"
    f"{ALICE} 7 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
    f"{BOB} 1 {'00' * 32}\n"
)


def test_an_anchor_is_a_title_and_a_line_for_each_account() -> None:
    """Anchors are kept for years, so their form is one that every later version reads."""
    assert anchors.text(HEADS, taken_at=datetime(2026, 11, 22, 12, tzinfo=UTC)) == TEXT
    assert anchors.read(TEXT) == HEADS
    assert anchors.read(anchors.text([], taken_at=datetime(2026, 11, 22, tzinfo=UTC))) == []


@pytest.mark.parametrize(
    "damaged",
    [
        "",
        TEXT.removeprefix("Topup "),
        TEXT.replace(" 7 ", " seven "),
        TEXT.replace(" 7 ", " "),
        TEXT.replace(" 7 ", " 7 7 "),
        TEXT.replace(str(BOB), "bob"),
        TEXT.replace("1e1f", "1e1"),
    ],
    ids=["empty", "no title", "no number", "a word less", "a word more", "no account", "half a byte"],
)
def test_what_is_no_anchor_or_damaged_is_refused(damaged: str) -> None:
    with pytest.raises(errors.Unreadable, match="This is not an anchor"):
        anchors.read(damaged)


def test_what_a_ledger_lost_since_an_anchor_is_told_by_account() -> None:
    now = [Head(ALICE, 4, bytes(32)), Head(BOB, 1, bytes(32))]
    anchored = [Head(CARL, 2, bytes(32)), *HEADS]
    assert anchors.missing(anchored, now) == [Missing(ALICE, 5, 7), Missing(CARL, 1, 2)]
    assert [one.lines for one in anchors.missing(anchored, now)] == [3, 2]
    assert anchors.missing(now, now) == anchors.missing([], now) == []
    assert anchors.missing([Head(ALICE, 5, bytes(32))], now) == [Missing(ALICE, 5, 5)], "a single line, too"
