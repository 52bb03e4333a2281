"""Whether a command is done, and what it moves. Pure: no I/O, no clock, nothing asynchronous.

Each rule is a ladder of checks in a fixed order, each refusal with its name, and below the ladder the moves; a refused
command has changed nothing. `apply` first books what is overdue on the account, so every rule sees only living credits.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import assert_never
from uuid import UUID

from topup.core import system_accounts
from topup.ledger import commands, moves, rules_money_back
from topup.ledger.book import Account, Book, Hold, HoldPart, Lot, Terms, Transfer
from topup.ledger.commands import Denied, Done, Outcome
from topup.ledger.moves import CREDITS_MAX, Moves

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


def apply(book: Book, command: commands.Command) -> Outcome:
    """Decide one command on the locked state and, when it is done, change the state."""
    account = book.accounts.get(command.account_id)
    if account is None:
        return Denied("unknown_account")
    moves.settle(book, account)
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
        case commands.Clawback() | commands.GiveBack() | commands.HoldDisputed():
            return rules_money_back.apply(book, account, command)
        case commands.Settle():
            return Done()
        case _:
            assert_never(command)


def _credit(book: Book, account: Account, command: commands.Credit) -> Outcome:
    if denied := moves.may_come_in(account, command.credits):
        return denied
    if command.expires_at is not None and command.expires_at <= book.now:
        return Denied("already_expired")

    source = system_accounts.IDS[_SOURCES[command.kind], account.unit]
    transfer = book.transfer(source, account.id, account.unit, command.credits, command.kind, command)
    terms = Terms(command.priority, _end_of(book, command), command.source or command.kind, command.payment_id)
    lot = book.open_lot(account, transfer, book.new_id(), command.credits, terms)
    return Done((moves.come_in(book, account, transfer, [(lot, command.credits)]),))


def _end_of(book: Book, command: commands.Credit) -> datetime | None:
    if command.valid_days is None:
        return command.expires_at
    return book.now + timedelta(days=command.valid_days)


def _spend(book: Book, account: Account, command: commands.Spend) -> Outcome:
    if denied := _may_take(account, command.credits):
        return denied

    usage = system_accounts.IDS["usage", account.unit]
    transfer = book.transfer(account.id, usage, account.unit, command.credits, "USAGE", command)
    return Done(
        (book.enter(account, transfer, moves.take(book, account.first_lots(command.credits), command.credits)),)
    )


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
    for lot, credits_held in moves.pick(
        account.first_lots(command.credits), command.credits, lambda lot: lot.remaining
    ):
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
    taken: Moves = []
    for part, credits_of_part in moves.pick(hold.parts, credits_taken, lambda part: part.remaining):
        part.remaining -= credits_of_part
        book.change_held(account, part.lot, -credits_of_part)
        taken.append((part.lot, -credits_of_part))
    hold.captured += credits_taken
    book.note_hold(hold)
    entry = book.enter(account, transfer, taken)
    if command.is_final or credits_taken == held:
        moves.close_hold(book, account, hold, "CAPTURED")
        moves.settle(book, account)
    return Done((entry,), hold.view())


def _release(book: Book, account: Account, command: commands.Release) -> Outcome:
    hold = _own_host_hold(book, account, command.hold_id)
    if hold is None:
        return Denied("unknown_hold")
    if hold.status != "OPEN":
        return Denied("hold_closed", details={"status": hold.status})

    moves.close_hold(book, account, hold, "RELEASED")
    moves.settle(book, account)
    return Done(hold=hold.view())


def _reverse(book: Book, account: Account, command: commands.Reverse) -> Outcome:
    original = book.originals.get(command.entry_id)
    if original is None or original.account_id != account.id:
        return Denied("unknown_entry")
    if original.kind not in REVERSIBLE:
        return Denied("not_reversible", details={"kind": original.kind})
    if original.is_reversed or command.entry_id in book.reversed_entries:
        return Denied("already_reversed")
    if denied := moves.may_come_in(account, original.credits):
        return denied

    book.reversed_entries.add(command.entry_id)
    for lot, _ in original.parts:
        moves.ensure_listed(account, lot)
    usage = system_accounts.IDS["usage", account.unit]
    transfer = book.transfer(
        usage, account.id, account.unit, original.credits, "REVERSAL", command, reverses=original.transfer_id
    )
    entry = moves.come_in(book, account, transfer, list(reversed(original.parts)))
    moves.settle(book, account)
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
    moves.settle(book, target)
    if denied := moves.may_come_in(target, command.credits):
        return denied

    def terms(lot: Lot) -> Terms:
        return lot.terms_allocated(command.ends_at) if command.is_allocation else lot.terms()

    transfer = book.transfer(account.id, target.id, account.unit, command.credits, "TRANSFER", command)
    taken = moves.take(book, account.first_lots(command.credits), command.credits)
    debit = book.enter(account, transfer, taken)
    credit = moves.come_in(book, target, transfer, _arriving(book, target, transfer, taken, terms))
    return Done((debit, credit))


def _take_back(book: Book, account: Account, command: commands.TakeBack) -> Outcome:
    target = book.accounts.get(command.to_account_id)
    if target is None:
        return Denied("unknown_account")
    if target is account:
        return Denied("same_account")
    if account.is_frozen:
        return Denied("account_frozen")
    lent = [lot for lot in account.every_lot() if lot.returns_to == target.id and lot.remaining]
    lots = [lot for lot in lent if command.transfer_id is None or lot.transfer_id == command.transfer_id]
    unspent = sum(lot.remaining for lot in lots)
    if command.credits is None and unspent == 0:
        return Done()
    credits_back = unspent if command.credits is None else command.credits
    if not 1 <= credits_back <= CREDITS_MAX:
        return Denied("amount_out_of_range", required=credits_back)
    if credits_back > unspent:
        return Denied("insufficient_credits", available=unspent, required=credits_back)
    moves.settle(book, target)
    if denied := moves.may_come_in(target, credits_back):
        return denied

    transfer = book.transfer(account.id, target.id, account.unit, credits_back, "TRANSFER", command)
    taken = moves.take(book, lots, credits_back)
    debit = book.enter(account, transfer, taken)
    credit = moves.come_in(book, target, transfer, _arriving(book, target, transfer, taken, Lot.terms_returned))
    return Done((debit, credit))


def _may_take(account: Account, credits_wanted: int) -> Denied | None:
    if not 1 <= credits_wanted <= CREDITS_MAX:
        return Denied("amount_out_of_range", required=credits_wanted)
    if account.is_frozen:
        return Denied("account_frozen")
    if account.available() < credits_wanted:
        return Denied("insufficient_credits", available=account.available(), required=credits_wanted)
    return None


def _own_host_hold(book: Book, account: Account, hold_id: UUID) -> Hold | None:
    hold = book.holds.get(hold_id)
    return hold if hold is not None and hold.account_id == account.id and hold.kind == "HOST" else None


def _arriving(book: Book, target: Account, transfer: Transfer, taken: Moves, terms: Callable[[Lot], Terms]) -> Moves:
    """The travelling parts of lots, on their terms. Ids in order, so that what was spent first still is."""
    lot_ids = sorted(book.new_id() for _ in taken)
    return [
        (book.open_lot(target, transfer, lot_id, -change, terms(lot)), -change)
        for lot_id, (lot, change) in zip(lot_ids, taken, strict=True)
    ]
