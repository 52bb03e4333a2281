"""Whether a command is done, and what it moves. Pure: no I/O, no clock, nothing asynchronous.

Each rule is a ladder of checks in a fixed order, each refusal with its name, and below the ladder the moves; a refused
command has changed nothing. `apply` first books what is overdue on the account, so every rule sees only living credits.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import TypeVar, assert_never
from uuid import UUID

from topup.core import system_accounts
from topup.ledger import commands
from topup.ledger.book import Account, AllocationEnd, Book, Hold, HoldPart, Lot, Terms, Transfer
from topup.ledger.commands import Cause, Denied, Done, Outcome, Upkeep

CREDITS_MAX = 2**53 - 1  # exact in JSON for every client
REVERSIBLE = ("USAGE", "HOLD_CAPTURE")
_SOURCES: dict[commands.CreditKind, system_accounts.Name] = {
    "PURCHASE": "stripe_sales",
    "WELCOME_BONUS": "promotions",
    "PROMOTION": "promotions",
    "ADJUSTMENT": "adjustments",
    "REFUND": "clawbacks",
    "DISPUTE": "clawbacks",
    "TRANSFER": "expired",
}

Part = TypeVar("Part")
Moves = list[tuple[Lot, int]]


def apply(book: Book, command: commands.Command) -> Outcome:
    """Decide one command on the locked state and, when it is done, change the state."""
    account = book.accounts.get(command.account_id)
    if account is None:
        return Denied("unknown_account")
    settle(book, account)
    match command:
        case commands.Credit():
            return _credit(book, account, command)
        case commands.Spend():
            return _spend(book, account, command)
        case commands.PlaceHold():
            return _place_hold(book, account, command)
        case commands.Capture():
            return _capture(book, account, command)
        case commands.Release():
            return _release(book, account, command)
        case commands.Reverse():
            return _reverse(book, account, command)
        case commands.Move():
            return _move(book, account, command)
        case commands.TakeBack():
            return _take_back(book, account, command)
        case commands.Clawback():
            return _clawback(book, account, command)
        case commands.Settle():
            return Done()
        case _:
            assert_never(command)


def settle(book: Book, account: Account) -> None:
    """Book what is overdue: holds that ended give back, then lots that expired are emptied. A frozen account waits.

    Holds in the order in which they ended, so that a sweep in between would have made no difference.
    """
    if account.is_frozen:
        return
    overdue = [hold for hold in book.holds.values() if hold.account_id == account.id and _is_overdue(book, hold)]
    for hold in sorted(overdue, key=lambda hold: (hold.expires_at or book.now, hold.id)):
        _close_hold(book, account, hold, "EXPIRED")
    for lot in [lot for lot in account.lots if lot.remaining and lot.is_expired(book.now)]:
        _expire(book, account, lot)


def _credit(book: Book, account: Account, command: commands.Credit) -> Outcome:
    if denied := _may_come_in(account, command.credits):
        return denied
    if command.expires_at is not None and command.expires_at <= book.now:
        return Denied("already_expired")

    source = system_accounts.IDS[_SOURCES[command.kind], account.unit]
    transfer = book.transfer(source, account.id, account.unit, command.credits, command.kind, command)
    terms = Terms(command.priority, _end_of(book, command), command.source or command.kind, command.payment_id)
    lot = book.open_lot(account, transfer, book.new_id(), command.credits, terms)
    return Done((_come_in(book, account, transfer, [(lot, command.credits)]),))


def _end_of(book: Book, command: commands.Credit) -> datetime | None:
    if command.valid_days is None:
        return command.expires_at
    return book.now + timedelta(days=command.valid_days)


def _spend(book: Book, account: Account, command: commands.Spend) -> Outcome:
    if denied := _may_take(account, command.credits):
        return denied

    usage = system_accounts.IDS["usage", account.unit]
    transfer = book.transfer(account.id, usage, account.unit, command.credits, "USAGE", command)
    return Done((book.enter(account, transfer, _take(book, account.lots, command.credits)),))


def _place_hold(book: Book, account: Account, command: commands.PlaceHold) -> Outcome:
    if denied := _may_take(account, command.credits):
        return denied

    hold = Hold(
        id=command.hold_id,
        account_id=account.id,
        kind="HOST",
        credits=command.credits,
        captured=0,
        status="OPEN",
        expires_at=book.now + timedelta(seconds=command.expires_in_seconds),
        description=command.description,
        payment_id=None,
        actor=command.actor,
        created_at=book.now,
    )
    for lot, credits_held in _pick(account.lots, command.credits, lambda lot: lot.remaining):
        book.set_aside(account, lot, credits_held)
        hold.parts.append(HoldPart(lot, credits_held, credits_held))
    book.new_holds[hold.id] = hold
    book.note_hold(hold)
    return Done(hold=hold.view())


def _capture(book: Book, account: Account, command: commands.Capture) -> Outcome:
    hold = _own_host_hold(book, account, command.hold_id)
    if hold is None:
        return Denied("unknown_hold")
    if hold.status != "OPEN":
        return Denied("hold_closed", details={"status": hold.status})
    held = hold.uncaptured()
    credits_taken = held if command.credits is None else command.credits
    if not 1 <= credits_taken <= held:
        return Denied("more_than_held", available=held, required=credits_taken)
    if account.is_frozen:
        return Denied("account_frozen")

    usage = system_accounts.IDS["usage", account.unit]
    transfer = book.transfer(account.id, usage, account.unit, credits_taken, "HOLD_CAPTURE", command)
    moves: Moves = []
    for part, credits_of_part in _pick(hold.parts, credits_taken, lambda part: part.remaining):
        part.remaining -= credits_of_part
        book.change_held(account, part.lot, -credits_of_part)
        moves.append((part.lot, -credits_of_part))
    hold.captured += credits_taken
    book.note_hold(hold)
    entry = book.enter(account, transfer, moves)
    if command.is_final or credits_taken == held:
        _close_hold(book, account, hold, "CAPTURED")
        settle(book, account)
    return Done((entry,), hold.view())


def _release(book: Book, account: Account, command: commands.Release) -> Outcome:
    hold = _own_host_hold(book, account, command.hold_id)
    if hold is None:
        return Denied("unknown_hold")
    if hold.status != "OPEN":
        return Denied("hold_closed", details={"status": hold.status})

    _close_hold(book, account, hold, "RELEASED")
    settle(book, account)
    return Done(hold=hold.view())


def _reverse(book: Book, account: Account, command: commands.Reverse) -> Outcome:
    original = book.originals.get(command.entry_id)
    if original is None or original.account_id != account.id:
        return Denied("unknown_entry")
    if original.kind not in REVERSIBLE:
        return Denied("not_reversible", details={"kind": original.kind})
    if original.is_reversed or command.entry_id in book.reversed_entries:
        return Denied("already_reversed")
    if denied := _may_come_in(account, original.credits):
        return denied

    book.reversed_entries.add(command.entry_id)
    for lot, _ in original.parts:
        _ensure_listed(account, lot)
    usage = system_accounts.IDS["usage", account.unit]
    transfer = book.transfer(
        usage, account.id, account.unit, original.credits, "REVERSAL", command, reverses=original.transfer_id
    )
    entry = _come_in(book, account, transfer, list(reversed(original.parts)))
    settle(book, account)
    return Done((entry,))


def _move(book: Book, account: Account, command: commands.Move) -> Outcome:
    target = book.accounts.get(command.to_account_id)
    if target is None:
        return Denied("unknown_account")
    if target is account:
        return Denied("same_account")
    if target.unit != account.unit:
        return Denied("unit_mismatch")
    if denied := _may_take(account, command.credits):
        return denied
    if command.ends_at is not None and command.ends_at <= book.now:
        return Denied("already_expired")
    settle(book, target)
    if denied := _may_come_in(target, command.credits):
        return denied

    def terms(lot: Lot) -> Terms:
        return lot.terms_allocated(command.ends_at) if command.is_allocation else lot.terms()

    transfer = book.transfer(account.id, target.id, account.unit, command.credits, "TRANSFER", command)
    taken = _take(book, account.lots, command.credits)
    debit = book.enter(account, transfer, taken)
    credit = _come_in(book, target, transfer, _arriving(book, target, transfer, taken, terms))
    return Done((debit, credit))


def _take_back(book: Book, account: Account, command: commands.TakeBack) -> Outcome:
    target = book.accounts.get(command.to_account_id)
    if target is None:
        return Denied("unknown_account")
    if target is account:
        return Denied("same_account")
    if account.is_frozen:
        return Denied("account_frozen")
    lent = [lot for lot in account.lots if lot.returns_to == target.id and lot.remaining]
    lots = [lot for lot in lent if command.transfer_id is None or lot.transfer_id == command.transfer_id]
    unspent = sum(lot.remaining for lot in lots)
    if command.credits is None and unspent == 0:
        return Done()
    credits_back = unspent if command.credits is None else command.credits
    if not 1 <= credits_back <= CREDITS_MAX:
        return Denied("amount_out_of_range", required=credits_back)
    if credits_back > unspent:
        return Denied("insufficient_credits", available=unspent, required=credits_back)
    settle(book, target)
    if denied := _may_come_in(target, credits_back):
        return denied

    transfer = book.transfer(account.id, target.id, account.unit, credits_back, "TRANSFER", command)
    taken = _take(book, lots, credits_back)
    debit = book.enter(account, transfer, taken)
    credit = _come_in(book, target, transfer, _arriving(book, target, transfer, taken, Lot.terms_returned))
    return Done((debit, credit))


def _clawback(book: Book, account: Account, command: commands.Clawback) -> Outcome:
    if not 1 <= command.credits <= CREDITS_MAX:
        return Denied("amount_out_of_range", required=command.credits)

    clawbacks = system_accounts.IDS["clawbacks", account.unit]
    transfer = book.transfer(account.id, clawbacks, account.unit, command.credits, command.kind, command)
    nearest_first = sorted(account.lots, key=lambda lot: _distance(lot, command.payment_id))
    taken = _take(book, nearest_first, min(command.credits, sum(lot.remaining for lot in account.lots)))
    shortfall = command.credits + sum(change for _, change in taken)
    return Done((book.enter(account, transfer, taken, debt_change=shortfall),))


def _may_take(account: Account, credits_wanted: int) -> Denied | None:
    if not 1 <= credits_wanted <= CREDITS_MAX:
        return Denied("amount_out_of_range", required=credits_wanted)
    if account.is_frozen:
        return Denied("account_frozen")
    if account.available() < credits_wanted:
        return Denied("insufficient_credits", available=account.available(), required=credits_wanted)
    return None


def _may_come_in(account: Account, credits_offered: int) -> Denied | None:
    """A balance stays a number that every JSON client reads exactly."""
    if not 1 <= credits_offered <= CREDITS_MAX or account.balance + credits_offered > CREDITS_MAX:
        return Denied("amount_out_of_range", required=credits_offered)
    return None


def _own_host_hold(book: Book, account: Account, hold_id: UUID) -> Hold | None:
    hold = book.holds.get(hold_id)
    return hold if hold is not None and hold.account_id == account.id and hold.kind == "HOST" else None


def _is_overdue(book: Book, hold: Hold) -> bool:
    return hold.status == "OPEN" and hold.expires_at is not None and hold.expires_at <= book.now


def _pick(parts: Iterable[Part], wanted: int, stock: Callable[[Part], int]) -> list[tuple[Part, int]]:
    """Take `wanted` from the parts in their order, as much from each as its stock allows."""
    picked = []
    for part in parts:
        if wanted == 0:
            break
        if share := min(stock(part), wanted):
            picked.append((part, share))
            wanted -= share
    return picked


def _take(book: Book, lots: Iterable[Lot], credits_wanted: int) -> Moves:
    """Empty lots in the order given; what each lost, as negative moves."""
    moves = [(lot, -share) for lot, share in _pick(lots, credits_wanted, lambda lot: lot.remaining)]
    for lot, change in moves:
        book.change_remaining(lot, change)
    return moves


def _come_in(book: Book, account: Account, transfer: Transfer, parts: Moves) -> commands.Entry:
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


def _ensure_listed(account: Account, lot: Lot) -> None:
    """A lot that was empty when the account was loaded is not in its list; it belongs there when credits return."""
    if all(listed is not lot for listed in account.lots):
        account.lots.append(lot)
        account.lots.sort(key=Lot.burn_order)


def _close_hold(book: Book, account: Account, hold: Hold, status: str) -> None:
    """End a hold: what it still holds goes back to its lots, then repays debt if there is any."""
    for part in hold.parts:
        book.set_aside(account, part.lot, -part.remaining)
        part.remaining = 0
    hold.status, hold.closed_at = status, book.now
    book.note_hold(hold)
    _repay_from_lots(book, account, hold)


def _repay_from_lots(book: Book, account: Account, hold: Hold) -> None:
    """Debt that meets released credits is repaid by a pair of lines, out of the lots and into the debt."""
    spendable = sum(lot.remaining for lot in account.lots)
    repaid = min(account.debt, spendable)
    if not repaid:
        return
    clawbacks = system_accounts.IDS["clawbacks", account.unit]
    why_out, why_back = (Upkeep(Cause("debt_repayment", f"{hold.id}:{way}")) for way in ("out", "in"))
    out = book.transfer(account.id, clawbacks, account.unit, repaid, "ADJUSTMENT", why_out)
    book.enter(account, out, _take(book, account.lots, repaid))
    back = book.transfer(clawbacks, account.id, account.unit, repaid, "ADJUSTMENT", why_back)
    book.enter(account, back, [], debt_change=-repaid)


def _expire(book: Book, account: Account, lot: Lot) -> None:
    """Empty a lot whose time is over. Credits may come back and expire again, hence the line in the cause."""
    why = Upkeep(Cause("expiry", f"{lot.id}:{account.seq + 1}"))
    expired = system_accounts.IDS["expired", account.unit]
    ended = lot.remaining
    transfer = book.transfer(account.id, expired, account.unit, ended, "EXPIRY", why)
    entry = book.enter(account, transfer, _take(book, [lot], ended))
    if lot.returns_to is not None:
        book.allocation_ends.append(AllocationEnd(account.id, entry.seq, lot.id, ended))


def _distance(lot: Lot, payment_id: UUID) -> int:
    """How near a lot is to a payment whose money went back: its own, another paid one, any other."""
    if lot.payment_id == payment_id:
        return 0
    return 1 if lot.payment_id is not None else 2


def _arriving(book: Book, target: Account, transfer: Transfer, taken: Moves, terms: Callable[[Lot], Terms]) -> Moves:
    """The travelling parts of lots, on their terms. Ids in order, so that what was spent first still is."""
    lot_ids = sorted(book.new_id() for _ in taken)
    return [
        (book.open_lot(target, transfer, lot_id, -change, terms(lot)), -change)
        for lot_id, (lot, change) in zip(lot_ids, taken, strict=True)
    ]
