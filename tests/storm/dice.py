"""How long the storm blows, by which seed, and what it did: read from the environment, told at the end of the run.

`make storm` sets TOPUP_STORM=1 and, if asked, TOPUP_STORM_MINUTES, _SEED and _AT. Without it every part is short, and
the seed is the day's, so that other points run tomorrow.
"""

import collections
import contextlib
import os
import random
from collections.abc import Iterator
from datetime import UTC, datetime

IS_LONG = os.environ.get("TOPUP_STORM") == "1"
MINUTES = float(os.environ.get("TOPUP_STORM_MINUTES") or "60")
SEED = int(os.environ.get("TOPUP_STORM_SEED") or datetime.now(UTC).date().toordinal())
# One crash point to replay, such as "spend,17,killed after".
AT = os.environ.get("TOPUP_STORM_AT", "")

FIGURES: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)


def of(what: str) -> random.Random:
    """Dice of one's own for each part, so that one part's length changes nothing for the others."""
    return random.Random(f"{SEED} {what}")


def seconds(*, part: float, short: float) -> float:
    """How long a part may take: its part of the long storm's minutes, or so many seconds."""
    return part * MINUTES * 60 if IS_LONG else short


def note(section: str, **figures: int) -> None:
    """Add figures to the report."""
    for name, count in figures.items():
        FIGURES[section][name.replace("_", " ")] += count


def replay(test: str, at: str = "") -> str:
    """The one command that does the same again."""
    point = f" TOPUP_STORM_AT='{at}'" if at else ""
    length = f" TOPUP_STORM=1 TOPUP_STORM_MINUTES={MINUTES:g}" if IS_LONG else ""
    return f"TOPUP_STORM_SEED={SEED}{length}{point} .venv/bin/python -m pytest -x {test}"


def report() -> list[str]:
    """What was tried, in lines."""
    lines = [f"seed {SEED}, {'long' if IS_LONG else 'short'}"]
    for section, figures in FIGURES.items():
        told = ", ".join(f"{count:,} {name}" for name, count in figures.items())
        lines.append(f"{section}: {told}")
    return lines


@contextlib.contextmanager
def replayable(test: str, at: str = "") -> Iterator[None]:
    """Whatever fails inside says how to have it fail again."""
    try:
        yield
    except BaseException as fault:
        fault.add_note(f"seed {SEED}; again: {replay(test, at)}")
        raise
