"""How long `topup verify` takes on a large ledger: `python -m bench.verifying [LINES]`, a million by default.

The ledger is decided by the rules and written by the journal, so every hash and every sum is as in production: gifts
that end and others, spends with and without text, holds, captures and transfers, two hundred lines to an account.
"""

import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import uvloop

from bench import rig
from topup.core import ids
from topup.db import sql
from topup.ledger import book, commands, journal, rules
from topup.runtime import verifying

LINES = 1_000_000
LINES_PER_ACCOUNT = 200
COMMANDS_PER_TRANSACTION = 10_000
SECONDS_BETWEEN_COMMANDS = 20
CREDITS_LEFT_MIN = 100
VERBS = ("credit", "spend", "spend with text", "hold", "capture", "move")
WEIGHTS = (2, 35, 48, 5, 7, 3)
HOST = "application:bench"
OPEN = "INSERT INTO accounts (id, unit, external_id) SELECT id, 'credit', id::text FROM unnest(%s::uuid[]) AS id"


@dataclass
class Filling:
    """The state of all accounts in memory, carried from one transaction to the next."""

    dice: random.Random
    accounts: dict[UUID, book.Account]
    holds: dict[UUID, book.Hold] = field(default_factory=dict)
    now: datetime = field(default_factory=lambda: datetime.now(UTC) - timedelta(days=300))

    def batch(self) -> book.Book:
        """The next transaction's worth of commands, decided."""
        working = book.Book(self.now, ids.new, lambda: self.dice.randbytes(journal.SALT_BYTES))
        working.accounts, working.holds = self.accounts, self.holds
        for _ in range(COMMANDS_PER_TRANSACTION):
            rules.apply(working, self._command())
            self.holds = working.holds = {h.id: h for h in working.holds.values() if h.status == "OPEN"}
        for account in self.accounts.values():
            account.lots = [lot for lot in account.lots if lot.remaining or lot.held]
        self.now += timedelta(seconds=COMMANDS_PER_TRANSACTION * SECONDS_BETWEEN_COMMANDS)
        return working

    def _command(self) -> commands.Command:
        account_id, cause = self._any(), commands.Cause("bench", str(ids.new()))
        [verb] = self.dice.choices(VERBS, WEIGHTS)
        if self.accounts[account_id].available() < CREDITS_LEFT_MIN or verb == "credit":
            days, priority = self.dice.choice([None, 365]), self.dice.choice([50, 100])
            return commands.Credit(account_id, 500, "PROMOTION", cause, HOST, priority=priority, valid_days=days)
        if verb == "hold":
            return commands.PlaceHold(account_id, self.dice.randint(1, 20), ids.new(), 3600, HOST)
        if verb == "capture" and self.holds:
            hold = next(iter(self.holds.values()))
            return commands.Capture(hold.account_id, hold.id, None, cause, HOST)
        if verb == "move":
            return commands.Move(account_id, self._any(), 5, cause, HOST)
        text = commands.Text("Marking an essay", "essay-17") if verb == "spend with text" else commands.NO_TEXT
        return commands.Spend(account_id, self.dice.randint(1, 20), cause, HOST, text)

    def _any(self) -> UUID:
        return self._ids[self.dice.randrange(len(self._ids))]

    def __post_init__(self) -> None:
        """Remember the ids in an order."""
        self._ids = list(self.accounts)


async def fill(database_url: str, lines: int) -> None:
    """Write so many lines, a large transaction at a time."""
    account_ids = [ids.new() for _ in range(max(2, lines // LINES_PER_ACCOUNT))]
    empty = (book.Account(one, "credit", 0, 0, 0, 0, bytes(32), is_frozen=False) for one in account_ids)
    filling = Filling(random.Random(1), {account.id: account for account in empty})
    async with await psycopg.AsyncConnection.connect(database_url) as conn:
        await sql.run(conn, OPEN, [account_ids])
        await conn.commit()
        written = 0
        while written < lines:
            done = filling.batch()
            async with conn.pipeline():
                await journal.send(conn, done)
            await conn.commit()
            written += len(done.lines)
        await conn.set_autocommit(True)
        await conn.execute("VACUUM ANALYZE")


def main(lines: int) -> None:
    """Fill and verify."""
    with rig.bench() as bench:
        started = time.monotonic()
        uvloop.run(fill(bench.url, lines))
        print(f"filled in {time.monotonic() - started:.0f} s")
        for outcome in _verified(bench, 3):
            print(outcome.lines[-1])


def _verified(bench: rig.Bench, times: int) -> Iterator[verifying.Outcome]:
    for _ in range(times):
        cpu = rig.postgres_cpu_seconds(bench)
        yield uvloop.run(verifying.run(bench.url, anchor=None))
        print(f"PostgreSQL used {rig.postgres_cpu_seconds(bench) - cpu:.1f} s of CPU")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else LINES)
