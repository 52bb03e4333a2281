"""The rules for when money goes back: credits are taken back, given back, or held while a dispute is open. Pure.

Called by `rules.apply`; how many credits is decided in topup.core.money_back. Taking goes from the payment's own lots
(what of them is free, then what is held for its dispute) to other paid lots, to any, to debt; giving back goes the same
way in reverse. So taking in steps, in one go, or more than was due and some of it back again, all end in the same lots.
"""

from uuid import UUID

from topup.core import system_accounts
from topup.ledger import commands, moves
from topup.ledger.book import Account, Book, Hold, HoldPart, Lot, Terms
from topup.ledger.commands import Denied, Done, Outcome
from topup.ledger.moves import CREDITS_MAX, Moves


def apply(book: Book, account: Account, command: commands.MoneyBack) -> Outcome:
    """Decide one command on an account that is settled."""
    match command:
        case commands.Clawback():
            return _clawback(book, account, command)
        case commands.GiveBack():
            return _give_back(book, account, command)
        case commands.HoldDisputed():
            return _hold_disputed(book, account, command)


def _clawback(book: Book, account: Account, command: commands.Clawback) -> Outcome:
    """Take credits back, all that is asked: what is not there becomes debt. What hosts hold was promised and stays."""
    if not 1 <= command.credits <= CREDITS_MAX:
        return Denied("amount_out_of_range", required=command.credits)

    clawbacks = system_accounts.IDS["clawbacks", account.unit]
    transfer = book.transfer(account.id, clawbacks, account.unit, command.credits, command.kind, command)
    nearest_first = sorted(account.every_lot(), key=lambda lot: _distance(lot, command.payment_id))
    own = [lot for lot in nearest_first if lot.payment_id == command.payment_id]
    taken = moves.take(book, own, command.credits)
    taken += _take_held(book, account, command.payment_id, command.credits + _sum(taken))
    taken += moves.take(book, nearest_first, command.credits + _sum(taken))
    shortfall = command.credits + _sum(taken)
    return Done((book.enter(account, transfer, _by_lot(taken), debt_change=shortfall),))


def _give_back(book: Book, account: Account, command: commands.GiveBack) -> Outcome:
    """Undo clawbacks: debt is repaid first, then each lot gets back what it lost, the last to lose the first to get.

    Where the debt was repaid by something else meanwhile, the rest comes in as a lot on the terms of the purchase. What
    returns to a lot that has ended ends at once.
    """
    if denied := moves.may_come_in(account, command.credits):
        return denied

    clawbacks = system_accounts.IDS["clawbacks", account.unit]
    transfer = book.transfer(clawbacks, account.id, account.unit, command.credits, command.kind, command)
    repaid = min(account.debt, command.credits)
    of_payment = book.lost.get(command.payment_id, {})
    lost = {lot_id: share for lot_id, share in of_payment.items() if book.lots[lot_id].account_id == account.id}
    last_first = sorted(lost, key=lambda lot_id: _take_order(book.lots[lot_id], command.payment_id), reverse=True)
    returned = [
        (book.lots[lot_id], share)
        for lot_id, share in moves.pick(last_first, command.credits - repaid, lambda lot_id: lost[lot_id])
    ]
    for lot, share in returned:
        moves.ensure_listed(account, lot)
        book.change_remaining(lot, share)
    if left := command.credits - repaid - _sum(returned):
        lot = book.open_lot(account, transfer, book.new_id(), left, _terms(book, account, command))
        book.change_remaining(lot, left)
        returned.append((lot, left))
    entry = book.enter(account, transfer, returned, debt_change=-repaid)
    moves.settle(book, account)
    return Done((entry,))


def _hold_disputed(book: Book, account: Account, command: commands.HoldDisputed) -> Outcome:
    """Let so many credits of a payment's own lots be held, or all that is unspent of them if that is less.

    A hold of another size is another hold. It grows from the lots that would be spent last, so that it holds the same
    whether it is placed before a clawback or after.
    """
    hold = _open_hold(book, account, command.payment_id)
    held = hold.uncaptured() if hold is not None else 0
    unspent = held + sum(lot.remaining for lot in account.every_lot() if lot.payment_id == command.payment_id)
    wanted = min(command.credits, unspent)
    if wanted == held:
        return Done(hold=hold.view() if hold is not None else None)

    if hold is not None:
        moves.empty_hold(book, account, hold, "RELEASED")
    placed = _place(book, account, command, wanted) if wanted else None
    if hold is not None:
        moves.repay_from_lots(book, account, hold)
    moves.settle(book, account)
    return Done(hold=placed.view() if placed is not None else None)


def _place(book: Book, account: Account, command: commands.HoldDisputed, credits_held: int) -> Hold:
    hold = Hold(
        id=command.hold_id,
        account_id=account.id,
        kind="DISPUTE",
        credits=credits_held,
        captured=0,
        status="OPEN",
        expires_at=None,
        description=None,
        payment_id=command.payment_id,
        actor=command.actor,
        created_at=book.now,
    )
    own = [lot for lot in account.every_lot() if lot.payment_id == command.payment_id]
    for lot, share in reversed(moves.pick(reversed(own), credits_held, lambda lot: lot.remaining)):
        book.set_aside(account, lot, share)
        hold.parts.append(HoldPart(lot, share, share))
    book.new_holds[hold.id] = hold
    book.note_hold(hold)
    return hold


def _take_held(book: Book, account: Account, payment_id: UUID, credits_wanted: int) -> Moves:
    """Take from what is held for the payment's dispute: for a dispute's hold, that is its capture."""
    hold = _open_hold(book, account, payment_id)
    if hold is None or credits_wanted == 0:
        return []
    taken = moves.pick(hold.parts, credits_wanted, lambda part: part.remaining)
    for part, share in taken:
        part.remaining -= share
        book.change_held(account, part.lot, -share)
        hold.captured += share
    if hold.uncaptured() == 0:
        hold.status, hold.closed_at = "CAPTURED", book.now
    book.note_hold(hold)
    return [(part.lot, -share) for part, share in taken]


def _open_hold(book: Book, account: Account, payment_id: UUID) -> Hold | None:
    of_payment = (
        hold
        for hold in book.holds.values()
        if hold.kind == "DISPUTE" and hold.payment_id == payment_id and hold.account_id == account.id
    )
    return next((hold for hold in of_payment if hold.status == "OPEN"), None)


def _terms(book: Book, account: Account, command: commands.GiveBack) -> Terms:
    """Those of the oldest lot that the payment brought."""
    own = [lot for lot in book.lots.values() if lot.payment_id == command.payment_id and lot.account_id == account.id]
    if not own:
        return Terms(commands.PURCHASE_PRIORITY, None, command.kind, command.payment_id)
    return min(own, key=lambda lot: (lot.opened_seq, lot.id)).terms()


def _take_order(lot: Lot, payment_id: UUID) -> tuple[object, ...]:
    return (_distance(lot, payment_id), *lot.burn_order())


def _distance(lot: Lot, payment_id: UUID) -> int:
    """How near a lot is to a payment whose money went back: its own, another paid one, any other."""
    if lot.payment_id == payment_id:
        return 0
    return 1 if lot.payment_id is not None else 2


def _sum(taken: Moves) -> int:
    return sum(change for _, change in taken)


def _by_lot(taken: Moves) -> Moves:
    """One move for each lot, though some of it was free and some was held."""
    lots = {lot.id: lot for lot, _ in taken}
    return [(lot, sum(change for moved, change in taken if moved is lot)) for lot in lots.values()]
