"""The control calls under /sandbox: what tests do to the sandbox that nobody could do to Stripe.

JSON in and out, no key. Faults, the clock, deliveries, objects changed behind the API's back, and a wipe. Each body is
read into a dataclass, so that an unknown field is refused and named.
"""

import asyncio
import dataclasses
import json
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from stripe_sandbox import errors, objects, settlements, signatures, switches
from stripe_sandbox.nouns import disputes, refunds, webhook_endpoints
from stripe_sandbox.sandbox import Sandbox
from stripe_sandbox.store import Body
from stripe_sandbox.work import Work

Shape = TypeVar("Shape")
Handler = Callable[[Sandbox, Request, Body], Awaitable[Body]]

DELIVERIES: Final = """
SELECT * FROM deliveries
WHERE (:event IS NULL OR event_id = :event) AND (:type IS NULL OR event_type = :type)
  AND (:status IS NULL OR status = :status)
ORDER BY id DESC LIMIT :rows
"""
ATTEMPTS: Final = "SELECT * FROM attempts WHERE delivery_id = ? ORDER BY id"
HURRY_ONE: Final = "UPDATE deliveries SET status = 'pending', due_at = ?, manner = ? WHERE id = ?"
ROWS_MAX: Final = 1000


class Wrong(Exception):
    """A control call that makes no sense, with the reason."""


@dataclasses.dataclass
class ClockMove:
    """Where the clock is to stand: further on, at a moment, or back at the wall's time."""

    advance_s: float | None = None
    at: float | None = None
    reset: bool = False


@dataclasses.dataclass
class Settling:
    """How long to wait until all deliveries are made; `hurry` makes retries due now."""

    timeout_s: float = 10.0
    hurry: bool = False


@dataclasses.dataclass
class Redelivery:
    """How to send an event once more."""

    manner: str = "right"
    endpoint: str | None = None


@dataclasses.dataclass
class Twin:
    """How many further events tell the same fact."""

    copies: int = 1


@dataclasses.dataclass
class Invention:
    """An event that no call made; `object` may be anything."""

    type: str
    object: dict[str, Any]
    previous_attributes: dict[str, Any] | None = None
    livemode: bool = False
    api_version: str | None = None
    account: str | None = None


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


def routes(sandbox: Sandbox) -> list[Route]:
    """Return the addresses of the control calls."""
    table: tuple[tuple[str, str, Handler], ...] = (
        ("GET", "/sandbox", _state),
        ("POST", "/sandbox/clock", _clock),
        ("POST", "/sandbox/settle", _settle),
        ("POST", "/sandbox/wipe", _wipe),
        ("GET", "/sandbox/faults", _faults),
        ("POST", "/sandbox/faults", _add_fault),
        ("POST", "/sandbox/webhook-faults", _add_delivery_fault),
        ("DELETE", "/sandbox/faults", _clear_faults),
        ("POST", "/sandbox/outage", _outage),
        ("DELETE", "/sandbox/outage", _end_outage),
        ("GET", "/sandbox/deliveries", _deliveries),
        ("POST", "/sandbox/deliveries/{id:int}/redeliver", _redeliver_one),
        ("POST", "/sandbox/events", _invent),
        ("POST", "/sandbox/events/{id}/redeliver", _redeliver),
        ("POST", "/sandbox/events/{id}/twin", _twin),
        ("GET", "/sandbox/objects/{id}", _object),
        ("POST", "/sandbox/objects/{id}", _edit),
        ("POST", "/sandbox/debits/{id}", _answer_debit),
        ("POST", "/sandbox/refunds", _refund),
        ("POST", "/sandbox/refunds/{id}", _end_refund),
        ("POST", "/sandbox/disputes", _open_dispute),
        ("POST", "/sandbox/disputes/{id}", _decide_dispute),
    )
    return [Route(path, _endpoint(sandbox, handler), methods=[method]) for method, path, handler in table]


def _endpoint(sandbox: Sandbox, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        raw = await request.body()
        try:
            return JSONResponse(await handler(sandbox, request, _given(raw)))
        except errors.Refusal as refusal:
            return JSONResponse({"error": refusal.error}, refusal.status)
        except (Wrong, json.JSONDecodeError) as wrong:
            return JSONResponse({"error": {"message": str(wrong)}}, 400)

    return answer


def _given(raw: bytes) -> Body:
    given = json.loads(raw) if raw else {}
    if not isinstance(given, dict):
        raise Wrong("The body must be a JSON object.")
    return given


def _read(shape: type[Shape], given: Body) -> Shape:
    names = {field.name for field in dataclasses.fields(shape)}  # pyrefly: ignore
    unknown = given.keys() - names
    if unknown:
        raise Wrong(f"Unknown: {', '.join(sorted(unknown))}. Known: {', '.join(sorted(names))}.")
    try:
        return shape(**given)
    except TypeError as missing:
        raise Wrong(str(missing)) from missing


async def _state(sandbox: Sandbox, _request: Request, _given: Body) -> Body:
    return {
        "now": int(sandbox.clock.now()),
        "offset_s": sandbox.clock.offset_s,
        "deliveries": sandbox.courier.counts(),
        "pace": dataclasses.asdict(sandbox.pace),
        **_switched(sandbox),
    }


async def _clock(sandbox: Sandbox, _request: Request, given: Body) -> Body:
    move = _read(ClockMove, given)
    if move.reset:
        sandbox.clock.move(0.0)
    elif move.at is not None:
        sandbox.clock.move(move.at - sandbox.clock.wall())
    elif move.advance_s is not None:
        sandbox.clock.move(sandbox.clock.offset_s + move.advance_s)
    else:
        raise Wrong("Say advance_s, at or reset.")
    done = sandbox.timers.do_due()
    sandbox.courier.wake()
    return {"now": int(sandbox.clock.now()), "offset_s": sandbox.clock.offset_s, "jobs_done": done}


async def _settle(sandbox: Sandbox, _request: Request, given: Body) -> Body:
    settling = _read(Settling, given)
    sandbox.timers.do_due()
    is_settled = await sandbox.courier.settle(settling.timeout_s, hurry=settling.hurry)
    return {"settled": is_settled, "deliveries": sandbox.courier.counts()}


async def _wipe(sandbox: Sandbox, _request: Request, _given: Body) -> Body:
    """Forget everything but the endpoint of the command line."""
    await sandbox.courier.stop_flights()
    sandbox.switches.clear()
    with sandbox.work() as work:
        work.store.wipe()
        settings = sandbox.settings
        webhook_endpoints.configure(work, settings.webhook_url, settings.webhook_secret)
    sandbox.clock.offset_s = 0.0
    return {"wiped": True}


def _switched(sandbox: Sandbox) -> Body:
    outage = sandbox.switches.outage
    return {
        "faults": [dataclasses.asdict(fault) for fault in sandbox.switches.api],
        "webhook_faults": [dataclasses.asdict(fault) for fault in sandbox.switches.delivery],
        "outage": outage.manner if outage else None,
    }


async def _faults(sandbox: Sandbox, _request: Request, _given: Body) -> Body:
    return _switched(sandbox)


async def _add_fault(sandbox: Sandbox, _request: Request, given: Body) -> Body:
    fault = _read(switches.ApiFault, given)
    if fault.answer not in switches.ANSWERS:
        raise Wrong(f"answer must be one of {', '.join(switches.ANSWERS)}.")
    sandbox.switches.api.append(fault)
    return _switched(sandbox)


async def _add_delivery_fault(sandbox: Sandbox, _request: Request, given: Body) -> Body:
    fault = _read(switches.DeliveryFault, given)
    if fault.kind not in switches.WAYS:
        raise Wrong(f"kind must be one of {', '.join(switches.WAYS)}.")
    _check_manner(fault.manner)
    sandbox.switches.delivery.append(fault)
    return _switched(sandbox)


async def _clear_faults(sandbox: Sandbox, _request: Request, _given: Body) -> Body:
    sandbox.switches.clear()
    return _switched(sandbox)


async def _outage(sandbox: Sandbox, _request: Request, given: Body) -> Body:
    outage = _read(switches.Outage, given)
    if outage.manner not in switches.OUTAGES:
        raise Wrong(f"manner must be one of {', '.join(switches.OUTAGES)}.")
    sandbox.switches.outage = outage
    return _switched(sandbox)


async def _end_outage(sandbox: Sandbox, _request: Request, _given: Body) -> Body:
    sandbox.switches.outage = None
    # One turn of the loop lets calls that hang see that it is over before this one is answered.
    await asyncio.sleep(0)
    return _switched(sandbox)


async def _deliveries(sandbox: Sandbox, request: Request, _given: Body) -> Body:
    query = request.query_params
    unknown = query.keys() - {"event", "type", "status", "limit"}
    if unknown:
        raise Wrong(f"Unknown: {', '.join(sorted(unknown))}.")
    limit = query.get("limit", "100")
    values = {name: query.get(name) for name in ("event", "type", "status")}
    if not limit.isdecimal():
        raise Wrong("limit must be a number.")
    rows = sandbox.store.rows(DELIVERIES, {**values, "rows": min(int(limit), ROWS_MAX)})
    tries = {row["id"]: [dict(one) for one in sandbox.store.rows(ATTEMPTS, (row["id"],))] for row in rows}
    return {"data": [{**dict(row), "tries": tries[row["id"]]} for row in rows]}


async def _redeliver_one(sandbox: Sandbox, request: Request, given: Body) -> Body:
    how = _read(Redelivery, given)
    _check_manner(how.manner)
    with sandbox.work() as work:
        done = work.store.execute(HURRY_ONE, (work.moment, how.manner, request.path_params["id"])).rowcount
    if not done:
        raise Wrong("There is no such delivery.")
    return {"redelivering": request.path_params["id"]}


async def _redeliver(sandbox: Sandbox, request: Request, given: Body) -> Body:
    how = _read(Redelivery, given)
    _check_manner(how.manner)
    with sandbox.work() as work:
        event = work.get("event", request.path_params["id"])
        endpoints = [how.endpoint] if how.endpoint else work.endpoints_for(event["type"])
        for endpoint in endpoints:
            work.get("webhook_endpoint", endpoint, "endpoint")
            work.send(endpoint, event, manner=how.manner)
    return {"redelivering": event["id"], "endpoints": endpoints}


async def _twin(sandbox: Sandbox, request: Request, given: Body) -> Body:
    twin = _read(Twin, given)
    with sandbox.work() as work:
        event = work.get("event", request.path_params["id"])
        told = event["data"]
        for _ in range(twin.copies):
            work.emit(event["type"], told["object"], told.get("previous_attributes"), request=event["request"])
        return {"events": [made["id"] for made in work.events]}


async def _invent(sandbox: Sandbox, _request: Request, given: Body) -> Body:
    invention = _read(Invention, given)
    unusual: Body = {"livemode": invention.livemode}
    if invention.api_version:
        unusual["api_version"] = invention.api_version
    if invention.account:
        unusual["account"] = invention.account
    with sandbox.work() as work:
        return work.emit(invention.type, invention.object, invention.previous_attributes, **unusual)


async def _object(sandbox: Sandbox, request: Request, _given: Body) -> Body:
    with sandbox.work() as work:
        return _shown(work, request.path_params["id"])


async def _edit(sandbox: Sandbox, request: Request, given: Body) -> Body:
    edit = _read(Edit, given)
    with sandbox.work() as work:
        body = _shown(work, request.path_params["id"])["body"]
        work.change(body, edit.set, *edit.emit, tells=True)
        return _shown(work, body["id"])


async def _answer_debit(sandbox: Sandbox, request: Request, given: Body) -> Body:
    answer = _read(BankAnswer, given)
    with sandbox.work() as work:
        intent = work.get("payment_intent", request.path_params["id"])
        if intent["status"] != "processing":
            raise Wrong(f"This payment is {intent['status']}, not processing.")
        return settlements.conclude(work, intent, answer.failure)


async def _refund(sandbox: Sandbox, _request: Request, given: Body) -> Body:
    """Refund as someone might in the dashboard: no API call, no key, no metadata."""
    with sandbox.work() as work:
        return refunds.new(work, given)


async def _end_refund(sandbox: Sandbox, request: Request, given: Body) -> Body:
    end = _read(RefundEnd, given)
    with sandbox.work() as work:
        refund_id = work.get("refund", request.path_params["id"])["id"]
        if end.status == "succeeded":
            refunds.succeed(work, refund_id)
        elif end.status in {"failed", "canceled"}:
            refunds.fail(work, refund_id, end.failure_reason, end.status)
        else:
            raise Wrong("status must be succeeded, failed or canceled.")
        return work.get("refund", refund_id)


async def _open_dispute(sandbox: Sandbox, _request: Request, given: Body) -> Body:
    opening = _read(Opening, given)
    with sandbox.work() as work:
        intent = work.find(opening.payment_intent) or {}
        charge = work.get("charge", opening.charge or intent.get("latest_charge") or "", "charge")
        return disputes.new(work, charge, opening.reason, opening.amount)


async def _decide_dispute(sandbox: Sandbox, request: Request, given: Body) -> Body:
    verdict = _read(Verdict, given)
    ways = {"won": disputes.win, "lost": disputes.lose, "escalated": disputes.escalate}
    if verdict.outcome not in ways:
        raise Wrong(f"outcome must be one of {', '.join(ways)}.")
    with sandbox.work() as work:
        ways[verdict.outcome](work, request.path_params["id"])
        return work.get("dispute", request.path_params["id"])


def _shown(work: Work, object_id: str) -> Body:
    body = work.find(object_id)
    if body is None:
        raise errors.no_such("object", object_id)
    return {"body": body, "hidden": objects.hidden(work.store, object_id)}


def _check_manner(manner: str) -> None:
    if manner not in signatures.MANNERS:
        raise Wrong(f"manner must be one of {', '.join(signatures.MANNERS)}.")
