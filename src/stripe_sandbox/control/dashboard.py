"""What someone might do in Stripe's dashboard, or a bank behind it: edit, refund, dispute, answer a debit.

These changes have no API request behind them, and their events say so.
"""

import dataclasses
from typing import Any, Final

from starlette.requests import Request

from stripe_sandbox import errors, objects, settlements
from stripe_sandbox.control import reading
from stripe_sandbox.nouns import disputes, refunds
from stripe_sandbox.sandbox import Sandbox
from stripe_sandbox.store import Body
from stripe_sandbox.work import Work


@dataclasses.dataclass
class Edit:
    """What to change in an object, as someone might in the dashboard; `emit` names events to make."""

    set: dict[str, Any]
    emit: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Opening:
    """A dispute to open; `inquiry:` before the reason opens an inquiry."""

    charge: str | None = None
    payment_intent: str | None = None
    amount: int | None = None
    reason: str = "fraudulent"


@dataclasses.dataclass
class Verdict:
    """How a dispute goes on: won, lost, or an inquiry escalated."""

    outcome: str


@dataclasses.dataclass
class RefundEnd:
    """How a refund ends."""

    status: str
    failure_reason: str = refunds.FAILURE_REASON


@dataclasses.dataclass
class BankAnswer:
    """The end of a debit that is under way: arrived, or failed with this code."""

    failure: str | None = None


async def _object(sandbox: Sandbox, request: Request, _given: Body) -> Body:
    with sandbox.work() as work:
        return _shown(work, request.path_params["id"])


async def _edit(sandbox: Sandbox, request: Request, given: Body) -> Body:
    edit = reading.read(Edit, given)
    with sandbox.work() as work:
        body = _shown(work, request.path_params["id"])["body"]
        work.change(body, edit.set, *edit.emit, tells=True)
        return _shown(work, body["id"])


async def _answer_debit(sandbox: Sandbox, request: Request, given: Body) -> Body:
    answer = reading.read(BankAnswer, given)
    with sandbox.work() as work:
        intent = work.get("payment_intent", request.path_params["id"])
        if intent["status"] != "processing":
            raise reading.Wrong(f"This payment is {intent['status']}, not processing.")
        return settlements.conclude(work, intent, answer.failure)


async def _refund(sandbox: Sandbox, _request: Request, given: Body) -> Body:
    """Refund as someone might in the dashboard: no API call, no key, no metadata."""
    with sandbox.work() as work:
        return refunds.new(work, given)


async def _end_refund(sandbox: Sandbox, request: Request, given: Body) -> Body:
    end = reading.read(RefundEnd, given)
    with sandbox.work() as work:
        refund_id = work.get("refund", request.path_params["id"])["id"]
        if end.status == "succeeded":
            refunds.succeed(work, refund_id)
        elif end.status in {"failed", "canceled"}:
            refunds.fail(work, refund_id, end.failure_reason, end.status)
        else:
            raise reading.Wrong("status must be succeeded, failed or canceled.")
        return work.get("refund", refund_id)


async def _open_dispute(sandbox: Sandbox, _request: Request, given: Body) -> Body:
    opening = reading.read(Opening, given)
    with sandbox.work() as work:
        intent = work.find(opening.payment_intent) or {}
        charge = work.get("charge", opening.charge or intent.get("latest_charge") or "", "charge")
        return disputes.new(work, charge, opening.reason, opening.amount)


async def _decide_dispute(sandbox: Sandbox, request: Request, given: Body) -> Body:
    verdict = reading.read(Verdict, given)
    ways = {"won": disputes.win, "lost": disputes.lose, "escalated": disputes.escalate}
    if verdict.outcome not in ways:
        raise reading.Wrong(f"outcome must be one of {', '.join(ways)}.")
    with sandbox.work() as work:
        ways[verdict.outcome](work, request.path_params["id"])
        return work.get("dispute", request.path_params["id"])


def _shown(work: Work, object_id: str) -> Body:
    body = work.find(object_id)
    if body is None:
        raise errors.no_such("object", object_id)
    return {"body": body, "hidden": objects.hidden(work.store, object_id)}


CALLS: Final[tuple[reading.Call, ...]] = (
    ("GET", "/sandbox/objects/{id}", _object),
    ("POST", "/sandbox/objects/{id}", _edit),
    ("POST", "/sandbox/debits/{id}", _answer_debit),
    ("POST", "/sandbox/refunds", _refund),
    ("POST", "/sandbox/refunds/{id}", _end_refund),
    ("POST", "/sandbox/disputes", _open_dispute),
    ("POST", "/sandbox/disputes/{id}", _decide_dispute),
)
