"""Posts commands: locks the accounts, loads what the rules need, applies them in turn, writes the results in bulk.

One command and five hundred take the same path and the same dozen statements at most. Runs inside the caller's
transaction and never commits; the caller must have locked payments before (order of locks: events and keys, payments,
accounts, lots).
"""

import itertools
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from uuid import UUID

from topup.core import ids
from topup.db import ledger, sql
from topup.ledger import book, commands, rules

SALT_BYTES = 16
FIRST_LOTS_MAX = 8
MORE_LOTS = 16

# A row and what the rules work on have the same fields in the same order, which is also the order of the columns.
_ACCOUNT = attrgetter(*ledger.AccountRow.__slots__)
_LOT = attrgetter(*ledger.LotRow.__slots__)
_HOLD = attrgetter(*ledger.HoldRow.__slots__[: ledger.HOLD_FIELDS])
_TRANSFER = attrgetter(
    *("id", "debit_account", "credit_account", "unit", "credits", "kind", "cause.type", "cause.id", "actor"),
    *("text_digest", "reverses"),
)
_LINE = attrgetter(
    *("entry.account_id", "entry.seq", "entry.id", "entry.transfer_id", "entry.credits_signed", "entry.balance_after"),
    *("debt_change", "hash", "entry.recorded_at"),
)


async def post(conn: sql.Connection, asked: Sequence[commands.Command]) -> list[commands.Outcome]:
    """Apply commands in their order; the outcomes in the same order.

    A cause that was posted before violates `one_transfer_per_cause`: callers look before they post, under a lock.
    """
    async with sql.together(conn):
        working = await load(conn, await ask(conn, asked))
        outcomes = [rules.apply(working, command) for command in asked]
        await send(conn, working)
    return outcomes


async def try_out(conn: sql.Connection, command: commands.Command) -> tuple[commands.Outcome, book.Book]:
    """Decide one command and write nothing; the outcome, and the state with what would have been written.

    Nothing is locked: run it in a transaction that sees one moment (repeatable read).
    """
    working = await load(conn, await ask(conn, [command], is_locking=False))
    return rules.apply(working, command), working


@dataclass(frozen=True, slots=True)
class Asked:
    """What was sent to the database for some commands. Within a pipeline one wait brings it all."""

    commands: Sequence[commands.Command]
    credits_wanted: Mapping[UUID, int | None]
    accounts: sql.Asked[ledger.AccountRow]
    now: sql.Asked[datetime]
    lots_max: Mapping[UUID, int | None]
    lots: sql.Asked[ledger.LotRow]


async def ask(conn: sql.Connection, asked: Sequence[commands.Command], *, is_locking: bool = True) -> Asked:
    """Lock the accounts of these commands; then, in later statements, read the clock and as many lots as mostly do."""
    wanted = _credits_wanted(asked)
    lots_max = {one: FIRST_LOTS_MAX if wanted[one] else wanted[one] for one in sorted(wanted)}
    accounts = await (ledger.lock if is_locking else ledger.look)(conn, list(lots_max))
    now = await ledger.ask_now(conn)
    return Asked(asked, wanted, accounts, now, lots_max, await ledger.first_lots(conn, lots_max))


async def load(conn: sql.Connection, asked: Asked) -> book.Book:
    """The locked accounts with what the rules may need. Nothing is decided yet."""
    found = await asked.accounts.rows()
    (now,) = await asked.now.rows()
    working = book.Book(now, ids.new, _new_salt)
    working.accounts = {row.id: book.Account(*_ACCOUNT(row)) for row in found}
    await _load_lots(conn, working, asked)
    await _load_holds(conn, working, asked.commands)
    await _load_originals(conn, working, asked.commands)
    await _load_lost(conn, working, asked.commands)
    return working


def accounts_of(command: commands.Command) -> tuple[UUID, ...]:
    """The accounts that a command will lock."""
    if isinstance(command, commands.Move | commands.TakeBack):
        return (command.account_id, command.to_account_id)
    return (command.account_id,)


def _credits_wanted(asked: Iterable[commands.Command]) -> dict[UUID, int | None]:
    """How many credits may be taken from the lots of each account in burn order; None where every lot is looked at.

    Lots of holds and of past entries are loaded by name, and what is overdue always is.
    """
    wanted: dict[UUID, int | None] = {}
    for command in asked:
        for account_id in accounts_of(command):
            wanted.setdefault(account_id, 0)
        before = wanted[command.account_id]
        if isinstance(command, commands.TakeBack | commands.MoneyBack):
            wanted[command.account_id] = None
        elif before is not None and isinstance(command, commands.Spend | commands.PlaceHold | commands.Move):
            wanted[command.account_id] = before + command.credits
    return wanted


async def _load_lots(conn: sql.Connection, working: book.Book, asked: Asked) -> None:
    """List the first lots of each account until they reach as far as is wanted, or are all that there are."""
    lots, lots_max = asked.lots, asked.lots_max
    while lots_max:
        for row in await lots.rows():
            if row.id not in working.lots:
                working.lots[row.id] = lot = book.Lot(*_LOT(row))
                working.accounts[row.account_id].lots.append(lot)
        more_max: dict[UUID, int | None] = {}
        for account in (working.accounts[one] for one in lots_max if one in working.accounts):
            account.lots.sort(key=book.Lot.burn_order)
            listed_max, wanted = lots_max[account.id], asked.credits_wanted[account.id]
            account.credits_in_reach = reach = _reach(account, listed_max, working.now)
            if listed_max is not None and reach is not None and (account.debt or reach < (wanted or 0)):
                more_max[account.id] = None if account.debt else listed_max * MORE_LOTS
        lots, lots_max = await ledger.first_lots(conn, more_max) if more_max else lots, more_max


def _reach(account: book.Account, listed_max: int | None, now: datetime) -> int | None:
    """What the first lots can give; None when every lot is listed. Beyond them the list holds what is overdue alone."""
    if listed_max is None or len(account.lots) < listed_max:
        return None
    return sum(lot.remaining for lot in account.lots[:listed_max] if not lot.is_expired(now))


def _new_salt() -> bytes:
    return secrets.token_bytes(SALT_BYTES)


async def _load_holds(conn: sql.Connection, working: book.Book, asked: Sequence[commands.Command]) -> None:
    """Named holds, those for the disputes of named payments, and overdue ones where anything is held at all."""
    named = [command.hold_id for command in asked if isinstance(command, commands.Capture | commands.Release)]
    holding = [account.id for account in working.accounts.values() if account.held]
    if not named and not holding:
        return
    payment_ids = [command.payment_id for command in asked if isinstance(command, commands.MoneyBack)]
    rows = await ledger.holds(conn, named, holding, payment_ids, working.now)
    await _load_missing_lots(conn, working, (row.lot_id for row in rows))
    for row in rows:
        hold = working.holds.get(row.id) or book.Hold(*_HOLD(row))
        working.holds[row.id] = hold
        hold.parts.append(book.HoldPart(working.lots[row.lot_id], row.part_amount, row.part_remaining))


async def _load_originals(conn: sql.Connection, working: book.Book, asked: Sequence[commands.Command]) -> None:
    """Entries that somebody wants undone; their lots may be empty by now and are loaded by id."""
    named = [command.entry_id for command in asked if isinstance(command, commands.Reverse)]
    if not named:
        return
    rows = await ledger.originals(conn, named)
    await _load_missing_lots(conn, working, (row.lot_id for row in rows if row.lot_id is not None))
    for entry_id, group in itertools.groupby(rows, key=lambda row: row.entry_id):
        parts = list(group)
        first = parts[0]
        working.originals[entry_id] = book.Original(
            first.account_id,
            first.transfer_id,
            first.kind,
            first.credits,
            tuple((working.lots[row.lot_id], row.share or 0) for row in parts if row.lot_id is not None),
            first.is_reversed,
        )


async def _load_lost(conn: sql.Connection, working: book.Book, asked: Sequence[commands.Command]) -> None:
    """For credits that return: the payment's own lots, also empty ones, and those that its clawbacks took from."""
    returning = [command for command in asked if isinstance(command, commands.GiveBack)]
    if not returning:
        return
    payment_ids = [command.payment_id for command in returning]
    rows = await ledger.lost_lots(conn, [command.account_id for command in returning], payment_ids)
    await _load_missing_lots(conn, working, (row.lot_id for row in rows))
    for row in rows:
        if row.lost > 0:  # less where it came back as a lot of its own
            working.lost.setdefault(row.payment_id, {})[row.lot_id] = row.lost


async def _load_missing_lots(conn: sql.Connection, working: book.Book, lot_ids: Iterable[UUID]) -> None:
    missing = sorted(set(lot_ids) - working.lots.keys())
    if missing:
        working.lots.update({row.id: book.Lot(*_LOT(row)) for row in await ledger.lots(conn, missing)})


async def send(conn: sql.Connection, done: book.Book) -> None:
    """Send everything that changed, parents before children, one statement a table; within a pipeline all in one go."""
    if done.transfers:
        await _write_movements(conn, done)
    if done.changed_lots:
        await ledger.update_lots(conn, [(lot.id, lot.remaining, lot.held) for lot in done.changed_lots.values()])
    if done.changed_accounts:
        await ledger.update_accounts(
            conn, [(a.id, a.balance, a.held, a.debt, a.seq, a.head_hash) for a in done.changed_accounts.values()]
        )
    if done.new_holds or done.changed_holds:
        await _write_holds(conn, done)


async def _write_movements(conn: sql.Connection, done: book.Book) -> None:
    await ledger.insert_transfers(conn, [(*_TRANSFER(transfer), done.now) for transfer in done.transfers])
    if texts := [_text_row(transfer) for transfer in done.transfers if transfer.salt is not None]:
        await ledger.insert_texts(conn, texts)
    if done.new_lots:
        await ledger.insert_lots(conn, [_LOT(lot) for lot in done.new_lots.values()])
    await ledger.insert_entries(conn, [_LINE(line) for line in done.lines])
    moves = [
        (line.entry.account_id, line.entry.seq, lot_id, change)
        for line in done.lines
        for lot_id, change in line.lot_moves
    ]
    if moves:
        await ledger.insert_entry_lots(conn, moves)
    if done.allocation_ends:
        await ledger.insert_allocation_ends(
            conn, [(end.account_id, end.seq, end.lot_id, end.credits) for end in done.allocation_ends]
        )


def _text_row(transfer: book.Transfer) -> tuple[object, ...]:
    text = transfer.text
    return (transfer.id, text.description, text.source_id, book.metadata_text(text), transfer.salt)


async def _write_holds(conn: sql.Connection, done: book.Book) -> None:
    """Changed ones first: a dispute's hold makes room for the next, since a payment has one that is open."""
    if done.changed_holds:
        changed = done.changed_holds.values()
        await ledger.update_holds(conn, [(hold.id, hold.captured, hold.status, hold.closed_at) for hold in changed])
        left = [(hold.id, part.lot.id, part.remaining) for hold in changed for part in hold.parts]
        await ledger.update_hold_lots(conn, left)
    if done.new_holds:
        new = done.new_holds.values()
        await ledger.insert_holds(conn, [_HOLD(hold) for hold in new])
        parts = [(hold.id, part.lot.id, part.amount, part.remaining) for hold in new for part in hold.parts]
        await ledger.insert_hold_lots(conn, parts)
