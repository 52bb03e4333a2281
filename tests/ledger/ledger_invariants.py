"""What must hold of a ledger on paper after every command, recomputed from its lines alone.

Written from the documents and not from the rules: even the hash of a line is put together here byte by byte.
"""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from topup.ledger.book import Account, Book, Line, Transfer

if TYPE_CHECKING:
    from tests.ledger.paper import Paper


def check(paper: "Paper") -> None:
    """Fail with the first invariant that does not hold."""
    transfers = {transfer.id: transfer for transfer in paper.transfers}
    assert len(transfers) == len({transfer.cause for transfer in paper.transfers}), "one transfer per cause (L8)"
    for account in paper.accounts.values():
        lines = [line for line in paper.lines if line.entry.account_id == account.id]
        _check_chain(account, lines, transfers)
        _check_figures(paper, account, lines)
    _check_lots(paper)
    _check_holds(paper)
    _check_sides(paper, transfers.values())


def check_record(done: Book, before: Mapping[UUID, object], after: Mapping[UUID, object]) -> None:
    """What a command changed is noted to be written, and what it made is noted as new alone."""
    new = done.new_lots.keys() | done.new_holds.keys()
    changed = done.changed_accounts.keys() | done.changed_lots.keys() | done.changed_holds.keys()
    assert not new & changed
    assert {id_ for id_, stand in after.items() if before.get(id_) != stand} <= new | changed


def _check_chain(account: Account, lines: list[Line], transfers: dict[UUID, Transfer]) -> None:
    balance, head = 0, bytes(32)
    for number, line in enumerate(lines, start=1):
        balance += line.entry.credits_signed
        head = _hash(head, line, transfers[line.entry.transfer_id])
        assert line.entry.seq == number, "lines are numbered from 1 without a gap (L4)"
        assert line.entry.balance_after == balance, "each balance follows from the one before (L4)"
        assert line.hash == head, "each hash follows from the one before (L7)"
        assert line.entry.credits_signed == sum(change for _, change in line.lot_moves) - line.debt_change
    assert (account.seq, account.balance, account.head_hash) == (len(lines), balance, head), "the last line (L3)"


def _hash(previous: bytes, line: Line, transfer: Transfer) -> bytes:
    entry = line.entry
    since_2000 = entry.recorded_at - datetime(2000, 1, 1, tzinfo=UTC)
    microseconds = (since_2000.days * 86_400 + since_2000.seconds) * 1_000_000 + since_2000.microseconds
    numbers = (entry.seq, entry.credits_signed, entry.balance_after, line.debt_change, microseconds)
    sides = (entry.id, transfer.id, transfer.debit_account, transfer.credit_account, transfer.reverses or UUID(int=0))
    said = previous
    said += b"".join(number.to_bytes(8, "big", signed=True) for number in numbers)
    said += b"".join(side.bytes for side in sides)
    said += transfer.text_digest or bytes(32)
    said += f"{transfer.kind} {transfer.cause.type} {transfer.actor} {transfer.cause.id}".encode()
    return hashlib.sha256(said).digest()


def _check_figures(paper: "Paper", account: Account, lines: Iterable[Line]) -> None:
    lots = [lot for lot in paper.lots.values() if lot.account_id == account.id]
    remaining, held = sum(lot.remaining for lot in lots), sum(lot.held for lot in lots)
    assert account.balance == remaining + held - account.debt, "balance = lots - debt (G2)"
    assert account.held == held, "what is held of lots is held of the account (H1)"
    assert account.debt == sum(line.debt_change for line in lines) >= 0, "debt is the sum of its changes"
    assert account.debt == 0 or remaining == 0, "debt leaves nothing to spend (L6)"
    orders = [lot.burn_order() for lot in account.lots]
    assert orders == sorted(orders), "lots stand in burn order"
    assert all(lot in account.lots for lot in lots if lot.remaining), "no living lot is forgotten"


def _check_lots(paper: "Paper") -> None:
    moved: dict[UUID, int] = {}
    for line in paper.lines:
        for lot_id, change in line.lot_moves:
            moved[lot_id] = moved.get(lot_id, 0) + change
    for lot in paper.lots.values():
        assert lot.remaining >= 0, "no lot is overdrawn (L6)"
        assert lot.held >= 0
        assert lot.remaining + lot.held <= lot.amount, "no lot grows (G1)"
        assert lot.remaining + lot.held == moved.get(lot.id, 0), "a lot is what its lines made of it (G1)"


def _check_holds(paper: "Paper") -> None:
    held: dict[UUID, int] = {}
    for hold in paper.holds.values():
        left = sum(part.remaining for part in hold.parts)
        assert sum(part.amount for part in hold.parts) == hold.credits
        assert all(0 <= part.remaining <= part.amount for part in hold.parts)
        assert left == (hold.credits - hold.captured if hold.status == "OPEN" else 0), "a closed hold is empty (H2)"
        for part in hold.parts:
            held[part.lot.id] = held.get(part.lot.id, 0) + part.remaining
    assert all(lot.held == held.get(lot.id, 0) for lot in paper.lots.values()), "a lot's held is in open holds (H1)"


def _check_sides(paper: "Paper", transfers: Iterable[Transfer]) -> None:
    """Double entry (L1): every customer side of a transfer has its line, with its sign, and no line is without."""
    told = {(line.entry.transfer_id, line.entry.account_id): line.entry.credits_signed for line in paper.lines}
    due = {(t.id, t.debit_account): -t.credits for t in transfers if t.debit_account in paper.accounts}
    due |= {(t.id, t.credit_account): t.credits for t in transfers if t.credit_account in paper.accounts}
    assert told == due
    assert len(told) == len(paper.lines)
