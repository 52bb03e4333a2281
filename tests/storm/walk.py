"""A client that goes through a flow against a process that may die at any moment, and asks again until it is answered.

Its repeats are what clients do: the same request under the same idempotency key, and Stripe's deliveries until each was
answered 200. Between two tries a dead process is started anew, as whoever supervises it would.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx2

from tests import stripe_bodies
from tests.storm.processes import Died, Process
from tests.storm.rig import WEBHOOK_SECRET, Rig

TRIES_MAX = 80
PAUSE_SECONDS, PAUSE_WHEN_TOLD_SECONDS = 0.05, 0.25
SERVICE_UNAVAILABLE = 503


@dataclass
class Answer:
    """What was answered in the end. `tries` is how often it was asked."""

    status: int
    body: Any
    tries: int


@dataclass
class Walk:
    """One passage through a flow, with one fault at most: of our own process, or what `weather` does to others."""

    rig: Rig
    at: int = 0
    way: str = ""
    weather: Callable[[], object] = lambda: None
    io_count: int = 0
    has_fired: bool = False
    restarts: int = 0
    answered: int = 0
    delivered: int = 0
    _process: Process | None = None
    _told: set[str] = field(init=False)

    def __post_init__(self) -> None:
        """What happened at Stripe before is somebody else's."""
        self._told = {event["id"] for event in self.rig.box.events()}

    @property
    def process(self) -> Process:
        """A living process; a new one where the last has died."""
        if self._process is None or not self._process.is_alive:
            if self._process is not None:
                self._process.kill()
                self.restarts += 1
            self._process = self.rig.nursery.start(self.rig.settings())
        return self._process

    def arm(self) -> None:
        """From here on each read and write counts, and at one of them the fault happens."""
        self.process.tell("arm", at=self.at, way=self.way)
        self.weather()
        self.restarts = 0

    def disarm(self) -> None:
        """The flow is over; from here on nothing happens but what is asked."""
        assert self._process is not None
        self.has_fired = self.restarts > 0
        if not self.has_fired:
            try:
                told = self._process.tell("arm", at=0, way="")
            except Died:
                self.has_fired = True
            else:
                self.io_count, self.has_fired = told["count"], told["has_fired"]

    def end(self) -> None:
        """Leave nothing running."""
        if self._process is not None:
            self._process.kill()

    def ask(self, method: str, path: str, body: object = None, *, token: str = "", **headers: str) -> Answer:
        """Ask until there is an answer. 503 and a broken line are none; a fault of ours (500) must never be one."""
        named = {"Authorization": f"Bearer {token or self.rig.api_key}", "Connection": "close"}
        named |= {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if isinstance(body, str) else json.dumps(body) if body is not None else None
        if content is not None:
            named.setdefault("Content-Type", "application/json")
        for tries in range(1, TRIES_MAX + 1):
            process = self.process
            try:
                answer = httpx2.request(method, f"{process.url}{path}", content=content, headers=named, timeout=30)
            except httpx2.TransportError:
                time.sleep(PAUSE_SECONDS)
                continue
            assert answer.status_code != 500, answer.text
            if answer.status_code != SERVICE_UNAVAILABLE:
                self.answered += 1
                return Answer(answer.status_code, answer.json() if answer.content else None, tries)
            assert "retry-after" in answer.headers
            time.sleep(PAUSE_WHEN_TOLD_SECONDS)
        raise AssertionError(f"{method} {path} was never answered")

    def post(self, path: str, body: object = None, *, token: str = "", **headers: str) -> dict[str, Any]:
        """Post under a key of its own until it is done; what was answered."""
        headers.setdefault("Idempotency_Key", str(uuid4()))
        answer = self.ask("POST", path, body, token=token, **headers)
        assert answer.status in (200, 201, 202), answer
        assert isinstance(answer.body, dict)
        return answer.body

    def work(self, name: str) -> None:
        """Have one of the worker's doings done now, again until it went through."""
        told: dict[str, Any] = {}
        for _ in range(TRIES_MAX):
            try:
                told = self.process.tell("work", name=name)
            except Died:
                continue
            if "failed" not in told:
                return
            time.sleep(PAUSE_WHEN_TOLD_SECONDS)
        raise AssertionError(f"{name} never went through: {told}")

    def deliver(self) -> None:
        """Deliver all events that have not been, oldest first, each until it is answered 200, as Stripe does."""
        for event in reversed(self.rig.box.events()):
            if event["id"] in self._told:
                continue
            body = json.dumps(event)
            signed = {"Stripe_Signature": stripe_bodies.signature(body, WEBHOOK_SECRET)}
            assert self.ask("POST", "/api/webhooks/stripe", body, **signed).status == 200
            self._told.add(event["id"])
            self.delivered += 1

    def account(self, credits_in: int) -> str:
        """A host's account with so much on it."""
        path = f"/api/accounts/by-external-id/{uuid4()}"
        account_id = self.ask("PUT", path, {"unit": "credit"}).body["id"]
        self.post(f"/api/accounts/{account_id}/grants", {"amount": credits_in, "reason": "A gift"})
        return str(account_id)
