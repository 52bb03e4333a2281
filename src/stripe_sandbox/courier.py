"""Delivers events to webhook endpoints: signed, at least once, tried again on a schedule, then given up.

Runs beside the API on the same loop. A delivery is marked only after its attempt, so one that a crash interrupts is
sent again. Stripe promises no order and neither does this: deliveries start in order and run side by side.
"""

import asyncio
import contextlib
import json
import logging
import sqlite3
import time
from typing import Final

import httpx2

from stripe_sandbox import signatures
from stripe_sandbox.clock import Clock
from stripe_sandbox.settings import Pace
from stripe_sandbox.store import Body, Store

log = logging.getLogger("stripe_sandbox")

SIDE_BY_SIDE: Final = 16
TAKEN: Final = range(200, 300)
ANSWER_LENGTH_MAX: Final = 500

DUE: Final = "SELECT * FROM deliveries WHERE status = 'pending' AND due_at <= ? ORDER BY due_at, id LIMIT 500"
NEXT_DUE: Final = "SELECT min(due_at) AS at FROM deliveries WHERE status = 'pending' AND due_at > ?"
UNTRIED: Final = "SELECT 1 FROM deliveries WHERE event_id = ? AND status = 'pending' AND attempts = 0 AND due_at <= ?"
HURRY: Final = "UPDATE deliveries SET due_at = ? WHERE status = 'pending'"
COUNTS: Final = "SELECT status, count(*) AS n FROM deliveries GROUP BY status"
WAITING: Final = "SELECT count(DISTINCT endpoint_id) AS n FROM deliveries WHERE event_id = ? AND status = 'pending'"
MARK: Final = "UPDATE deliveries SET status = ?, attempts = attempts + 1, due_at = ? WHERE id = ?"
RECORD: Final = """
INSERT INTO attempts (delivery_id, attempted_at, signature, http_status, duration_ms, answer) VALUES (?, ?, ?, ?, ?, ?)
"""


class Courier:
    """The background task that sends what is due."""

    def __init__(self, store: Store, clock: Clock, pace: Pace) -> None:
        self.store = store
        self.clock = clock
        self.pace = pace
        self.flying: dict[int, asyncio.Task[None]] = {}
        self.woken = asyncio.Event()
        self.progress = asyncio.Event()
        self.room = asyncio.Semaphore(SIDE_BY_SIDE)

    def wake(self) -> None:
        """Look for due deliveries now."""
        self.woken.set()

    async def run(self) -> None:
        """Send deliveries until cancelled."""
        limits = httpx2.Limits(max_connections=SIDE_BY_SIDE * 2, max_keepalive_connections=SIDE_BY_SIDE)
        async with httpx2.AsyncClient(timeout=self.pace.delivery_timeout_s, limits=limits, trust_env=False) as client:
            try:
                while True:
                    self.woken.clear()
                    self._start_due(client)
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self.woken.wait(), self._idle_s())
            finally:
                for task in self.flying.values():
                    task.cancel()
                await asyncio.gather(*self.flying.values(), return_exceptions=True)

    async def first_attempts(self, event_id: str, wait_s: float) -> None:
        """Wait, at most so long, until each delivery of an event that is due was tried once."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                while self.store.row(UNTRIED, (event_id, self.clock.now())):
                    await self._progress()

    async def settle(self, wait_s: float, *, hurry: bool) -> bool:
        """Wait until nothing is in flight or due; `hurry` makes pending retries due now. False when time ran out."""
        try:
            async with asyncio.timeout(wait_s):
                if hurry:
                    with self.store.transaction():
                        self.store.execute(HURRY, (self.clock.now(),))
                    self.wake()
                while self.flying or self.store.row(DUE, (self.clock.now(),)):
                    await self._progress()
        except TimeoutError:
            return False
        return True

    def counts(self) -> dict[str, int]:
        """Return how many deliveries stand in each state."""
        return {row["status"]: row["n"] for row in self.store.rows(COUNTS)}

    async def stop_flights(self) -> None:
        """Let go of all deliveries in flight, before the data is wiped."""
        flights = list(self.flying.values())
        for task in flights:
            task.cancel()
        await asyncio.gather(*flights, return_exceptions=True)
        # A task cancelled before its first step never runs its own clearing up.
        self.flying.clear()

    def _start_due(self, client: httpx2.AsyncClient) -> None:
        for delivery in self.store.rows(DUE, (self.clock.now(),)):
            if delivery["id"] not in self.flying:
                self.flying[delivery["id"]] = asyncio.create_task(self._deliver(client, delivery))

    def _idle_s(self) -> float:
        row = self.store.row(NEXT_DUE, (self.clock.now(),))
        return max(0.005, row["at"] - self.clock.now()) if row and row["at"] is not None else 3600.0

    async def _progress(self) -> None:
        """Wait until one more attempt has been made; look again after a while in any case."""
        self.progress.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.progress.wait(), 0.2)

    async def _deliver(self, client: httpx2.AsyncClient, delivery: sqlite3.Row) -> None:
        try:
            async with self.room:
                await self._attempt(client, delivery)
        except Exception:
            log.exception("A delivery could not be made")
            with self.store.transaction():
                self.store.execute(MARK, ("given_up", self.clock.now(), delivery["id"]))
        finally:
            self.flying.pop(delivery["id"], None)
            self.progress.set()
            self.wake()

    async def _attempt(self, client: httpx2.AsyncClient, delivery: sqlite3.Row) -> None:
        endpoint = self._body(delivery["endpoint_id"])
        event = self._body(delivery["event_id"])
        if endpoint is None or event is None:
            self._record(delivery, "", None, 0.0, "The endpoint was deleted.", gone=True)
            return
        payload = self._payload(event, endpoint[0])
        signature = signatures.header(delivery["manner"], payload, endpoint[1]["secret"], int(self.clock.wall()))
        headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "Stripe/1.0 (offline sandbox)"}
        if signature:
            headers["Stripe-Signature"] = signature
        began = time.perf_counter()
        try:
            answer = await client.post(endpoint[0]["url"], content=payload, headers=headers)
            status, text = answer.status_code, answer.text
        except (httpx2.HTTPError, httpx2.InvalidURL) as unreachable:
            status, text = None, f"{type(unreachable).__name__}: {unreachable}"
        self._record(delivery, signature, status, (time.perf_counter() - began) * 1000, text)

    def _record(
        self,
        delivery: sqlite3.Row,
        signature: str,
        http_status: int | None,
        duration_ms: float,
        answer: str,
        *,
        gone: bool = False,
    ) -> None:
        tried = delivery["attempts"] + 1
        schedule = self.pace.retry_after_s
        is_taken = http_status is not None and http_status in TAKEN
        is_over = gone or tried > len(schedule)
        status = "delivered" if is_taken else "given_up" if is_over else "pending"
        due_at = self.clock.now() + (0 if is_taken or is_over else schedule[tried - 1])
        values = (delivery["id"], int(self.clock.wall()), signature, http_status, round(duration_ms, 2))
        with self.store.transaction():
            self.store.execute(MARK, (status, due_at, delivery["id"]))
            self.store.execute(RECORD, (*values, answer[:ANSWER_LENGTH_MAX]))

    def _body(self, object_id: str) -> tuple[Body, Body] | None:
        row = self.store.row("SELECT body, hidden FROM objects WHERE id = ?", (object_id,))
        return (json.loads(row["body"]), json.loads(row["hidden"])) if row else None

    def _payload(self, event: tuple[Body, Body], endpoint: Body) -> bytes:
        row = self.store.row(WAITING, (event[0]["id"],))
        told = {**event[0], "pending_webhooks": row["n"] if row else 0}
        if endpoint["api_version"] and "api_version" not in event[1]:
            # The label follows the endpoint, as at Stripe; the shape stays that of the one version spoken here.
            told["api_version"] = endpoint["api_version"]
        return json.dumps(told, ensure_ascii=False, indent=2).encode()
