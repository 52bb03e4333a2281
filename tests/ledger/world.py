"""A small ledger with a bit of everything, made by the program itself: what the audit finds nothing wrong with.

Alice bought, spent, held, captured, released and had a spend reversed; some credits of hers ended. Bob was given
credits, got some of Alice's, and owed. Carol never spent. Dora spent all of one lot that ends. Erin has credits of two
priorities, Frida a simple account; Gina gave all of two lots to Hugo. A part of what Alice paid went back,
and a part is disputed. Alice's school gave sessions to Jan, who used some before the rest was taken back, to Kim, whose
ended, and to Lee, who still has them.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID

import psycopg

from tests import people, stripe_bodies
from topup.core import ids
from topup.core.people import Person
from topup.db import allocations, disputes, idempotency, ledger, memberships, payments, refunds, sql
from topup.flows import (
    allocate,
    create_institution,
    level_credits,
    read_charge,
    receive,
    requests,
    return_ended,
    take_back,
)
from topup.ledger import commands, journal

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
OPEN_EXTERNAL = "INSERT INTO accounts (id, unit, external_id) VALUES (%s, 'credit', %s)"


@dataclass
class World:
    """The pool it was made through, and who is who."""

    pool: people.Pool
    accounts: dict[str, UUID] = field(default_factory=dict)

    async def open(self, name: str) -> UUID:
        """An account of a host application's user."""
        self.accounts[name] = ids.new()
        await self.run(OPEN_EXTERNAL, self.accounts[name], name)
        return self.accounts[name]

    async def run(self, statement: LiteralString, *parameters: object) -> None:
        """A statement in a transaction of its own."""
        async with self.pool.connection() as conn:
            await sql.run(conn, statement, parameters)

    async def do(self, command: commands.Command) -> commands.Done:
        """A command that must go through, in a transaction of its own."""
        async with self.pool.connection() as conn:
            [outcome] = await journal.post(conn, [command])
        assert isinstance(outcome, commands.Done), outcome
        return outcome

    async def give(self, name: str, credits_in: int, **more: Any) -> commands.Done:
        """Credits as a present."""
        command = commands.Credit(self.accounts[name], credits_in, "PROMOTION", cause(), "user:admin", **more)
        return await self.do(command)

    async def spend(self, name: str, credits_out: int, text: str | None = None) -> commands.Entry:
        """Credits are used up."""
        said = commands.Text(text, "essay-17", {"grade": "A", "letters": "Zoë 山田"}) if text else commands.NO_TEXT
        command = commands.Spend(self.accounts[name], credits_out, cause(), "application:host", said)
        return (await self.do(command)).entries[0]

    async def hold(self, name: str, credits_held: int, seconds: int = 3600) -> UUID:
        """Credits are set aside."""
        hold_id = ids.new()
        await self.do(commands.PlaceHold(self.accounts[name], credits_held, hold_id, seconds, "application:host"))
        return hold_id

    async def wait(self, **duration: int) -> None:
        """Move the money's clock."""
        await self.run("UPDATE deployment SET clock_offset = clock_offset + %s", timedelta(**duration))


def cause() -> commands.Cause:
    """A cause that was not there before."""
    return commands.Cause("test", str(ids.new()))


async def build(pool: people.Pool) -> World:
    """Make it. Takes a dozen transactions."""
    world = World(pool)
    await world.run("UPDATE deployment SET is_demo = true, mode = 'test'")
    alice = await people.person(pool, "Alice")
    world.accounts["alice"] = alice.account_id
    for name in ("bob", "carol", "dora", "erin", "frida", "gina", "hugo"):
        await world.open(name)
    bought = await _buy(world, alice)
    await _share(world, alice)
    await _use(world)
    await _owe(world)
    await _leave_traces(world, alice)
    await _go_back(world, bought)
    return world


async def _buy(world: World, alice: people.Person) -> UUID:
    bought = await people.pending(world.pool, alice, credits=100)
    await people.pending(world.pool, alice, credits=500, price_minor=4500)
    session = stripe_bodies.session(bought)
    bodies = [
        stripe_bodies.event("checkout.session.completed", session),
        stripe_bodies.event("charge.succeeded", {"id": "ch_1", "object": "charge"}),
    ]
    deliveries = [delivery for delivery in map(receive.read, bodies) if delivery is not None]
    assert await receive.receive(world.pool, deliveries, is_live=False) == ["credited", "unknown_type"]
    return bought


async def _share(world: World, alice: people.Person) -> None:
    owner = Person(
        alice.user_id,
        alice.email,
        "Alice",
        "Example",
        "STUDENT",
        is_admin=False,
        account_id=alice.account_id,
        login_id=ids.new(),
    )
    async with world.pool.connection() as conn:
        school = await create_institution.create(conn, name="Hill School", billing_email=alice.email, person=owner)
        pool_account_id = await create_institution.pool_account(conn, school.id)
        [seat] = await memberships.seats(conn, user_id=alice.user_id, email=alice.email)
        tomorrow = await ledger.now(conn) + timedelta(days=1)
    await world.do(commands.Credit(pool_account_id, 20, "PROMOTION", cause(), "user:admin"))
    given = {}
    for name, sessions, ends_at in (("jan", 8, None), ("kim", 5, tomorrow), ("lee", 3, None)):
        async with world.pool.connection() as conn:
            wish = allocate.Wish(None, f"{name}@example.com", sessions, ends_at)
            given[name] = await allocate.allocate(conn, seat, wish, owner)
        world.accounts[name] = given[name].account_id
    await world.spend("jan", 2)
    await world.spend("kim", 1)
    async with world.pool.connection() as conn:
        locked = await allocations.lock(conn, [given["jan"].id])
        await take_back.close(conn, locked, institution_id=school.id, actor=owner.actor)
    await world.wait(days=2)
    assert await return_ended.sweep(world.pool) == 4


async def _use(world: World) -> None:
    await world.give("alice", 30, priority=50, valid_days=1, text=commands.Text("For a friend"))
    await world.give("alice", 20, priority=50)
    await world.spend("alice", 10)
    await world.spend("alice", 10, "Marking an essay")
    undone = await world.spend("alice", 25)
    alice = world.accounts["alice"]
    await world.do(commands.Reverse(alice, undone.id, cause(), "application:host"))
    await world.wait(days=2)
    first, second = await world.hold("alice", 7), await world.hold("alice", 6)
    await world.do(commands.Capture(alice, first, 4, cause(), "application:host"))
    await world.do(commands.Release(alice, second, "application:host"))
    await world.spend("alice", 12)
    await world.do(commands.Move(alice, world.accounts["bob"], 15, cause(), "application:host"))
    await world.hold("alice", 8)
    for name, credits_in, more in (("carol", 10, {}), ("dora", 9, {"valid_days": 30}), ("erin", 5, {"priority": 50})):
        await world.give(name, credits_in, **more)
    await world.spend("dora", 9)
    await world.give("erin", 5, priority=100)
    await world.give("frida", 10)
    await world.spend("frida", 3)
    await world.give("gina", 2, priority=50)
    await world.give("gina", 2)
    await world.do(commands.Move(world.accounts["gina"], world.accounts["hugo"], 4, cause(), "application:host"))
    await world.spend("erin", 3)


async def _owe(world: World) -> None:
    """Bob got two lots of Alice's at once; now a clawback takes more than he has, and then something comes in again."""
    bob = world.accounts["bob"]
    await world.spend("bob", 5)
    await world.do(commands.Clawback(bob, 30, ids.new(), "REFUND", cause(), "stripe"))
    await world.give("bob", 40)
    await world.spend("bob", 6)


async def _leave_traces(world: World, alice: people.Person) -> None:
    """What else is written beside the ledger: an answer under a key, and a person who is signed in."""
    answer = requests.Answer(201, '{"id": "x"}')
    command = commands.Spend(world.accounts["bob"], 1, cause(), "application:host")
    key = idempotency.Key("application:host", "POST /spends", "key-1")
    await requests.post(world.pool, [requests.Request(key, b"fingerprint", command, lambda _outcome: answer)])
    login_id, code_id = ids.new(), ids.new()
    await world.run(
        "INSERT INTO logins (id, user_id, kind, expires_at) VALUES (%s, %s, 'PAGE', topup_now() + interval '1 day')",
        login_id,
        alice.user_id,
    )
    await world.run(
        "INSERT INTO codes (id, purpose, email, user_id, code_hmac, expires_at)"
        " VALUES (%s, 'RESET', %s, %s, sha256(''), topup_now())",
        code_id,
        alice.email,
        alice.user_id,
    )


async def _go_back(world: World, payment_id: UUID) -> None:
    """Of what Alice paid, a tenth was refunded, a refund of more failed, and a fifth is disputed."""
    made = [("re_1", 100, "succeeded"), ("re_2", 300, "failed")]
    told = read_charge.Told(
        charged_minor=1000,
        refunds=[
            refunds.Told(None, name, "pi_1", minor, "gbp", status, None, None, NOON) for name, minor, status in made
        ],
        disputes=[disputes.Dispute("du_1", 200, "gbp", "needs_response", "fraudulent", 200, 0, None, NOON)],
    )
    async with world.pool.connection() as conn:
        [payment] = await payments.lock_many(conn, [payment_id])
        await level_credits.level(conn, payment, told)


def connect(database_url: str) -> psycopg.Connection[Any]:
    """A superuser's connection, for whoever tampers."""
    return psycopg.connect(database_url)
