"""The ground of a storm; and at the end what it has done, on the screen and, after a long one, in a file."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.storm import dice, rig
from tests.stripe_boxes import StripeBox

HANDED_OVER = "storm"
REPORT = Path(__file__).parents[2] / ".topup" / "storm.txt"


@pytest.fixture(scope="module")
def ground(
    shared_database_url: str, shared_stripe_box: StripeBox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[rig.Rig]:
    """A deployment of processes, which each module has to itself."""
    shared_stripe_box.end_outage()
    shared_stripe_box.control("wipe")
    with rig.running(shared_database_url, shared_stripe_box, tmp_path_factory.mktemp("storm")) as opened:
        yield opened


def pytest_sessionfinish(session: pytest.Session) -> None:
    """One of several processes hands its figures to the one that tells them."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output[HANDED_OVER] = {section: dict(figures) for section, figures in dice.FIGURES.items()}


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    """And this one adds them up."""
    for section, figures in getattr(node, "workeroutput", {}).get(HANDED_OVER, {}).items():
        dice.note(section, **figures)


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
