"""What the ledger should do, written from the documents as if credits were coins, each of them moved by hand.

Independent of topup.ledger: no lots with counters, no moves, no entries. Purses, holds and uses are known by their
numbers; time is in hours. Every act returns "done" or the word of its refusal.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf

PURCHASE_PRIORITY = 100


@dataclass(frozen=True, order=True)
class Coin:
    """One credit. Coins sort in the order in which they are spent: priority, end, age of the batch they came in."""

    priority: int
    ends: float
    batch: int
    payment: int | None = field(compare=False)


@dataclass
class Purse:
    """An account."""

    unit: str
    coins: list[Coin] = field(default_factory=list)
    debt: int = 0
    is_frozen: bool = False

    def take(self, count: int, order: list[Coin] | None = None) -> list[Coin]:
        """Take out the first so many coins, in burn order or another."""
        taken = (sorted(self.coins) if order is None else order)[:count]
        for coin in taken:
            self.coins.remove(coin)
        return taken


@dataclass
class Hold:
    """Coins that are set aside: by a host, or for the dispute of a payment."""

    purse: int
    size: int
    ends: float
    coins: list[Coin]
    payment: int | None = None
    captured: int = 0
    status: str = "OPEN"


@dataclass
class Use:
    """Coins that were spent or captured."""

    purse: int
    coins: list[Coin]
    is_reversed: bool = False


@dataclass
class Coins:
    """The whole ledger."""

    now: float = 0
    purses: list[Purse] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)
    batches: int = 0
    ended: int = 0
    # By purse and payment: what each coin's batch lost to clawbacks, how many coins are due back, and what coins that
    # come back without a batch of their own are like: priority and end of the payment's oldest batch there.
    lost: defaultdict[tuple[int, int], Counter[Coin]] = field(default_factory=lambda: defaultdict(Counter))
    due: Counter[tuple[int, int]] = field(default_factory=Counter)
    terms: dict[tuple[int, int], tuple[int, float]] = field(default_factory=dict)

    def figures(self, number: int) -> tuple[int, int, int]:
        """Balance, held and debt of a purse."""
        purse, held = self.purses[number], self.held(number)
        return len(purse.coins) + len(held) - purse.debt, len(held), purse.debt

    def held(self, number: int) -> list[Coin]:
        """The coins of a purse that are set aside."""
        return [coin for hold in self.holds if hold.purse == number for coin in hold.coins]

    def settle(self, number: int) -> str:
        """Holds that ended give back, then coins whose time is over vanish. A frozen purse waits."""
        purse = self.purses[number]
        if not purse.is_frozen:
            for hold in sorted(self.holds, key=lambda hold: hold.ends):
                if hold.purse == number and hold.status == "OPEN" and hold.ends <= self.now:
                    self._close(hold, "EXPIRED")
                    self.ended += 1
            self.ended += sum(coin.ends <= self.now for coin in purse.coins)
            purse.coins = [coin for coin in purse.coins if coin.ends > self.now]
        return "done"

    def credit(self, number: int, count: int, priority: int, ends: float, payment: int | None = None) -> str:
        """New coins; debt swallows the first of them."""
        self.settle(number)
        if count < 1:
            return "amount_out_of_range"
        if ends <= self.now:
            return "already_expired"
        self._put(number, [self._batch(number, priority, ends, payment)] * count)
        return "done"

    def spend(self, number: int, count: int) -> str:
        """Coins are used up."""
        self.settle(number)
        refused = self._refusal(number, count)
        if refused:
            return refused
        self.uses.append(Use(number, self.purses[number].take(count)))
        return "done"

    def hold(self, number: int, count: int, ends: float) -> str:
        """Coins are set aside."""
        self.settle(number)
        refused = self._refusal(number, count)
        if refused:
            return refused
        self.holds.append(Hold(number, count, ends, self.purses[number].take(count)))
        return "done"

    def capture(self, which: int, count: int | None, *, is_final: bool) -> str:
        """Coins of a hold are used up; at the end the rest comes back."""
        hold = self.holds[which]
        self.settle(hold.purse)
        if refused := self._closed(hold):
            return refused
        count = len(hold.coins) if count is None else count
        if count < 1 or count > len(hold.coins):
            return "more_than_held"
        if self.purses[hold.purse].is_frozen:
            return "account_frozen"
        hold.coins.sort()
        self.uses.append(Use(hold.purse, hold.coins[:count]))
        hold.coins = hold.coins[count:]
        hold.captured += count
        if is_final or not hold.coins:
            self._close(hold, "CAPTURED")
            self.settle(hold.purse)
        return "done"

    def release(self, which: int) -> str:
        """A hold gives back."""
        hold = self.holds[which]
        self.settle(hold.purse)
        if refused := self._closed(hold):
            return refused
        self._close(hold, "RELEASED")
        return self.settle(hold.purse)

    def reverse(self, which: int) -> str:
        """Coins that were used come back, those that were used last first."""
        use = self.uses[which]
        self.settle(use.purse)
        if use.is_reversed:
            return "already_reversed"
        use.is_reversed = True
        self._put(use.purse, sorted(use.coins, reverse=True))
        return self.settle(use.purse)

    def move(self, number: int, to: int, count: int) -> str:
        """Coins go to another purse, where each batch is a new one on its old terms."""
        self.settle(number)
        if number == to:
            return "same_account"
        if self.purses[number].unit != self.purses[to].unit:
            return "unit_mismatch"
        refused = self._refusal(number, count)
        if refused:
            return refused
        self.settle(to)
        arriving, fresh = [], dict[int, Coin]()
        for coin in self.purses[number].take(count):
            if coin.batch not in fresh:
                fresh[coin.batch] = self._batch(to, coin.priority, coin.ends, coin.payment)
            arriving.append(fresh[coin.batch])
        self._put(to, arriving)
        return "done"

    def clawback(self, number: int, count: int, payment: int) -> str:
        """Coins of a payment go, those in its dispute too, then other paid ones, then any, then there is debt."""
        self.settle(number)
        if count < 1:
            return "amount_out_of_range"
        purse = self.purses[number]
        taken = purse.take(count, sorted(coin for coin in purse.coins if coin.payment == payment))
        if disputed := self._disputed(number, payment):
            disputed.coins.sort()
            captured = disputed.coins[: count - len(taken)]
            disputed.coins = disputed.coins[len(captured) :]
            disputed.captured += len(captured)
            disputed.status = "OPEN" if disputed.coins else "CAPTURED"
            taken += captured
        taken += purse.take(count - len(taken), sorted(purse.coins, key=_nearest(payment)))
        purse.debt += count - len(taken)
        self.lost[number, payment].update(taken)
        self.due[number, payment] += count
        return "done"

    def give_back(self, number: int, count: int, payment: int) -> str:
        """Debt goes, then coins that were lost come back, the last to go first, then there is a new batch."""
        self.settle(number)
        purse, lost = self.purses[number], self.lost[number, payment]
        repaid = min(purse.debt, count)
        purse.debt -= repaid
        last_first = sorted((+lost).elements(), key=_nearest(payment), reverse=True)
        returned = last_first[: count - repaid]
        if left := count - repaid - len(returned):
            priority, ends = self.terms.get((number, payment), (PURCHASE_PRIORITY, inf))
            returned += [self._batch(number, priority, ends, payment)] * left
        lost.subtract(returned)
        self.due[number, payment] -= count
        purse.coins += returned
        return self.settle(number)

    def dispute(self, number: int, count: int, payment: int) -> str:
        """So many unspent coins of a payment are set aside, last first; of another size, it is another hold."""
        self.settle(number)
        purse, old = self.purses[number], self._disputed(number, payment)
        held = [] if old is None else old.coins
        own = sorted((coin for coin in [*purse.coins, *held] if coin.payment == payment), reverse=True)
        wanted = min(count, len(own))
        if wanted == len(held):
            return "done"
        if old is not None:
            purse.coins += old.coins
            old.coins, old.status = [], "RELEASED"
        if wanted:
            self.holds.append(Hold(number, wanted, inf, purse.take(wanted, own), payment))
        self._repay(purse)
        return self.settle(number)

    def _batch(self, number: int, priority: int, ends: float, payment: int | None) -> Coin:
        """A coin of a new batch of a purse."""
        self.batches += 1
        if payment is not None:
            self.terms.setdefault((number, payment), (priority, ends))
        return Coin(priority, ends, self.batches, payment)

    def _disputed(self, number: int, payment: int) -> Hold | None:
        of_payment = (hold for hold in self.holds if (hold.purse, hold.payment) == (number, payment))
        return next((hold for hold in of_payment if hold.status == "OPEN"), None)

    def _closed(self, hold: Hold) -> str | None:
        """What a host is told that wants something of a hold which it cannot have."""
        if hold.payment is not None:
            return "unknown_hold"
        return None if hold.status == "OPEN" else "hold_closed"

    def _refusal(self, number: int, count: int) -> str | None:
        purse = self.purses[number]
        if count < 1:
            return "amount_out_of_range"
        if purse.is_frozen:
            return "account_frozen"
        if purse.debt or len(purse.coins) < count:
            return "insufficient_credits"
        return None

    def _put(self, number: int, coins: list[Coin]) -> None:
        purse = self.purses[number]
        swallowed = min(purse.debt, len(coins))
        purse.debt -= swallowed
        purse.coins += coins[swallowed:]

    def _close(self, hold: Hold, status: str) -> None:
        purse = self.purses[hold.purse]
        purse.coins += hold.coins
        hold.coins, hold.status = [], status
        self._repay(purse)

    def _repay(self, purse: Purse) -> None:
        purse.debt -= len(purse.take(min(purse.debt, len(purse.coins))))


def _nearest(payment: int) -> Callable[[Coin], tuple[int, Coin]]:
    """Coins of the payment first, then other paid ones, then any; each in burn order."""
    nearness = {payment: 0, None: 2}
    return lambda coin: (nearness.get(coin.payment, 1), coin)
