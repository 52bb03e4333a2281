"""The balance as a thin bar: what can be spent, what of it expires within 30 days, what is held. And so the pool.

Pure; used by the account page and by the pool's. Shares are cut to a tenth of a per cent, and nothing that is there
gets too thin to see.
"""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH_MIN_PERCENT = 1.5


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of the bar with its line of words. `kind` is free, soon, held, given or used."""

    kind: str
    credits: int
    words: str
    start_percent: float
    width_percent: float


def parts(*, available: int, expiring_soon: int, held: int, disputed: int) -> list[Part]:
    """The pieces that are there, from left to right; none for an empty account."""
    later = available - expiring_soon
    pieces = [
        ("free", later, "to spend" if not expiring_soon else "to spend, good for more than 30 days"),
        ("soon", expiring_soon, "to spend, expiring within 30 days"),
        ("held", held, "held for work in progress"),
        ("held", disputed, "held while a payment is disputed"),
    ]
    return _cut(pieces)


def parts_of_pool(*, available: int, unused: int, used: int) -> list[Part]:
    """The same for what an institution has: to give, with its students, used by them."""
    return _cut(
        [
            ("free", available, "available to give"),
            ("given", unused, "with students, not used yet"),
            ("used", used, "used"),
        ]
    )


def _cut(pieces: Sequence[tuple[str, int, str]]) -> list[Part]:
    present = [piece for piece in pieces if piece[1] > 0]
    widths = _widths([count for _, count, _ in present])
    starts = [round(sum(widths[:index]), 1) for index in range(len(widths))]
    return [
        Part(kind, count, words, start, width)
        for (kind, count, words), start, width in zip(present, starts, widths, strict=True)
    ]


def _widths(counts: Sequence[int]) -> list[float]:
    total = sum(counts)
    wished = [max(WIDTH_MIN_PERCENT, 100 * count / total) for count in counts]
    return [round(100 * width / sum(wished), 1) for width in wished]
