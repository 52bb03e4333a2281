"""One unit of work: the open transaction, the sandbox's time, and the events that its changes make.

Handlers, jobs and pages get one from `sandbox.Sandbox.work` and touch objects only through it, so that no change goes
without its event. Never commits by itself and never waits.
"""

import dataclasses
import json
from typing import Any, Final, Protocol

from stripe_sandbox import API_VERSION, errors, ids, objects
from stripe_sandbox.settings import Pace
from stripe_sandbox.store import Body, Store

NOUNS: Final = {
    "checkout.session": "checkout.session",
    "payment_method": "PaymentMethod",
    "webhook_endpoint": "webhook endpoint",
}
ENDPOINTS: Final = "SELECT id, body FROM objects WHERE object = 'webhook_endpoint' AND status = 'enabled' ORDER BY seq"
DELIVER: Final = """
INSERT INTO deliveries (event_id, event_type, endpoint_id, status, due_at, manner)
VALUES (:event_id, :event_type, :endpoint_id, :status, :due_at, :manner)
"""


@dataclasses.dataclass(frozen=True)
class Way:
    """One delivery to make: whether it is sent at all, how it is signed, and how late."""

    status: str = "pending"
    manner: str = "right"
    delay_s: float = 0.0


@dataclasses.dataclass(frozen=True)
class Cause:
    """The API request that makes events; events of the hosted pages and of the clock have none."""

    request_id: str | None = None
    idempotency_key: str | None = None


class Plan(Protocol):
    """How new events travel; the switches of the control API bend it."""

    def deliveries(self, event_type: str) -> list[Way]:
        """Return each delivery to make to one endpoint."""
        ...

    def twins(self, event_type: str) -> int:
        """Return how many further events, with ids of their own, tell the same fact."""
        ...


@dataclasses.dataclass
class Work:
    """What a handler may use."""

    store: Store
    moment: float
    url: str
    pace: Pace
    plan: Plan
    cause: Cause = dataclasses.field(default_factory=Cause)
    events: list[Body] = dataclasses.field(default_factory=list)
    """The events made so far, in order."""

    @property
    def now(self) -> int:
        """The sandbox's time in whole seconds, as Stripe writes it."""
        return int(self.moment)

    def find(self, object_id: str | None) -> Body | None:
        """Return an object of any kind, or None."""
        return objects.find(self.store, object_id) if object_id else None

    def get(self, kind: str, object_id: str, param: str = "id") -> Body:
        """Return an object, or refuse as Stripe does when there is none of this kind with this id."""
        found = self.find(object_id)
        if found is None or found["object"] != kind:
            raise errors.no_such(NOUNS.get(kind, kind), object_id, param)
        return found

    def hidden(self, object_id: str) -> Body:
        """Return what the sandbox knows of an object beside its body."""
        return objects.hidden(self.store, object_id)

    def hide(self, object_id: str, **known: Any) -> None:
        """Add to what the sandbox knows of an object."""
        objects.hide(self.store, object_id, {**self.hidden(object_id), **known})

    def add(self, body: Body, event_type: str | None = None, **known: Any) -> Body:
        """Write a new object, and the event that tells of it."""
        ordered = _ordered(body)
        objects.insert(self.store, ordered, known, body.get("created", self.now))
        if event_type:
            self.emit(event_type, ordered)
        return ordered

    def replace(self, body: Body, after: Body, *event_types: str) -> Body:
        """Write an object anew, fields that vanish included, and its events with the old values."""
        objects.update(self.store, after)
        previous = previous_attributes(body, after)
        for event_type in event_types:
            self.emit(event_type, after, previous)
        return after

    def change(self, body: Body, changes: Body, *event_types: str, tells: bool = False) -> Body:
        """Write the changes and their events, in order. `tells` adds the old values to the events."""
        after = {**body, **changes}
        objects.update(self.store, after)
        previous = previous_attributes(body, after) if tells else None
        for event_type in event_types:
            self.emit(event_type, after, previous)
        return after

    def bury(self, remains: Body) -> None:
        """Delete an object down to its remains."""
        objects.bury(self.store, remains)

    def remove(self, object_id: str) -> None:
        """Delete an object without a trace."""
        objects.remove(self.store, object_id)

    def emit(self, event_type: str, body: Body, previous: Body | None = None, **unusual: object) -> Body:
        """Write an event and a delivery for each endpoint that wants it."""
        told: Body = {"object": body}
        if previous:
            told["previous_attributes"] = previous
        event = self._event(event_type, told, unusual)
        for _ in range(self.plan.twins(event_type)):
            self._event(event_type, told, unusual)
        return event

    def endpoints_for(self, event_type: str) -> list[str]:
        """Return the enabled endpoints that subscribed to this type."""
        rows = [(row["id"], json.loads(row["body"])["enabled_events"]) for row in self.store.rows(ENDPOINTS)]
        return [endpoint_id for endpoint_id, wanted in rows if "*" in wanted or event_type in wanted]

    def send(
        self, endpoint_id: str, event: Body, *, status: str = "pending", manner: str = "right", delay_s: float = 0
    ) -> None:
        """Queue an event for one endpoint."""
        values = {"event_id": event["id"], "event_type": event["type"], "endpoint_id": endpoint_id}
        values |= {"status": status, "manner": manner, "due_at": self.moment + delay_s}
        self.store.execute(DELIVER, values)

    def later(self, after_s: float, job: str, object_id: str) -> None:
        """Have a job done once the sandbox's clock has moved on."""
        values = (self.moment + after_s, job, object_id)
        self.store.execute("INSERT INTO jobs (due_at, job, object_id) VALUES (?, ?, ?)", values)

    def _event(self, event_type: str, told: Body, unusual: Body) -> Body:
        event: Body = {
            "id": ids.new("evt_"),
            "object": "event",
            "api_version": API_VERSION,
            "created": self.now,
            "data": told,
            "livemode": False,
            "pending_webhooks": 0,
            "request": {"id": self.cause.request_id, "idempotency_key": self.cause.idempotency_key},
            "type": event_type,
            **unusual,
        }
        objects.insert(self.store, event, {"api_version": True} if "api_version" in unusual else {}, self.now)
        for endpoint_id in self.endpoints_for(event_type):
            for way in self.plan.deliveries(event_type):
                self.send(endpoint_id, event, status=way.status, manner=way.manner, delay_s=way.delay_s)
        self.events.append(event)
        return event


def previous_attributes(before: Body, after: Body) -> Body:
    """Return the old values of what changed, nested like the object itself."""
    old: Body = {}
    for name in before.keys() | after.keys():
        was, is_now = before.get(name), after.get(name)
        if was == is_now:
            continue
        nested = isinstance(was, dict) and isinstance(is_now, dict)
        old[name] = previous_attributes(was, is_now) if nested else was
    return dict(sorted(old.items()))


def _ordered(body: Body) -> Body:
    head = {name: body[name] for name in ("id", "object") if name in body}
    return {**head, **{name: body[name] for name in sorted(body) if name not in head}}
