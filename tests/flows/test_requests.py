"""Keyed requests: many in one transaction, each answered for itself, and under one key only once."""

import asyncio
import functools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from uuid import UUID

import pytest

from tests import people
from tests.asking import Machine, cause
from topup.core import ids
from topup.flows import requests
from topup.flows.requests import Answer, KeyReused, Request
from topup.ledger import commands
from topup.runtime import house
from topup.runtime.group_commit import GroupCommit

Door = GroupCommit[Request, Answer | KeyReused]


def pool_of(database_url: str) -> people.Pool:
    return people.Pool(database_url, min_size=1, max_size=4, kwargs={"options": house.CONNECTION_OPTIONS}, open=False)


@pytest.fixture(scope="module")
async def machine(shared_database_url: str) -> AsyncIterator[Machine]:
    async with pool_of(shared_database_url) as pool:
        yield Machine(pool)


@pytest.fixture(scope="module")
async def doors(shared_database_url: str) -> AsyncIterator[tuple[Door, Door]]:
    """Two houses, each with its own pool and its own queue: they meet in the database only."""
    async with AsyncExitStack() as stack:
        opened: list[Door] = []
        for _ in range(2):
            pool = await stack.enter_async_context(pool_of(shared_database_url))
            post = functools.partial(requests.post, pool)
            door: Door = GroupCommit(post, is_passing=house.is_passing_for_requests)
            opened.append(await stack.enter_async_context(door))
        yield opened[0], opened[1]


def spend_of(machine: Machine, account_id: UUID, credits_out: int, key: str | None) -> Request:
    return machine.request(commands.Spend(account_id, credits_out, cause(), machine.principal), key)


def statuses(answers: list[Answer | KeyReused]) -> list[int]:
    return [answer.status if isinstance(answer, Answer) else 422 for answer in answers]


async def test_members_of_a_batch_are_decided_in_their_order_and_answered_for_themselves(machine: Machine) -> None:
    alice = await machine.open(10)
    wanted = [4, 7, 5, 1, 1]
    batch = [spend_of(machine, alice, credits_out, f"order-{n}") for n, credits_out in enumerate(wanted)]
    assert statuses(await requests.post(machine.pool, batch)) == [201, 402, 201, 201, 402]
    assert await machine.balance(alice) == 0


async def test_repeat_gets_the_very_bytes_of_the_first_answer(machine: Machine) -> None:
    """Fault 20: whoever lost the reply asks again."""
    alice = await machine.open(10)
    first = await machine.spend(alice, 4, "bytes")
    again = await machine.spend(alice, 4, "bytes")
    assert isinstance(first, Answer)
    assert again == Answer(first.status, first.body, is_replay=True)
    assert await machine.balance(alice) == 6


async def test_twins_in_one_batch_are_done_once(machine: Machine) -> None:
    """Fault 51."""
    alice = await machine.open(10)
    answers = await requests.post(machine.pool, [spend_of(machine, alice, 4, "twin")] * 3)
    assert [isinstance(answer, Answer) and answer.is_replay for answer in answers] == [False, True, True]
    assert await machine.balance(alice) == 6


async def test_same_key_for_something_else_is_refused_and_writes_nothing(machine: Machine) -> None:
    """Fault 52."""
    alice = await machine.open(10)
    await machine.spend(alice, 4, "else")
    assert await machine.spend(alice, 5, "else") == KeyReused()
    bob = await machine.open(10)
    assert await machine.spend(bob, 4, "else") == KeyReused()
    assert (await machine.balance(alice), await machine.balance(bob)) == (6, 10)


async def test_key_means_nothing_to_another_principal_or_on_another_route(machine: Machine) -> None:
    """Fault 53."""
    alice = await machine.open(10)
    others = [Machine(machine.pool, "application:other"), Machine(machine.pool, route="POST /holds")]
    for asking in (machine, *others):
        answer = await asking.spend(alice, 2, "mine")
        assert isinstance(answer, Answer)
        assert (answer.status, answer.is_replay) == (201, False)
    assert await machine.balance(alice) == 4


async def test_refusal_for_want_of_credit_stays_though_the_balance_rises(machine: Machine) -> None:
    """Fault 54: a refused attempt stays refused."""
    alice = await machine.open(3)
    first = await machine.spend(alice, 4, "poor")
    await machine.ask(commands.Credit(alice, 100, "PROMOTION", cause(), "topup"), None)
    again = await machine.spend(alice, 4, "poor")
    assert isinstance(first, Answer)
    assert isinstance(again, Answer)
    assert (first.status, again.status, again.body, again.is_replay) == (402, 402, first.body, True)
    assert await machine.balance(alice) == 103


async def test_what_was_not_found_may_be_asked_again_under_the_same_key(machine: Machine) -> None:
    alice, hold_id = await machine.open(10), ids.new()
    release = requests.OfHold(hold_id, lambda account_id: commands.Release(account_id, hold_id, "application:host"))
    answer = await machine.ask(release, "early")
    assert isinstance(answer, Answer)
    assert answer.status == 404
    await machine.ask(commands.PlaceHold(alice, 5, hold_id, 60, "application:host"), None)
    answer = await machine.ask(release, "early")
    assert isinstance(answer, Answer)
    assert (answer.status, answer.is_replay) == (201, False)


async def test_without_a_key_every_request_is_done(machine: Machine) -> None:
    alice = await machine.open(10)
    for _ in range(3):
        await machine.spend(alice, 2)
    assert await machine.balance(alice) == 4


def test_only_what_was_done_or_refused_for_good_is_remembered() -> None:
    assert [s for s in (200, 201, 400, 401, 402, 404, 409, 422, 429, 503) if requests.is_remembered(s)] == [
        200,
        201,
        402,
        409,
    ]


async def test_one_key_at_once_through_two_houses_is_done_once(machine: Machine, doors: tuple[Door, Door]) -> None:
    """Fault 51: both get the same answer, whoever was quicker."""
    alice = await machine.open(1000)
    for turn in range(15):
        asked = [spend_of(machine, alice, 2, f"once-{turn}") for _ in range(6)]
        answers = await asyncio.gather(*(doors[n % 2].submit(request) for n, request in enumerate(asked)))
        assert statuses(answers) == [201] * 6
        assert len({answer.body for answer in answers if isinstance(answer, Answer)}) == 1
        assert sum(isinstance(answer, Answer) and not answer.is_replay for answer in answers) == 1
    assert await machine.balance(alice) == 1000 - 30


async def test_one_key_for_two_things_at_once_through_two_houses_does_one_of_them(
    machine: Machine, doors: tuple[Door, Door]
) -> None:
    """Fault 52, at once: also where the two concern different accounts and so wait for no common lock."""
    alice, bob = await machine.open(1000), await machine.open(1000)
    for turn in range(15):
        pairs = [(alice, 2), (bob, 2)] if turn % 2 else [(alice, 2), (alice, 3)]
        asked = [spend_of(machine, account_id, credits_out, f"two-{turn}") for account_id, credits_out in pairs]
        answers = await asyncio.gather(*(door.submit(request) for door, request in zip(doors, asked, strict=True)))
        assert sorted(statuses(answers)) == [201, 422]
    assert await machine.lines(alice) + await machine.lines(bob) == 15


async def test_members_that_another_house_was_quicker_with_do_not_hold_up_their_batch(
    machine: Machine, doors: tuple[Door, Door]
) -> None:
    """Fault 51: a batch that lost a race is run again, and everybody in it is served."""
    accounts = [await machine.open(100) for _ in range(8)]
    asked = [spend_of(machine, account_id, 1, f"race-{n}") for n, account_id in enumerate(accounts)]
    both = [door.submit(request) for request in asked for door in doors]
    assert statuses(await asyncio.gather(*both)) == [201] * 16
    assert [await machine.balance(account_id) for account_id in accounts] == [99] * 8
