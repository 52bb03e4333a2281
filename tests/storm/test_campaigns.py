"""Deliveries doubled, out of order, lost and forged, over many payments at once; then whatever is missing is healed.

Each payment is a real one at the offline Stripe, told by the events that it really sends. Which of them arrive, how
often, in what order and at which of two processes is drawn by the seed.
"""

import json
import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests import stripe_bodies
from tests.storm import dice, flows
from tests.storm.flows import Buyer
from tests.storm.processes import Process
from tests.storm.rig import WEBHOOK_SECRET, Rig
from tests.storm.walk import Walk

pytestmark = [pytest.mark.storm, pytest.mark.slow]

HERE = "tests/storm/test_campaigns.py"
PAYMENTS = 200 if dice.IS_LONG else 16
HEALED_SECONDS_MAX = 60
EVENTS_WANTED = 20_000


@dataclass(frozen=True)
class Parcel:
    """One delivery on its way. A forged one must be refused."""

    body: str
    signature: str
    is_forged: bool = False


def parcels(events: list[dict[str, Any]], own: random.Random) -> list[Parcel]:
    """What becomes of the events of some payments on their way to us."""
    lost_payments = {event["data"]["object"].get("payment_intent") for event in events if own.random() < 0.05}
    found: list[Parcel] = []
    for event in events:
        told = event["data"]["object"]
        if own.random() < 0.1 or {told["id"], told.get("payment_intent")} & (lost_payments - {None}):
            dice.note("campaign", lost=1)
        else:
            found += [true_parcel(event)] * own.choice((1, 1, 1, 2, 3))
        if own.random() < 0.2:
            twin = {**event, "id": f"evt_twin_{uuid4().hex}"}
            found.append(true_parcel(twin))
            dice.note("campaign", twins=1)
        if own.random() < 0.3:
            found.append(forged_parcel(event, own))
    own.shuffle(found)
    return found


def true_parcel(event: dict[str, Any]) -> Parcel:
    body = json.dumps(event)
    return Parcel(body, stripe_bodies.signature(body, WEBHOOK_SECRET))


def forged_parcel(event: dict[str, Any], own: random.Random) -> Parcel:
    """Another's secret, another body than was signed, an old signature, or none of the right kind."""
    body = json.dumps(event)
    right = stripe_bodies.signature(body, WEBHOOK_SECRET)
    old = stripe_bodies.signature(body, WEBHOOK_SECRET, timestamp=int(time.time()) - 3600)
    return own.choice(
        [
            Parcel(body, stripe_bodies.signature(body, "whsec_of_somebody_else"), is_forged=True),
            Parcel(body.replace('"id"', '"id" '), right, is_forged=True),
            Parcel(body, old, is_forged=True),
            Parcel(body, right.replace("v1=", "v0="), is_forged=True),
        ]
    )


def deliver(parcel: Parcel, process: Process) -> None:
    """Until it is answered, and answered as it deserves."""
    for _ in range(20):
        headers = {"Stripe-Signature": parcel.signature}
        answer = httpx2.post(f"{process.url}/api/webhooks/stripe", content=parcel.body, headers=headers, timeout=60)
        if answer.status_code != 503:
            break
        time.sleep(0.1)
    assert answer.status_code == (400 if parcel.is_forged else 200), answer.text
    dice.note("campaign", forged=parcel.is_forged, delivered=not parcel.is_forged)


def paid(walk: Walk, ground: Rig) -> list[Buyer]:
    """Some people who have paid."""
    ground.execute("DELETE FROM rate_limits")
    buyers = [flows.order(walk, *ground.person()) for _ in range(PAYMENTS)]
    for bought in buyers:
        ground.box.pay(bought.checkout["sessionUrl"])
    return buyers


def fresh_events(ground: Rig, seen: set[str]) -> list[dict[str, Any]]:
    """All events since the last time."""
    found: list[dict[str, Any]] = []
    query: dict[str, str | int] = {"limit": 100}
    while True:
        answer = ground.box.web.get("/v1/events", params=query, headers={"Authorization": "Bearer sk_test_tests"})
        page = answer.json()["data"]
        found += [event for event in page if event["id"] not in seen]
        if len(page) < 100 or page[-1]["id"] in seen:
            break
        query["starting_after"] = page[-1]["id"]
    seen.update(event["id"] for event in found)
    return found


def test_deliveries_doubled_lost_disordered_and_forged_credit_each_payment_once(ground: Rig) -> None:
    """Faults 1 to 7, 9 and 10: after the worker has looked, whatever arrived or did not."""
    own = dice.of("campaign")
    deadline = time.monotonic() + dice.seconds(part=0.2, short=3)
    walk, seen = Walk(ground), set[str]()
    processes = [ground.nursery.start(ground.settings()) for _ in range(2)]
    with dice.replayable(HERE), ThreadPoolExecutor(8) as couriers:
        while True:
            buyers = paid(walk, ground)
            on_their_way = parcels(fresh_events(ground, seen), own)
            list(couriers.map(deliver, on_their_way, [own.choice(processes) for _ in on_their_way]))
            started_at = time.monotonic()
            walk.work("inbox")
            walk.work("reconcile recent")
            assert time.monotonic() - started_at < HEALED_SECONDS_MAX
            for bought in buyers:
                flows.is_credited(walk, bought)
            ground.audit()
            dice.note("campaign", payments=len(buyers))
            if time.monotonic() > deadline or dice.FIGURES["campaign"]["delivered"] >= EVENTS_WANTED:
                break
    for process in (*processes, walk.process):
        process.kill()
