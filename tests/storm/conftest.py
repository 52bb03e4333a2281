"""Tells at the end what the storm has done, on the screen and, after a long one, in a file."""

from pathlib import Path

import pytest

from tests.storm import dice

REPORT = Path(__file__).parents[2] / ".topup" / "storm.txt"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Operations, crash points, deliveries, restarts, by part."""
    if not dice.FIGURES:
        return
    failed = len(terminalreporter.stats.get("failed", [])) + len(terminalreporter.stats.get("error", []))
    lines = [*dice.report(), f"violations: {failed}"]
    terminalreporter.section("storm")
    terminalreporter.write_line("\n".join(lines))
    if dice.IS_LONG:
        REPORT.parent.mkdir(exist_ok=True)
        REPORT.write_text("\n".join(lines) + "\n", encoding="utf-8")
