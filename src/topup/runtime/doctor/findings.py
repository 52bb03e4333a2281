"""One line of the doctor's report: a check, its state, what was found and what mends it.

Written by every examination, shown by report; a finding with a fix is one that somebody can act on.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class State(StrEnum):
    """Only FAILED makes the command fail."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found."""

    check: str
    state: State
    result: str
    fix: str = ""

    @classmethod
    def ok(cls, check: str, result: str) -> Self:
        """All is well."""
        return cls(check, State.OK, result)

    @classmethod
    def warning(cls, check: str, result: str, fix: str) -> Self:
        """It works, and somebody should know."""
        return cls(check, State.WARNING, result, fix)

    @classmethod
    def failed(cls, check: str, result: str, fix: str) -> Self:
        """It does not work, or is not safe."""
        return cls(check, State.FAILED, result, fix)

    @classmethod
    def skipped(cls, check: str, result: str) -> Self:
        """It could not be looked at."""
        return cls(check, State.SKIPPED, result)
