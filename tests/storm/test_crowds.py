"""Many at once on few accounts, over real connections: nothing is overspent, doubled or lost, no two wait in a ring."""

import asyncio
import functools
import random
from collections.abc import AsyncIterator, Sequence
from uuid import UUID

import pytest

from tests import asking, people, stripe_bodies
from tests.asking import Machine
from tests.storm import proxy
from topup.core import ids
from topup.db import sql
from topup.flows import receive, requests, settle, verify
from topup.flows.requests import Answer, KeyReused
from topup.ledger import commands, journal
from topup.runtime import house
from topup.runtime.group_commit import GroupCommit

pytestmark = pytest.mark.storm

DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
HOLD = "SELECT captured, status, amount FROM holds WHERE id = %s"


def pool_of(database_url: str, size: int = 16) -> people.Pool:
    options = {"options": house.CONNECTION_OPTIONS}
    return people.Pool(database_url, min_size=1, max_size=size, timeout=30, kwargs=options, open=False)


@pytest.fixture(scope="module")
async def machine(shared_database_url: str) -> AsyncIterator[Machine]:
    async with pool_of(shared_database_url) as pool:
        yield Machine(pool)


@pytest.fixture(autouse=True)
async def audited(machine: Machine) -> AsyncIterator[None]:
    """Whatever happened: the audit is clean afterwards."""
    yield
    assert (await verify.verify(machine.pool)).breaches == ()


def done(answers: Sequence[Answer | KeyReused]) -> int:
    return sum(isinstance(answer, Answer) and answer.status == 201 for answer in answers)


async def test_of_64_spenders_on_an_account_with_credit_for_10_exactly_10_succeed(machine: Machine) -> None:
    """Fault 42: each in a transaction of its own."""
    for credits_each in (1, 3):
        account_id = await machine.open(10 * credits_each + credits_each - 1)
        answers = await asyncio.gather(*(machine.spend(account_id, credits_each, str(ids.new())) for _ in range(64)))
        assert done(answers) == 10
        assert await machine.balance(account_id) == credits_each - 1


async def test_of_64_spenders_through_two_houses_exactly_10_succeed(machine: Machine, shared_database_url: str) -> None:
    """Fault 42: in batches, from two queues."""
    account_id = await machine.open(10)
    async with pool_of(shared_database_url, 2) as other_pool:
        posts = [functools.partial(requests.post, pool) for pool in (machine.pool, other_pool)]
        async with (
            GroupCommit(posts[0], is_passing=house.is_passing_for_requests) as one,
            GroupCommit(posts[1], is_passing=house.is_passing_for_requests) as other,
        ):
            asked = [
                machine.request(commands.Spend(account_id, 1, asking.cause(), machine.principal), str(ids.new()))
                for _ in range(64)
            ]
            answers = await asyncio.gather(*((one, other)[n % 2].submit(each) for n, each in enumerate(asked)))
    assert done(answers) == 10
    assert await machine.balance(account_id) == 0


async def test_hold_closes_once_and_gives_no_more_than_it_holds(machine: Machine) -> None:
    """Faults 43 and 44: captures and releases of one hold, all at once."""
    for turn in range(5):
        account_id, hold_id = await machine.open(20), ids.new()
        await machine.ask(commands.PlaceHold(account_id, 10, hold_id, 60, "application:host"), None)
        capture = functools.partial(commands.Capture, account_id, hold_id, 3)
        asked: list[commands.Command] = [capture(asking.cause(), "application:host", is_final=False) for _ in range(6)]
        asked += [commands.Release(account_id, hold_id, "application:host") for _ in range(3)]
        random.Random(turn).shuffle(asked)
        answers = await asyncio.gather(*(machine.ask(command, str(ids.new())) for command in asked))
        async with machine.pool.connection() as conn:
            captured = await sql.value(conn, HOLD, [hold_id])
        captures = done([a for a, command in zip(answers, asked, strict=True) if isinstance(command, commands.Capture)])
        assert captured == 3 * captures <= 10
        assert done(answers) - captures == 1, "released once"
        assert await machine.balance(account_id) == 20 - captured


async def test_opposite_transfers_never_wait_for_each_other_in_a_ring(machine: Machine) -> None:
    """Fault 57: accounts are locked in the order of their ids, whoever sends."""
    accounts = [await machine.open(100) for _ in range(4)]
    dice = random.Random(57)
    asked = []
    for _ in range(120):
        source, target = dice.sample(accounts, 2)
        asked.append(commands.Move(source, target, dice.randint(1, 3), asking.cause(), "application:host"))
    async with machine.pool.connection() as conn:
        before = await sql.value(conn, DEADLOCKS)
    answers = await asyncio.gather(*(machine.ask(command, str(ids.new())) for command in asked))
    async with machine.pool.connection() as conn:
        assert await sql.value(conn, DEADLOCKS) == before
    assert done(answers) == 120
    assert sum([await machine.balance(account_id) for account_id in accounts]) == 400


async def test_account_that_somebody_has_locked_keeps_nobody_else_waiting(
    machine: Machine, shared_database_url: str
) -> None:
    """Fault 26: an operator's forgotten transaction. Who asks of that account is told to try again, and then may."""
    locked, *others = [await machine.open(10) for _ in range(6)]
    options = {"options": f"{house.CONNECTION_OPTIONS} -c lock_timeout=200ms"}
    async with people.Pool(shared_database_url, min_size=1, max_size=2, kwargs=options, open=False) as pool:
        post = functools.partial(requests.post, pool)
        door: GroupCommit[requests.Request, Answer | KeyReused] = GroupCommit(
            post, is_passing=house.is_passing_for_requests, blamed=requests.blamed
        )
        asked = [
            machine.request(commands.Spend(account_id, 1, asking.cause(), "application:host"), str(ids.new()))
            for account_id in (others[0], locked, *others[1:], locked)
        ]
        async with door:
            async with machine.pool.connection() as operator:
                await sql.run(operator, "SELECT FROM accounts WHERE id = %s FOR UPDATE", [locked])
                answers = await asyncio.gather(*(door.submit(each) for each in asked), return_exceptions=True)
            again = await asyncio.gather(*(door.submit(each) for each in asked))
    stuck = [answer for answer in answers if isinstance(answer, requests.Stuck)]
    assert len(stuck) == 2
    assert done([answer for answer in answers if not isinstance(answer, BaseException)]) == 5
    assert done(again) == 7
    assert [await machine.balance(account_id) for account_id in (locked, *others)] == [8, 9, 9, 9, 9, 9]


async def test_purchases_refunds_spends_and_sweeps_at_once_lose_no_credit(machine: Machine) -> None:
    """Faults 45 and 46: whatever the order, the sum is what came in less what went out."""
    alice = await people.person(machine.pool, f"Alice{ids.new().hex}")
    bought = [await people.pending(machine.pool, alice, credits=10) for _ in range(8)]

    async def buy(payment_id: UUID) -> None:
        told = stripe_bodies.session(payment_id, session_id=f"cs_{payment_id}", intent_id=f"pi_{payment_id}")
        delivery = receive.read(stripe_bodies.event("checkout.session.completed", told))
        assert delivery is not None
        assert await receive.receive(machine.pool, [delivery], is_live=False) == ["credited"]

    async def refund(payment_id: UUID) -> None:
        async with machine.pool.connection() as conn:
            command = commands.Clawback(alice.account_id, 10, payment_id, "REFUND", asking.cause(), "stripe")
            await journal.post(conn, [command])

    spends = [asyncio.create_task(machine.spend(alice.account_id, 3, str(ids.new()))) for _ in range(24)]
    others = [*(buy(p) for p in bought), *(refund(p) for p in bought[:4]), *(settle.sweep(machine.pool) for _ in "12")]
    await asyncio.gather(*others)
    answers = await asyncio.gather(*spends)
    assert await machine.balance(alice.account_id) == 80 - 40 - 3 * done(answers)


async def test_commits_whose_answer_is_lost_are_done_once(machine: Machine, shared_database_url: str) -> None:
    """Fault 20: the queue asks again under the same keys, and everybody gets the answer that was written."""
    account_id = await machine.open(1000)
    async with proxy.before(shared_database_url) as (lossy, url), pool_of(url, 2) as pool:
        asking_there = Machine(pool)
        post = functools.partial(requests.post, pool)
        async with GroupCommit(post, is_passing=house.is_passing_for_requests) as door:
            for turn in range(12):
                lossy.losses = turn % 3
                asked = [
                    asking_there.request(
                        commands.Spend(account_id, 1, asking.cause(), "application:host"), f"{turn}-{n}"
                    )
                    for n in range(8)
                ]
                assert done(await asyncio.gather(*(door.submit(request) for request in asked))) == 8
    assert lossy.lost == 12
    assert await machine.lines(account_id) == 96
    assert await machine.balance(account_id) == 1000 - 96
