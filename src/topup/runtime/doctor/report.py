"""Shows findings: a table to a person at a terminal, plain lines to everybody else.

Called by examination when all is looked at; has_failed decides the exit status.
"""

import sys
from collections.abc import Sequence

import rich.box
import rich.console
import rich.table
import rich.text

from topup.runtime.doctor.findings import Finding, State

_STYLES = {State.OK: "green", State.WARNING: "yellow", State.FAILED: "bold red", State.SKIPPED: "dim"}


def show(findings: Sequence[Finding]) -> None:
    """Print the findings on standard output and a sum under them."""
    if sys.stdout.isatty():
        rich.console.Console().print(_table(findings))
    else:
        print(*map(line, findings), sep="\n")  # noqa: T201 -- the report is the command's answer
    print(summary(findings))  # noqa: T201


def line(finding: Finding) -> str:
    """One finding as one line, to be read and searched by programs too."""
    fix = f" -> {finding.fix}" if finding.fix else ""
    return f"{finding.state:<8} {finding.check}: {finding.result}{fix}"


def summary(findings: Sequence[Finding]) -> str:
    """How it went, in one sentence."""
    counts = {state: sum(finding.state is state for finding in findings) for state in State}
    told = ", ".join(f"{counts[state]} {state}" for state in State if counts[state])
    return f"{len(findings)} {'check' if len(findings) == 1 else 'checks'}: {told}."


def has_failed(findings: Sequence[Finding]) -> bool:
    """Whether the command shall end with a failure."""
    return any(finding.state is State.FAILED for finding in findings)


def _table(findings: Sequence[Finding]) -> rich.table.Table:
    table = rich.table.Table(box=rich.box.SIMPLE, show_edge=False, pad_edge=False)
    for heading in ("", "Check", "Found", "What mends it"):
        table.add_column(heading, overflow="fold")
    for finding in findings:
        # As Text, so that no bracket in an error message is taken for markup.
        cells = (finding.check, finding.result, finding.fix)
        table.add_row(rich.text.Text(finding.state, _STYLES[finding.state]), *map(rich.text.Text, cells))
    return table
