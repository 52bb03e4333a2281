"""What the ledger should do, written from the documents as if credits were coins, each of them moved by hand.

Independent of topup.ledger: no lots with counters, no moves, no entries. Purses, holds and uses are known by their
numbers; time is in hours. Every act returns "done" or the word of its refusal.
"""

from dataclasses import dataclass, field


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
    """Coins that are set aside."""

    purse: int
    size: int
    ends: float
    coins: list[Coin]
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
        self.batches += 1
        self._put(self.purses[number], [Coin(priority, ends, self.batches, payment)] * count)
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
        if hold.status != "OPEN":
            return "hold_closed"
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
        if hold.status != "OPEN":
            return "hold_closed"
        self._close(hold, "RELEASED")
        return self.settle(hold.purse)

    def reverse(self, which: int) -> str:
        """Coins that were used come back, those that were used last first."""
        use = self.uses[which]
        self.settle(use.purse)
        if use.is_reversed:
            return "already_reversed"
        use.is_reversed = True
        self._put(self.purses[use.purse], sorted(use.coins, reverse=True))
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
        arriving, numbers = [], dict[int, int]()
        for coin in self.purses[number].take(count):
            if coin.batch not in numbers:
                self.batches += 1
                numbers[coin.batch] = self.batches
            arriving.append(Coin(coin.priority, coin.ends, numbers[coin.batch], coin.payment))
        self._put(self.purses[to], arriving)
        return "done"

    def clawback(self, number: int, count: int, payment: int) -> str:
        """Coins of a payment go, then other paid ones, then any, then there is debt."""
        self.settle(number)
        if count < 1:
            return "amount_out_of_range"
        purse = self.purses[number]
        nearness = {payment: 0, None: 2}
        order = sorted(purse.coins, key=lambda coin: (nearness.get(coin.payment, 1), coin))
        purse.debt += count - len(purse.take(count, order))
        return "done"

    def _refusal(self, number: int, count: int) -> str | None:
        purse = self.purses[number]
        if count < 1:
            return "amount_out_of_range"
        if purse.is_frozen:
            return "account_frozen"
        if purse.debt or len(purse.coins) < count:
            return "insufficient_credits"
        return None

    def _put(self, purse: Purse, coins: list[Coin]) -> None:
        swallowed = min(purse.debt, len(coins))
        purse.debt -= swallowed
        purse.coins += coins[swallowed:]

    def _close(self, hold: Hold, status: str) -> None:
        purse = self.purses[hold.purse]
        purse.coins += hold.coins
        hold.coins, hold.status = [], status
        purse.debt -= len(purse.take(min(purse.debt, len(purse.coins))))
