"""The ways in which credits move within an account, shared by the rules: out of lots, into lots, past their end.

Pure. Each keeps balance = lots' (remaining + held) - debt, and leaves nothing to spend while there is debt. Whether a
move may be made is decided before (`rules`, `rules_money_back`); only what is overdue is booked without being asked.
"""

from collections.abc import Callable, Iterable
from typing import TypeVar

from topup.core import system_accounts
from topup.ledger import commands
from topup.ledger.book import Account, AllocationEnd, Book, Hold, Lot, Transfer
from topup.ledger.commands import Cause, Denied, Upkeep

CREDITS_MAX = 2**53 - 1  # exact in JSON for every client

Part = TypeVar("Part")
Moves = list[tuple[Lot, int]]


def settle(book: Book, account: Account) -> None:
    """Book what is overdue: holds that ended give back, then lots that expired are emptied. A frozen account waits.

    Holds in the order in which they ended, so that a sweep in between would have made no difference.
    """
    if account.is_frozen:
        return
    overdue = [hold for hold in book.holds.values() if hold.account_id == account.id and _is_overdue(book, hold)]
    for hold in sorted(overdue, key=lambda hold: (hold.expires_at or book.now, hold.id)):
        close_hold(book, account, hold, "EXPIRED")
    for lot in [lot for lot in account.lots if lot.remaining and lot.is_expired(book.now)]:
        _expire(book, account, lot)


def may_come_in(account: Account, credits_offered: int) -> Denied | None:
    """A balance stays a number that every JSON client reads exactly."""
    if not 1 <= credits_offered <= CREDITS_MAX or account.balance + credits_offered > CREDITS_MAX:
        return Denied("amount_out_of_range", required=credits_offered)
    return None


def pick(parts: Iterable[Part], wanted: int, stock: Callable[[Part], int]) -> list[tuple[Part, int]]:
    """Take `wanted` from the parts in their order, as much from each as its stock allows."""
    picked = []
    for part in parts:
        if wanted == 0:
            break
        if share := min(stock(part), wanted):
            picked.append((part, share))
            wanted -= share
    return picked


def take(book: Book, lots: Iterable[Lot], credits_wanted: int) -> Moves:
    """Empty lots in the order given; what each lost, as negative moves."""
    moves = [(lot, -share) for lot, share in pick(lots, credits_wanted, lambda lot: lot.remaining)]
    for lot, change in moves:
        book.change_remaining(lot, change)
    return moves


def come_in(book: Book, account: Account, transfer: Transfer, parts: Moves) -> commands.Entry:
    """Credits arrive for the lots of `parts`; debt is repaid from the first of them before anything can be spent."""
    repaid = left = min(account.debt, transfer.credits)
    moves: Moves = []
    for lot, share in parts:
        kept = max(0, share - left)
        left -= share - kept
        if kept:
            book.change_remaining(lot, kept)
            moves.append((lot, kept))
    return book.enter(account, transfer, moves, debt_change=-repaid)


def ensure_listed(account: Account, lot: Lot) -> None:
    """A lot that was empty when the account was loaded is not in its list; it belongs there when credits return."""
    if all(listed is not lot for listed in account.lots):
        account.lots.append(lot)
        account.lots.sort(key=Lot.burn_order)


def close_hold(book: Book, account: Account, hold: Hold, status: str) -> None:
    """End a hold: what it still holds goes back to its lots, then repays debt if there is any."""
    empty_hold(book, account, hold, status)
    repay_from_lots(book, account, hold)


def empty_hold(book: Book, account: Account, hold: Hold, status: str) -> None:
    """End a hold, for whoever sees to the debt afterwards."""
    for part in hold.parts:
        book.set_aside(account, part.lot, -part.remaining)
        part.remaining = 0
    hold.status, hold.closed_at = status, book.now
    book.note_hold(hold)


def repay_from_lots(book: Book, account: Account, hold: Hold) -> None:
    """Debt that meets what a hold gave back is repaid by a pair of lines, out of the lots and into the debt."""
    if not account.debt:
        return
    lots = account.every_lot()
    repaid = min(account.debt, sum(lot.remaining for lot in lots))
    if not repaid:
        return
    clawbacks = system_accounts.IDS["clawbacks", account.unit]
    why_out, why_back = (Upkeep(Cause("debt_repayment", f"{hold.id}:{way}")) for way in ("out", "in"))
    out = book.transfer(account.id, clawbacks, account.unit, repaid, "ADJUSTMENT", why_out)
    book.enter(account, out, take(book, lots, repaid))
    back = book.transfer(clawbacks, account.id, account.unit, repaid, "ADJUSTMENT", why_back)
    book.enter(account, back, [], debt_change=-repaid)


def _is_overdue(book: Book, hold: Hold) -> bool:
    return hold.status == "OPEN" and hold.expires_at is not None and hold.expires_at <= book.now


def _expire(book: Book, account: Account, lot: Lot) -> None:
    """Empty a lot whose time is over. Credits may come back and expire again, hence the line in the cause."""
    why = Upkeep(Cause("expiry", f"{lot.id}:{account.seq + 1}"))
    expired = system_accounts.IDS["expired", account.unit]
    ended = lot.remaining
    transfer = book.transfer(account.id, expired, account.unit, ended, "EXPIRY", why)
    entry = book.enter(account, transfer, take(book, [lot], ended))
    if lot.returns_to is not None:
        book.allocation_ends.append(AllocationEnd(account.id, entry.seq, lot.id, ended))
