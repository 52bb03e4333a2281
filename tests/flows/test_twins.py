"""Keyed requests from several processes, which meet in the database alone."""

import asyncio
import functools
from uuid import UUID

from tests.people import Person, Pool
from topup.db import idempotency, sql, statements
from topup.flows import requests
from topup.ledger import commands, journal
from topup.runtime import house
from topup.runtime.group_commit import GroupCommit

KEY = idempotency.Key("application:1", "POST /spends", "k")
CAUSE = commands.Cause("spend", "application:1/k")
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


def spend(account_id: UUID) -> commands.Spend:
    return commands.Spend(account_id, 3, CAUSE, "application:1")


def request(account_id: UUID, fingerprint: bytes) -> requests.Request:
    return requests.Request(KEY, fingerprint, spend(account_id), lambda _: requests.Answer(201, "{}"))


async def grant(pool: Pool, person: Person) -> None:
    async with pool.connection() as conn:
        cause = commands.Cause("test", str(person.account_id))
        await journal.post(conn, [commands.Credit(person.account_id, 10, "PROMOTION", cause, "topup")])


async def balance(pool: Pool, person: Person) -> int:
    async with pool.connection() as conn:
        found = await statements.balance(conn, person.account_id)
    assert found is not None
    return found.balance


async def is_somebody_waiting(pool: Pool) -> bool:
    """In a transaction of its own, since what is seen of others does not change within one."""
    async with pool.connection() as conn:
        return bool(await sql.value(conn, WAITING))


async def meet(pool: Pool, first: Person, second: Person, fingerprint: bytes) -> requests.Answer | requests.KeyReused:
    """What the second process answers while the first one, with the same key, is about to commit."""
    post = functools.partial(requests.post, pool)
    async with GroupCommit(post, is_passing=house.is_passing_for_requests) as process:
        async with pool.connection() as conn:
            await journal.post(conn, [spend(first.account_id)])
            kept = idempotency.Kept(KEY.principal, KEY.route, KEY.key, b"first", 201, '{"first": true}')
            await idempotency.keep(conn, [kept])
            twin = asyncio.create_task(process.submit(request(second.account_id, fingerprint)))
            while not await is_somebody_waiting(pool):  # noqa: ASYNC110 - PostgreSQL sets no event of ours
                await asyncio.sleep(0.01)
        return await twin


async def test_twin_that_waited_for_the_account_replays(pool: Pool, alice: Person) -> None:
    """Fault 51."""
    await grant(pool, alice)
    assert await meet(pool, alice, alice, b"first") == requests.Answer(201, '{"first": true}', is_replay=True)
    assert await balance(pool, alice) == 7


async def test_twin_with_another_account_is_refused_and_writes_nothing(pool: Pool, alice: Person, bob: Person) -> None:
    """Fault 52: no lock makes it wait, so the two collide when they write."""
    await grant(pool, alice)
    await grant(pool, bob)
    assert await meet(pool, alice, bob, b"second") == requests.KeyReused()
    assert (await balance(pool, alice), await balance(pool, bob)) == (7, 10)
