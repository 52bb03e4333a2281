"""Bad weather around one process: Stripe refuses, fails, dawdles or goes away; connections run out; rows are held."""

import functools
import itertools
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import httpx2
import psycopg
import pytest

from tests import people, stripe_bodies
from tests.storm import dice, flows
from tests.storm.processes import Process
from tests.storm.rig import WEBHOOK_SECRET, Rig
from tests.storm.walk import Walk

pytestmark = [pytest.mark.storm, pytest.mark.slow]

HERE = "tests/storm/test_weather.py"
ASKING_STRIPE = (
    "start a checkout",
    "return to us",
    "reconcile",
    "buy sessions by card",
    "buy sessions by invoice",
)
FAULTS: tuple[dict[str, object], ...] = (
    {"answer": "429"},
    {"answer": "409"},
    {"answer": "500"},
    {"answer": "500", "remember": True},
    {"answer": "500", "after_work": True, "remember": True},
    {"answer": "502", "after_work": True},
    {"answer": "lost"},
    {"answer": "lost", "after_work": True},
    {"answer": "slow", "delay_s": 1.0},
)
WEATHERS_MIN = 2
FAILING = "test_stripe_that_fails_at_any_call_costs_a_repeat_and_nothing_else"


@pytest.fixture(autouse=True)
def audited(ground: Rig) -> Iterator[None]:
    """Whatever happened, the audit is clean afterwards and Stripe is well again."""
    yield
    ground.box.web.delete("/sandbox/faults")
    ground.box.end_outage()
    ground.audit()


@pytest.mark.parametrize("name", ASKING_STRIPE)
def test_stripe_that_fails_at_any_call_costs_a_repeat_and_nothing_else(ground: Rig, name: str) -> None:
    """Faults 31, 33 and 34: refused, failed, stored as failed, done and not answered, slow; once or several times."""
    variants = itertools.product(FAULTS, (1, 4), ("*", "POST"))
    weathers = [{**fault, "times": times, "method": method} for fault, times, method in variants]
    dice.of(f"weather of {name}").shuffle(weathers)
    deadline = time.monotonic() + dice.seconds(part=0.07 / len(ASKING_STRIPE), short=0)
    for number, weather in enumerate(weathers):
        if number >= WEATHERS_MIN and time.monotonic() > deadline:
            break
        walk = Walk(ground, weather=functools.partial(ground.box.control, "faults", **weather))
        with dice.replayable(f"'{HERE}::{FAILING}[{name}]'"):
            try:
                flows.FLOWS[name](walk)
            except BaseException as fault:
                fault.add_note(f"weather: {weather}")
                raise
            finally:
                walk.end()
                ground.box.web.delete("/sandbox/faults")
        dice.note("Stripe's weather", flows_walked=1)


@pytest.mark.parametrize("manner", ["cut", "hang", "502"])
def test_outage_of_stripe_is_waited_out_and_disturbs_no_spend(ground: Rig, manner: str) -> None:
    """Faults 34 and 35: who buys is told to come again, and nobody else notices."""
    account = None

    def go_away() -> None:
        ground.box.control("outage", manner=manner)
        threading.Timer(2.0, ground.box.end_outage).start()

    walk = Walk(ground, weather=go_away)
    try:
        account = walk.account(10)
        with ThreadPoolExecutor(1) as others:
            buying = others.submit(flows.start_checkout, walk)
            for _ in range(10):
                started_at = time.monotonic()
                walk.post(f"/api/accounts/{account}/spends", {"amount": 1})
                assert time.monotonic() - started_at < 2.0
                time.sleep(0.1)
            buying.result()
    finally:
        walk.end()
    assert ground.balance(account) == 0


def test_account_whose_row_somebody_holds_is_answered_503_and_no_other_waits(ground: Rig) -> None:
    """Fault 26: an operator's forgotten transaction, seen through HTTP; the same key succeeds when it is over."""
    walk = Walk(ground)
    try:
        held, free = walk.account(10), walk.account(10)
        key = {"Idempotency-Key": str(uuid4())}
        with psycopg.connect(ground.database_url) as operator:
            operator.execute("SELECT FROM accounts WHERE id = %s FOR UPDATE", [held])
            with ThreadPoolExecutor(2) as callers:
                stuck = callers.submit(post, walk.process, ground, f"/api/accounts/{held}/spends", key)
                time.sleep(0.3)
                ask = {"Idempotency-Key": str(uuid4())}
                served = callers.submit(post, walk.process, ground, f"/api/accounts/{free}/spends", ask)
                assert stuck.result().status_code == 503
                assert int(stuck.result().headers["retry-after"]) > 0
                assert served.result().status_code == 201
        assert post(walk.process, ground, f"/api/accounts/{held}/spends", key).status_code == 201
    finally:
        walk.end()
    assert (ground.balance(held), ground.balance(free)) == (9, 9)


def post(process: Process, ground: Rig, path: str, headers: dict[str, str]) -> httpx2.Response:
    """One spend, asked once."""
    named = {"Authorization": f"Bearer {ground.api_key}", **headers}
    return httpx2.post(f"{process.url}{path}", json={"amount": 1}, headers=named, timeout=60)


def test_deliveries_are_taken_while_every_connection_is_busy(ground: Rig) -> None:
    """Fault 25: those who find no connection are told to come again, and Stripe is answered all the while."""
    process = ground.nursery.start(ground.settings(pool_size=2))
    buyer = ground.run(people.person(ground.pool, f"Alice{uuid4().hex}"))
    payments = [ground.run(people.pending(ground.pool, buyer, credits=10)) for _ in range(8)]

    def look() -> httpx2.Response:
        return httpx2.get(f"{process.url}/api/credit-packages", timeout=60)

    def deliver(payment_id: UUID) -> tuple[int, float]:
        told = stripe_bodies.session(payment_id, session_id=f"cs_{payment_id}", intent_id=f"pi_{payment_id}")
        body = stripe_bodies.event("checkout.session.completed", told)
        headers = {"Stripe-Signature": stripe_bodies.signature(body, WEBHOOK_SECRET)}
        started_at = time.monotonic()
        answer = httpx2.post(f"{process.url}/api/webhooks/stripe", content=body, headers=headers, timeout=60)
        return answer.status_code, time.monotonic() - started_at

    try:
        look()
        with psycopg.connect(ground.database_url) as operator, ThreadPoolExecutor(24) as crowd:
            operator.execute("LOCK TABLE packages IN ACCESS EXCLUSIVE MODE")
            looks = [crowd.submit(look) for _ in range(20)]
            time.sleep(0.5)
            took = [deliver(payment_id) for payment_id in payments]
            answers = [each.result() for each in looks]
    finally:
        process.kill()
    assert [status for status, _ in took] == [200] * len(payments)
    assert max(seconds for _, seconds in took) < 2.0
    assert {answer.status_code for answer in answers} == {503}
    assert all("retry-after" in answer.headers for answer in answers)
    assert ground.balance(buyer.account_id) == 80
