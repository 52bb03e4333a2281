"""The statement as it is read: lines by day on the reader's clock, each with why it happened and which lots it touched.

Pure; used by the account page. A line's title is what was written on the transfer, its reason comes from the kind.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from topup.db import statements
from topup.ledger import rules
from topup.web.pages.reader import Reader

_KINDS = {
    "PURCHASE": ("Purchase", "You bought these {units}."),
    "WELCOME_BONUS": ("Welcome {units}", "A gift for a new account."),
    "USAGE": ("Used", "An application used these {units} for you."),
    "HOLD_CAPTURE": ("Used", "{Units} that were held for this work have been used."),
    "REVERSAL": ("Given back", "An earlier use was undone; the {units} are back where they came from."),
    "REFUND": ("Taken back", "The payment was refunded, so its {units} were taken back."),
    "DISPUTE": ("Taken back", "The payment was disputed at the bank, so its {units} were taken back."),
    "EXPIRY": ("Expired", "These {units} were not used before their last day."),
    "ADJUSTMENT": ("Adjustment", "Support corrected the balance."),
    "TRANSFER": ("Transfer", "{Units} moved between two accounts."),
    "PROMOTION": ("Gift", "{Units} given to you."),
}
_INWARDS = {
    "REFUND": ("Given back", "The refund did not go through, so its {units} are back."),
    "DISPUTE": ("Given back", "The dispute was settled, so its {units} are back."),
}
_LOT_SOURCES = {
    "WELCOME_BONUS": "your welcome",
    "PROMOTION": "a gift",
    "ADJUSTMENT": "an adjustment",
    "TRANSFER": "a transfer",
}
_UNDOABLE = frozenset(rules.REVERSIBLE)
_OF_A_PAYMENT = frozenset({"PURCHASE", "REFUND", "DISPUTE"})


@dataclass(frozen=True, slots=True)
class LotPart:
    """How much of one lot a line filled or emptied."""

    credits: int
    source: str
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Line:
    """One movement. `credits_signed` is negative for what went out; `debt_change` is what it added to a debt."""

    id: UUID
    title: str
    kind: str
    reason: str
    credits_signed: int
    balance_after: int
    happened_at: datetime
    source_id: str
    payment_id: UUID | None
    lots: tuple[LotPart, ...]
    debt_change: int
    may_be_undone: bool


@dataclass(frozen=True, slots=True)
class Day:
    """The lines of one day."""

    date: date
    label: str
    lines: tuple[Line, ...]


def days(
    lines: Sequence[statements.Line],
    moves: Sequence[statements.LotMove],
    *,
    reader: Reader,
    now: datetime,
    unit: str = "credit",
) -> list[Day]:
    """Newest first, as the lines come; told in credits, or in sessions."""
    today = reader.local(now).date()
    by_day = itertools.groupby(lines, key=lambda line: reader.local(line.recorded_at).date())
    return [
        Day(
            day,
            reader.weekday(day, today),
            tuple(_line(one, [m for m in moves if m.seq == one.seq], unit) for one in found),
        )
        for day, found in by_day
    ]


def _line(line: statements.Line, moves: Sequence[statements.LotMove], unit: str) -> Line:
    told = (_INWARDS if line.credits_signed > 0 else {}).get(line.kind) or _KINDS[line.kind]
    word, reason = (words.format(units=f"{unit}s", Units=f"{unit}s".capitalize()) for words in told)
    payment_id = next((move.payment_id for move in moves if move.payment_id), None)
    return Line(
        id=line.id,
        title=line.description or word,
        kind=word,
        reason=reason,
        credits_signed=line.credits_signed,
        balance_after=line.balance_after,
        happened_at=line.recorded_at,
        source_id=line.source_id or "",
        payment_id=payment_id if line.kind in _OF_A_PAYMENT else None,
        lots=tuple(LotPart(abs(move.change), _source(move), move.expires_at) for move in moves),
        debt_change=sum(move.change for move in moves) - line.credits_signed,
        may_be_undone=line.kind in _UNDOABLE,
    )


def _source(move: statements.LotMove) -> str:
    return move.package_name or _LOT_SOURCES.get(move.source, "an earlier purchase")
