"""Deliveries and events: what was sent and answered, sending again, twins, and events out of nothing.

Everything goes through `work`, so that invented events are kept and listed like any other.
"""

import dataclasses
from typing import Any, Final

from starlette.requests import Request

from stripe_sandbox.control import reading
from stripe_sandbox.sandbox import Sandbox
from stripe_sandbox.store import Body

DELIVERIES: Final = """
SELECT * FROM deliveries
WHERE (:event IS NULL OR event_id = :event) AND (:type IS NULL OR event_type = :type)
  AND (:status IS NULL OR status = :status)
ORDER BY id DESC LIMIT :rows
"""
ATTEMPTS: Final = "SELECT * FROM attempts WHERE delivery_id = ? ORDER BY id"
HURRY_ONE: Final = "UPDATE deliveries SET status = 'pending', due_at = ?, manner = ? WHERE id = ?"
ROWS_MAX: Final = 1000


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


async def _deliveries(sandbox: Sandbox, request: Request, _given: Body) -> Body:
    query = request.query_params
    unknown = query.keys() - {"event", "type", "status", "limit"}
    if unknown:
        raise reading.Wrong(f"Unknown: {', '.join(sorted(unknown))}.")
    limit = query.get("limit", "100")
    values = {name: query.get(name) for name in ("event", "type", "status")}
    if not limit.isdecimal():
        raise reading.Wrong("limit must be a number.")
    rows = sandbox.store.rows(DELIVERIES, {**values, "rows": min(int(limit), ROWS_MAX)})
    tries = {row["id"]: [dict(one) for one in sandbox.store.rows(ATTEMPTS, (row["id"],))] for row in rows}
    return {"data": [{**dict(row), "tries": tries[row["id"]]} for row in rows]}


async def _redeliver_one(sandbox: Sandbox, request: Request, given: Body) -> Body:
    how = reading.read(Redelivery, given)
    reading.check_manner(how.manner)
    with sandbox.work() as work:
        done = work.store.execute(HURRY_ONE, (work.moment, how.manner, request.path_params["id"])).rowcount
    if not done:
        raise reading.Wrong("There is no such delivery.")
    return {"redelivering": request.path_params["id"]}


async def _redeliver(sandbox: Sandbox, request: Request, given: Body) -> Body:
    how = reading.read(Redelivery, given)
    reading.check_manner(how.manner)
    with sandbox.work() as work:
        event = work.get("event", request.path_params["id"])
        endpoints = [how.endpoint] if how.endpoint else work.endpoints_for(event["type"])
        for endpoint in endpoints:
            work.get("webhook_endpoint", endpoint, "endpoint")
            work.send(endpoint, event, manner=how.manner)
    return {"redelivering": event["id"], "endpoints": endpoints}


async def _twin(sandbox: Sandbox, request: Request, given: Body) -> Body:
    twin = reading.read(Twin, given)
    with sandbox.work() as work:
        event = work.get("event", request.path_params["id"])
        told = event["data"]
        for _ in range(twin.copies):
            work.emit(event["type"], told["object"], told.get("previous_attributes"), request=event["request"])
        return {"events": [made["id"] for made in work.events]}


async def _invent(sandbox: Sandbox, _request: Request, given: Body) -> Body:
    invention = reading.read(Invention, given)
    unusual: Body = {"livemode": invention.livemode}
    if invention.api_version:
        unusual["api_version"] = invention.api_version
    if invention.account:
        unusual["account"] = invention.account
    with sandbox.work() as work:
        return work.emit(invention.type, invention.object, invention.previous_attributes, **unusual)


CALLS: Final[tuple[reading.Call, ...]] = (
    ("GET", "/sandbox/deliveries", _deliveries),
    ("POST", "/sandbox/deliveries/{id:int}/redeliver", _redeliver_one),
    ("POST", "/sandbox/events", _invent),
    ("POST", "/sandbox/events/{id}/redeliver", _redeliver),
    ("POST", "/sandbox/events/{id}/twin", _twin),
)
