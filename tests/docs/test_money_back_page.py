"""The worked example of docs/concepts/money-back.md is what the rules do."""

import re
from pathlib import Path

from tests.ledger.paper import Paper
from topup.core import ids, money_back
from topup.core.money_back import Dispute, Purchase, Refund, Taken

PAGE = (Path(__file__).parents[2] / "docs" / "concepts" / "money-back.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| [^|]+ \| £([0-9.]+) \| (\d+) \| (-?\d+) \| (\d+) \| (\d+) \|$", re.MULTILINE)
STEPS: list[tuple[list[Refund], list[Dispute]]] = [
    ([], []),
    ([Refund(400, "succeeded")], []),
    ([Refund(400, "succeeded")], [Dispute(600, "needs_response", 600)]),
    ([Refund(400, "failed")], [Dispute(600, "needs_response", 600)]),
    ([Refund(400, "failed")], [Dispute(600, "lost", 600)]),
    ([Refund(400, "failed"), Refund(400, "succeeded")], [Dispute(600, "lost", 600)]),
]


def test_every_row_of_the_example_is_true() -> None:
    paper, payment, taken, seen = Paper(), ids.new(), Taken(0, 0), []
    alice = paper.account()
    paper.credit(alice, 100, payment_id=payment)
    paper.spend(alice, 30)
    for refunds, disputes in STEPS:
        money = money_back.count(refunds, disputes)
        plan = money_back.plan(Purchase(1000, 100), money, taken, expired=0)
        if plan.credits > 0:
            paper.clawback(alice, plan.credits, payment_id=payment)
        elif plan.credits < 0:
            paper.give_back(alice, -plan.credits, payment)
        paper.dispute(alice, plan.hold_max, payment)
        taken = Taken(taken.credits + plan.credits, 0)
        seen.append((f"{money.back_minor / 100:.2f}", taken.credits, alice.balance, alice.held, alice.debt))
    paper.credit(alice, 50)
    seen.append((seen[-1][0], taken.credits, alice.balance, alice.held, alice.debt))
    told = [(money, *map(int, figures)) for money, *figures in ROW.findall(PAGE)]
    assert told == seen
