"""After any sequence of commands the books balance; and a batch decides as its members would have, one by one."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ledger.paper import Paper
from topup.core import ids
from topup.ledger import commands

PAYMENTS = [ids.new() for _ in range(3)]
SMALL = st.integers(min_value=-1, max_value=12)
WHO = st.integers(min_value=0, max_value=3)
WHICH = st.integers(min_value=0, max_value=30)


@dataclass(frozen=True)
class Act:
    """One thing that happens; indices are taken modulo what there is."""

    verb: str
    who: int
    other: int
    which: int
    credits: int
    wait_seconds: int
    is_final: bool


ACTS = st.lists(
    st.builds(
        Act,
        verb=st.sampled_from(["credit", "grant", "spend", "hold", "capture", "release", "reverse", "move", "clawback"]),
        who=WHO,
        other=WHO,
        which=WHICH,
        credits=SMALL,
        wait_seconds=st.sampled_from([0, 0, 0, 1, 30, 60]),
        is_final=st.booleans(),
    ),
    max_size=40,
)


def run(acts: list[Act], *, same_batch: bool, is_time_passing: bool) -> Paper:
    """Play a history; Paper checks every invariant after every act."""
    paper = Paper()
    for unit in ("credit", "credit", "credit", "session"):
        paper.account(unit)
    paper.same_batch = same_batch
    for act in acts:
        if is_time_passing:
            paper.wait(seconds=act.wait_seconds)
        paper.do(command(paper, act))
    return paper


def command(paper: Paper, act: Act) -> commands.Command:
    accounts = list(paper.accounts.values())
    account, cause = accounts[act.who], paper.cause()
    end = paper.now + timedelta(seconds=20 + act.which)
    makers: dict[str, Callable[[], commands.Command]] = {
        "credit": lambda: commands.Credit(
            account.id, act.credits, "PURCHASE", cause, "stripe", payment_id=PAYMENTS[act.which % 3]
        ),
        "grant": lambda: commands.Credit(
            account.id, act.credits, "PROMOTION", cause, "topup", priority=50, expires_at=end
        ),
        "spend": lambda: commands.Spend(account.id, act.credits, cause, "application:a"),
        "hold": lambda: commands.PlaceHold(account.id, act.credits, ids.new(), 20 + act.which, "application:a"),
        "capture": lambda: _on_hold(paper, act, cause),
        "release": lambda: _on_hold(paper, act, None),
        "reverse": lambda: _reversal(paper, act, cause),
        "move": lambda: commands.Move(account.id, accounts[act.other].id, act.credits, cause, "application:a"),
        "clawback": lambda: commands.Clawback(
            account.id, act.credits, PAYMENTS[act.which % 3], "DISPUTE", cause, "stripe"
        ),
    }
    return makers[act.verb]()


def _on_hold(paper: Paper, act: Act, cause: commands.Cause | None) -> commands.Command:
    holds = list(paper.holds.values())
    if not holds:
        return commands.Settle(list(paper.accounts)[act.who])
    hold = holds[act.which % len(holds)]
    if cause is None:
        return commands.Release(hold.account_id, hold.id, "application:a")
    credits_out = None if act.credits > 10 else act.credits
    return commands.Capture(hold.account_id, hold.id, credits_out, cause, "application:a", act.is_final)


def _reversal(paper: Paper, act: Act, cause: commands.Cause) -> commands.Command:
    spent = [line.entry for line in paper.lines if line.entry.kind in ("USAGE", "HOLD_CAPTURE")]
    if not spent or (paper.same_batch and not paper.lines):
        return commands.Settle(list(paper.accounts)[act.who])
    entry = spent[act.which % len(spent)]
    return commands.Reverse(entry.account_id, entry.id, cause, "application:a")


@settings(max_examples=150, deadline=None)
@given(ACTS)
def test_after_any_history_the_books_balance(acts: list[Act]) -> None:
    """Invariants L1, L3, L4, L6, L7, G1, G2, H1 and H2, after every single command."""
    run(acts, same_batch=False, is_time_passing=True)


@settings(max_examples=75, deadline=None)
@given(ACTS.map(lambda acts: [act for act in acts if act.verb != "reverse"]))
def test_one_batch_decides_as_many_small_ones_would(acts: list[Act]) -> None:
    """Within a batch the clock stands, and only lines that were there before can be reversed."""
    together = run(acts, same_batch=True, is_time_passing=False)
    apart = run(acts, same_batch=False, is_time_passing=False)
    assert _figures(together) == _figures(apart)


def _figures(paper: Paper) -> object:
    accounts = [(a.balance, a.held, a.debt, a.seq) for a in paper.accounts.values()]
    lots = [(lot.amount, lot.remaining, lot.held) for lot in paper.lots.values()]
    holds = [(hold.credits, hold.captured, hold.status) for hold in paper.holds.values()]
    lines = [(line.entry.kind, line.entry.credits_signed, line.entry.balance_after) for line in paper.lines]
    return accounts, lots, holds, lines
