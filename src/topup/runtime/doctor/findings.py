"""One line of the doctor's report: a check, its state, what was found and what mends it."""

from dataclasses import dataclass
from enum import StrEnum


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


def ok(check: str, result: str) -> Finding:
    """All is well."""
    return Finding(check, State.OK, result)


def warning(check: str, result: str, fix: str) -> Finding:
    """It works, and somebody should know."""
    return Finding(check, State.WARNING, result, fix)


def failed(check: str, result: str, fix: str) -> Finding:
    """It does not work, or is not safe."""
    return Finding(check, State.FAILED, result, fix)


def skipped(check: str, result: str) -> Finding:
    """It could not be looked at."""
    return Finding(check, State.SKIPPED, result)
