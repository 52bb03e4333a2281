"""A ledger on paper: the rules at work without a database, on a clock that stands until it is moved.

Every command runs in a batch of its own unless `same_batch` is set, so state goes through what the journal would store
and load: living lots only, holds and past lines by id. After each command `ledger_invariants` checks them all.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from tests.ledger import ledger_invariants
from topup.core import ids
from topup.ledger import book, commands, rules
from topup.ledger.book import Account, Book, Hold, Line, Lot, Transfer

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SALT = bytes(range(16))


@dataclass
class Paper:
    """Accounts, all lots, holds, transfers and lines so far."""

    now: datetime = NOW
    accounts: dict[UUID, Account] = field(default_factory=dict)
    lots: dict[UUID, Lot] = field(default_factory=dict)
    holds: dict[UUID, Hold] = field(default_factory=dict)
    transfers: list[Transfer] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    same_batch: bool = False
    _book: Book | None = None
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def account(self, unit: str = "credit", *, is_frozen: bool = False) -> Account:
        """A new account with nothing on it."""
        opened = Account(ids.new(), unit, 0, 0, 0, 0, bytes(32), is_frozen)
        self.accounts[opened.id] = opened
        return opened

    def wait(self, **duration: int) -> None:
        """Move the clock (`days=1`, `microseconds=1`)."""
        self.now += timedelta(**duration)

    def do(self, command: commands.Command) -> commands.Outcome:
        """Apply a command, keep what it wrote, and check the whole ledger."""
        working = self._load()
        before = _stand(working)
        outcome = rules.apply(working, command)
        ledger_invariants.check_record(working, before, _stand(working))
        self._keep(working)
        ledger_invariants.check(self)
        return outcome

    def done(self, command: commands.Command) -> commands.Done:
        """A command that must go through."""
        outcome = self.do(command)
        assert isinstance(outcome, commands.Done), outcome
        return outcome

    def credit(self, account: Account, credits_in: int, **more: Any) -> Lot:
        """Credits come in; the lot they came in as."""
        more = {"kind": "PURCHASE", "cause": self.cause(), "actor": "stripe", **more}
        entry = self.done(commands.Credit(account.id, credits_in, **more)).entries[0]
        return next(lot for lot in self.lots.values() if lot.transfer_id == entry.transfer_id)

    def spend(self, account: Account, credits_out: int) -> commands.Entry:
        """Credits are used up."""
        return self.done(commands.Spend(account.id, credits_out, self.cause(), "application:a")).entries[0]

    def hold(self, account: Account, credits_held: int, *, seconds: int = 3600) -> Hold:
        """Credits are set aside."""
        hold_id = ids.new()
        self.done(commands.PlaceHold(account.id, credits_held, hold_id, seconds, "application:a"))
        return self.holds[hold_id]

    def capture(self, hold: Hold, credits_out: int | None = None, *, is_final: bool = True) -> commands.Outcome:
        """Held credits are used up."""
        command = commands.Capture(hold.account_id, hold.id, credits_out, self.cause(), "application:a", is_final)
        return self.do(command)

    def release(self, hold: Hold) -> commands.Outcome:
        """A hold is closed."""
        return self.do(commands.Release(hold.account_id, hold.id, "application:a"))

    def reverse(self, entry: commands.Entry) -> commands.Outcome:
        """A line is undone."""
        return self.do(commands.Reverse(entry.account_id, entry.id, self.cause(), "application:a"))

    def move(self, source: Account, target: Account, credits_moved: int) -> commands.Outcome:
        """Credits go from one account to another."""
        return self.do(commands.Move(source.id, target.id, credits_moved, self.cause(), "application:a"))

    def clawback(self, account: Account, credits_back: int, *, payment_id: UUID | None = None) -> commands.Entry:
        """Money went back."""
        payment_id = payment_id or ids.new()
        cause = commands.money_back(payment_id, next(self._numbers))
        return self.done(commands.Clawback(account.id, credits_back, payment_id, "REFUND", cause, "stripe")).entries[0]

    def give_back(self, account: Account, credits_in: int, payment_id: UUID) -> commands.Entry:
        """The money came back after all."""
        cause = commands.money_back(payment_id, next(self._numbers))
        return self.done(commands.GiveBack(account.id, credits_in, payment_id, "REFUND", cause, "stripe")).entries[0]

    def dispute(self, account: Account, credits_max: int, payment_id: UUID) -> None:
        """What is unspent of a payment is held, up to so much."""
        self.done(commands.HoldDisputed(account.id, payment_id, credits_max, ids.new(), "stripe"))

    def settle(self, account: Account) -> None:
        """Book what is overdue."""
        self.done(commands.Settle(account.id))

    def cause(self) -> commands.Cause:
        """A cause that was not there before."""
        return commands.Cause("test", str(next(self._numbers)))

    def moved(self, entry: commands.Entry) -> list[tuple[Lot, int]]:
        """What a line did to which lots, in the order in which it did."""
        [line] = [line for line in self.lines if line.entry.id == entry.id]
        return [(self.lots[lot_id], change) for lot_id, change in line.lot_moves]

    def kinds(self, account: Account) -> list[str]:
        """The statement, as words."""
        return [line.entry.kind for line in self.lines if line.entry.account_id == account.id]

    def _load(self) -> Book:
        """What the journal would load; everything, when commands share a batch."""
        if self._book is not None and self.same_batch:
            return self._book
        working = self._book = Book(self.now, ids.new, lambda: SALT)
        working.accounts = dict(self.accounts)
        for account in self.accounts.values():
            mine = [lot for lot in self.lots.values() if lot.account_id == account.id and (lot.remaining or lot.held)]
            account.lots = sorted(mine, key=Lot.burn_order)
        working.lots = dict(self.lots)
        working.holds = dict(self.holds)
        working.originals = {line.entry.id: self._original(line) for line in self.lines}
        working.lost = self._lost()
        return working

    def _lost(self) -> dict[UUID, dict[UUID, int]]:
        lost: dict[UUID, dict[UUID, int]] = {}
        for line in self.lines:
            if line.entry.cause.type == "money_back":
                of_payment = lost.setdefault(UUID(line.entry.cause.id.partition(":")[0]), {})
                for lot_id, change in line.lot_moves:
                    of_payment[lot_id] = of_payment.get(lot_id, 0) - change
        return {
            payment_id: {lot_id: credits_lost for lot_id, credits_lost in of_lots.items() if credits_lost > 0}
            for payment_id, of_lots in lost.items()
        }

    def _original(self, line: Line) -> book.Original:
        entry = line.entry
        parts = sorted(line.lot_moves, key=lambda move: self.lots[move[0]].burn_order())
        is_reversed = any(transfer.reverses == entry.transfer_id for transfer in self.transfers)
        shares = tuple((self.lots[lot_id], -change) for lot_id, change in parts)
        return book.Original(
            entry.account_id, entry.transfer_id, entry.kind, -entry.credits_signed, shares, is_reversed
        )

    def _keep(self, done: Book) -> None:
        known = {transfer.id for transfer in self.transfers}
        self.lots.update(done.new_lots)
        self.holds.update(done.new_holds)
        self.transfers += [transfer for transfer in done.transfers if transfer.id not in known]
        self.lines += [line for line in done.lines if line.entry.transfer_id not in known]


def _stand(working: Book) -> dict[UUID, object]:
    """Every account, lot and hold as it stands."""
    stand: dict[UUID, object] = {lot.id: (lot.remaining, lot.held) for lot in working.lots.values()}
    stand |= {one.id: (one.balance, one.held, one.debt, one.seq) for one in working.accounts.values()}
    stand |= {one.id: (one.status, one.captured, one.uncaptured()) for one in working.holds.values()}
    return stand
