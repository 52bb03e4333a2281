"""The real ledger as a stage for storms: accounts, keyed requests and faults over a real database, called one by one.

A fault cuts the connection before the commit, or loses the reply after it. Whoever asked cannot tell the two apart, and
asks again under the same key.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, LiteralString, TypeVar
from uuid import UUID

import psycopg

from tests import people, stripe_bodies
from tests.storm import coins
from topup.core import ids
from topup.db import sql, statements
from topup.flows import receive, requests
from topup.flows.requests import Answer, KeyReused, Request
from topup.ledger import commands, journal

T = TypeVar("T")
Fault = Literal["none", "cut before commit", "reply lost"]
# Balance, held and debt; and the lots.
Standing = tuple[tuple[int, ...], list[tuple[int, int, int]]]
STANDING = "SELECT id, ARRAY[balance, held, debt] FROM accounts WHERE id = ANY(%s)"
FIGURES = "SELECT balance, held, debt FROM accounts WHERE id = %s"
HOLD = "SELECT status, captured FROM holds WHERE id = %s"
CLOCK = "SELECT topup_now()"
TERMINATE = "SELECT pg_terminate_backend(%s)"


class Unreliable:
    """A pool whose next connection meets a fault at the end of its transaction."""

    def __init__(self, pool: people.Pool, fault: Fault) -> None:
        self._pool, self._fault = pool, fault

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator[sql.Connection]:
        """Lend a connection; what becomes of it is the fault's."""
        async with self._pool.connection() as conn:
            yield conn
            if self._fault == "cut before commit":
                async with self._pool.connection() as other:
                    await sql.run(other, TERMINATE, [conn.info.backend_pid])
        if self._fault == "reply lost":
            raise psycopg.OperationalError("The server closed the connection unexpectedly.")


@dataclass
class Stage:
    """Accounts, holds, payments and uses (account and line) are known by their numbers, as in the model."""

    pool: people.Pool
    runner: asyncio.Runner
    accounts: list[UUID] = field(default_factory=list)
    holds: list[UUID] = field(default_factory=list)
    uses: list[tuple[UUID, UUID]] = field(default_factory=list)
    payments: list[UUID] = field(default_factory=list)
    holds_asked: int = 0
    started_at: datetime | None = None
    person: people.Person | None = None

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something asynchronous."""
        return self.runner.run(work)

    def open(self, unit: str) -> None:
        """A host application's account."""
        account_id = ids.new()
        self.execute(
            "INSERT INTO accounts (id, unit, external_id) VALUES (%s, %s, %s)", account_id, unit, str(account_id)
        )
        self.accounts.append(account_id)

    def open_for_a_person(self) -> None:
        """An account that can buy."""
        self.person = self.run(people.person(self.pool, f"Alice{ids.new().hex}"))
        self.accounts.append(self.person.account_id)

    def execute(self, statement: LiteralString, *parameters: object) -> None:
        """A statement in a transaction of its own."""
        self.run(self._execute(statement, parameters))

    def ask(self, batch: list[Request], fault: Fault) -> list[Answer | KeyReused] | None:
        """Ask for a batch in one transaction; None when nobody knows what became of it."""
        try:
            return self.run(requests.post(Unreliable(self.pool, fault), batch))  # type: ignore[arg-type]
        except psycopg.OperationalError:
            return None

    def next_hold_id(self) -> UUID:
        """Ids that sort in the order in which the holds were asked for, also within one millisecond."""
        self.holds_asked += 1
        return ids.build(self.holds_asked, ids.new().int & (2**74 - 1))

    def buy(self, credits_in: int) -> str:
        """A purchase that Stripe tells of."""
        assert self.person is not None
        payment_id = self.run(people.pending(self.pool, self.person, credits=credits_in))
        self.payments.append(payment_id)
        told = stripe_bodies.session(payment_id, session_id=f"cs_{payment_id}", intent_id=f"pi_{payment_id}")
        delivery = receive.read(stripe_bodies.event("checkout.session.completed", told))
        assert delivery is not None
        return self.run(receive.receive(self.pool, [delivery], is_live=False))[0]

    def post(self, command: commands.Command) -> commands.Outcome:
        """A command without a key."""
        return self.run(self._post(command))

    def figures(self, number: int) -> tuple[int, ...]:
        """Balance, held and debt as the account's row has them."""
        return self.run(self._row(FIGURES, self.accounts[number]))

    def standing(self) -> list[Standing]:
        """Figures and lots of all accounts, in one transaction, since it is asked after every step."""
        return self.run(self._standing())

    def hold(self, number: int) -> tuple[object, ...]:
        """A hold's status and what was captured of it."""
        return self.run(self._row(HOLD, self.holds[number]))

    def lots(self, number: int) -> list[tuple[int, int, int]]:
        """Priority, remaining and held of the lots with anything in them, in burn order."""
        return as_told(self.run(self._lots(number)))

    def time(self, hours: float) -> datetime:
        """The moment so many hours after the beginning; half an hour of grace keeps real seconds out of it."""
        if self.started_at is None:
            [self.started_at] = self.run(self._row(CLOCK))
        return self.started_at + timedelta(hours=hours)

    async def _execute(self, statement: LiteralString, parameters: tuple[object, ...]) -> None:
        async with self.pool.connection() as conn:
            await sql.run(conn, statement, parameters)

    async def _post(self, command: commands.Command) -> commands.Outcome:
        async with self.pool.connection() as conn:
            return (await journal.post(conn, [command]))[0]

    async def _row(self, statement: LiteralString, *parameters: object) -> tuple[Any, ...]:
        async with self.pool.connection() as conn, conn.cursor() as cursor:
            await cursor.execute(statement, parameters)
            row = await cursor.fetchone()
        assert row is not None
        return row

    async def _standing(self) -> list[Standing]:
        async with self.pool.connection() as conn:
            rows = await sql.pairs(conn, STANDING, [self.accounts])
            figures = {account_id: (balance, held, debt) for account_id, (balance, held, debt) in rows}
            lots = [as_told(await statements.living_lots(conn, account_id)) for account_id in self.accounts]
        return [(figures[account_id], found) for account_id, found in zip(self.accounts, lots, strict=True)]

    async def _lots(self, number: int) -> list[statements.LotView]:
        async with self.pool.connection() as conn:
            return await statements.living_lots(conn, self.accounts[number])


def as_told(lots: Sequence[statements.LotView]) -> list[tuple[int, int, int]]:
    """Priority, remaining and held."""
    return [(lot.priority, lot.remaining, lot.held) for lot in lots]


def code(answer: Answer | KeyReused) -> str:
    """What an answer says, as the model says it."""
    assert isinstance(answer, Answer)
    return "done" if answer.status == 201 else str(json.loads(answer.body)["code"])


def as_lots(model: coins.Coins, number: int) -> list[tuple[int, int, int]]:
    """What the model's coins look like as lots: priority, remaining and held, in burn order."""
    spendable, held = model.purses[number].coins, model.held(number)
    kinds = sorted({(coin.priority, coin.ends, coin.batch) for coin in [*spendable, *held]})

    def count(there: list[coins.Coin], kind: tuple[int, float, int]) -> int:
        return sum((coin.priority, coin.ends, coin.batch) == kind for coin in there)

    return [(kind[0], count(spendable, kind), count(held, kind)) for kind in kinds]
