"""Whatever happens to an account, loading its first lots alone decides and moves the same as loading all of them."""

import random
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from tests import people
from tests.ledger.world import World, cause
from topup.core import ids
from topup.db import ledger
from topup.ledger import commands, journal

STEPS = 30
PLAYERS = range(3)
BUYS = 12
FIGURES = "SELECT balance, held, debt, seq FROM accounts WHERE id = %s"
LOTS = """
    SELECT opened_seq, amount, remaining, held, priority FROM lots WHERE account_id = %s
    ORDER BY opened_seq, amount, remaining, held, priority
"""


class Game:
    """Three accounts and a dice. Two games with the same seed ask for the same, if they are answered the same."""

    def __init__(self, world: World, payments: dict[int, UUID], seed: int) -> None:
        self.world, self.payments, self.dice = world, payments, random.Random(seed)
        self.accounts: list[UUID] = []
        self.holds: list[tuple[UUID, UUID]] = []
        self.used: list[tuple[UUID, UUID]] = []
        self.looks = 0

    async def play(self) -> list[object]:
        """Each step's outcomes, and what the accounts have after it."""
        self.accounts = [await self.world.open(str(ids.new())) for _ in PLAYERS]
        seen: list[object] = []
        for _ in range(STEPS):
            async with self.world.pool.connection() as conn:
                now = await ledger.now(conn)
                tomorrow = now + timedelta(days=1)
                asked = [self.command(tomorrow) for _ in range(self.dice.randint(1, 4))]
                outcomes = await journal.post(conn, asked)
            for command, outcome in zip(asked, outcomes, strict=True):
                self.remember(command, outcome)
                seen.append((type(command), type(outcome), getattr(outcome, "code", None)))
            async with self.world.pool.connection() as conn:
                for account_id in self.accounts:
                    figures = await (await conn.execute(FIGURES, [account_id])).fetchall()
                    seen += [figures, await (await conn.execute(LOTS, [account_id])).fetchall()]
            if self.dice.random() < 0.3:
                await self.world.wait(hours=20)
        return seen

    def command(self, tomorrow: datetime) -> commands.Command:
        """Any of them; what has nothing to be about yet is a present."""
        who, other = self.dice.sample(PLAYERS, 2)
        mine, theirs, payment_id = self.accounts[who], self.accounts[other], self.payments[who]
        n, verb = self.dice.randint(1, 60), self.dice.randint(0, 14)
        hold = self.dice.choice(self.holds) if self.holds else None
        used = self.dice.choice(self.used) if self.used else None
        self.looks += 1
        why = commands.money_back(payment_id, self.looks)
        match verb:
            case 0 | 1:
                return commands.Spend(mine, n, cause(), "x")
            case 2:
                return commands.PlaceHold(mine, n, ids.new(), self.dice.choice([60, 86_400]), "x")
            case 3 if hold:
                return commands.Capture(*hold, self.dice.choice([None, 1, 5]), cause(), "x", is_final=n > 30)
            case 4 if hold:
                return commands.Release(*hold, "x")
            case 5 if used:
                return commands.Reverse(*used, cause(), "x")
            case 6:
                return commands.Move(mine, theirs, n, cause(), "x")
            case 7:
                return commands.Move(mine, theirs, n, cause(), "x", ends_at=tomorrow, is_allocation=True)
            case 8:
                return commands.TakeBack(mine, theirs, None, None, cause(), "x")
            case 9:
                return commands.Clawback(mine, n, payment_id, "REFUND", why, "x")
            case 10:
                return commands.GiveBack(mine, n, payment_id, "REFUND", why, "x")
            case 11:
                return commands.HoldDisputed(mine, payment_id, n, ids.new(), "x")
            case _:
                terms = {"valid_days": self.dice.choice([None, 1, 3, 9]), "priority": self.dice.choice([50, 100])}
                bought = payment_id if verb == BUYS else None
                kind = "PURCHASE" if bought else "PROMOTION"
                return commands.Credit(mine, n, kind, cause(), "x", payment_id=bought, **terms)

    def remember(self, command: commands.Command, outcome: commands.Outcome) -> None:
        """What can be captured, released and undone later."""
        if isinstance(outcome, commands.Denied):
            return
        if isinstance(command, commands.PlaceHold):
            self.holds.append((command.account_id, command.hold_id))
        if isinstance(command, commands.Spend | commands.Capture):
            self.used.append((command.account_id, outcome.entries[0].id))


@pytest.mark.parametrize("seed", [1, 2])
async def test_first_lots_decide_like_all_of_them(
    pool: people.Pool, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    world = World(pool)
    await world.run("UPDATE deployment SET is_demo = true, mode = 'test'")
    buyer = await people.person(pool, "Buyer")
    seen = []
    for lots_max in (1, 100_000):
        payments = {who: await people.pending(pool, buyer, credits=lots_max + who, price_minor=1000) for who in PLAYERS}
        monkeypatch.setattr(journal, "FIRST_LOTS_MAX", lots_max)
        monkeypatch.setattr(journal, "MORE_LOTS", 2)
        seen.append(await Game(world, payments, seed).play())
    assert seen[0] == seen[1]
