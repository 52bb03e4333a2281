"""Keyed requests as the machine door makes them, for tests that start behind HTTP."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from topup.core import ids
from topup.db import idempotency, sql
from topup.flows import requests
from topup.flows.requests import Answer, KeyReused, Request
from topup.ledger import commands

STATUSES = {"insufficient_credits": 402, "account_frozen": 409, "hold_closed": 409, "already_reversed": 409}
OPEN = "INSERT INTO accounts (id, unit, external_id) VALUES (%s, 'credit', %s)"
BALANCE = "SELECT balance FROM accounts WHERE id = %s"
LINES = (
    "SELECT count(*) FROM entries e JOIN transfers t ON t.id = e.transfer_id WHERE e.account_id = %s AND t.kind = %s"
)


def word(outcome: commands.Outcome) -> Answer:
    """An answer such as the web gives."""
    if isinstance(outcome, commands.Denied):
        body = {"code": outcome.code, "available": outcome.available}
        return Answer(status(outcome.code), json.dumps(body))
    entry = outcome.entries[0] if outcome.entries else None
    return Answer(201, json.dumps({"id": str(entry.id) if entry else None}))


def status(word_of_ledger: str) -> int:
    """The status of a word of the ledger, or of "done"; 404 stands for all that is not remembered."""
    return 201 if word_of_ledger == "done" else STATUSES.get(word_of_ledger, 404)


def cause() -> commands.Cause:
    """A cause that was not there before."""
    return commands.Cause("test", str(ids.new()))


@dataclass(frozen=True)
class Machine:
    """A host application that asks through one pool."""

    pool: requests.Pool
    principal: str = "application:host"
    route: str = "POST /spends"

    async def open(self, credits_in: int = 0) -> UUID:
        """A new account with so much on it."""
        account_id = ids.new()
        async with self.pool.connection() as conn:
            await sql.run(conn, OPEN, [account_id, str(account_id)])
        if credits_in:
            await self.ask(commands.Credit(account_id, credits_in, "PROMOTION", cause(), "topup"), key=None)
        return account_id

    def request(
        self, command: requests.Asked, key: str | None, wording: Callable[[commands.Outcome], Answer] = word
    ) -> Request:
        """A request; what it asks is its fingerprint, without the cause, which a second try would make anew."""
        named = None if key is None else idempotency.Key(self.principal, self.route, key)
        said = repr([getattr(command, name, None) for name in ("account_id", "hold_id", "entry_id", "credits")])
        return Request(named, hashlib.sha256(said.encode()).digest(), command, wording)

    async def ask(self, command: requests.Asked, key: str | None) -> Answer | KeyReused:
        """Ask alone, in a transaction of one's own."""
        [answer] = await requests.post(self.pool, [self.request(command, key)])
        return answer

    async def spend(self, account_id: UUID, credits_out: int, key: str | None = None) -> Answer | KeyReused:
        """Ask for a spend."""
        return await self.ask(commands.Spend(account_id, credits_out, cause(), self.principal), key)

    async def balance(self, account_id: UUID) -> int:
        """What the account's row says."""
        async with self.pool.connection() as conn:
            return await sql.value(conn, BALANCE, [account_id])

    async def lines(self, account_id: UUID, kind: str = "USAGE") -> int:
        """How many lines of one kind its statement has."""
        async with self.pool.connection() as conn:
            return await sql.value(conn, LINES, [account_id, kind])
