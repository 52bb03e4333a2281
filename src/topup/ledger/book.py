"""The locked accounts of one batch with their lots and holds, and the few ways in which they may change.

Pure memory: rules decide on it, journal fills it from rows and writes its record of changes back in bulk. Every move
here keeps balance = lots' (remaining + held) - debt; no check of permission is made here (rules does that first).
"""

import hashlib
import json
import struct
from bisect import insort
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from topup import errors
from topup.ledger import commands

NEVER = datetime.max.replace(tzinfo=UTC)
_NOTHING = bytes(32)
_HASHED = struct.Struct(">5q16s16s16s16s16s32s")
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

BurnOrder = tuple[int, datetime, int, UUID]


@dataclass(frozen=True, slots=True)
class Terms:
    """What a lot is born with and keeps, also where it travels: how it is spent, when it ends, where it came from.

    An allocated lot also knows where it `returns_to` when it ends, and the expiry of its own that it then has again.
    """

    priority: int
    expires_at: datetime | None
    source: commands.Kind
    payment_id: UUID | None
    returns_to: UUID | None = None
    own_expires_at: datetime | None = None


@dataclass(slots=True)
class Lot:
    """Credits that came in together. `remaining` can be spent, `held` is set aside."""

    id: UUID
    account_id: UUID
    transfer_id: UUID
    opened_seq: int
    amount: int
    remaining: int
    held: int
    priority: int
    expires_at: datetime | None
    source: commands.Kind
    payment_id: UUID | None
    created_at: datetime
    returns_to: UUID | None = None
    own_expires_at: datetime | None = None

    def burn_order(self) -> BurnOrder:
        """Which lot is spent first: lower priority, earlier expiry (never last), older, then id: never arbitrary."""
        return (self.priority, self.expires_at or NEVER, self.opened_seq, self.id)

    def terms(self) -> Terms:
        """What travels along when credits of this lot move."""
        return Terms(self.priority, self.expires_at, self.source, self.payment_id)

    def terms_allocated(self, ends_at: datetime | None) -> Terms:
        """What travels along when credits of this lot are lent to another account until `ends_at`."""
        ends = [end for end in (self.expires_at, ends_at) if end is not None]
        return Terms(
            self.priority, min(ends, default=None), self.source, self.payment_id, self.account_id, self.expires_at
        )

    def terms_returned(self) -> Terms:
        """What travels along when credits of an allocated lot go back."""
        return Terms(self.priority, self.own_expires_at, self.source, self.payment_id)

    def is_expired(self, now: datetime) -> bool:
        """A lot lives while now < expires_at."""
        return self.expires_at is not None and self.expires_at <= now


@dataclass(slots=True)
class Account:
    """A locked customer account with its lots in burn order.

    Mostly not all that it has: what is overdue, and the first, which have `credits_in_reach`. None means that every
    lot with anything in it is listed. Rules ask for what they need: `first_lots` or `every_lot`.
    """

    id: UUID
    unit: str
    balance: int
    held: int
    debt: int
    seq: int
    head_hash: bytes
    is_frozen: bool
    lots: list[Lot] = field(default_factory=list)
    credits_in_reach: int | None = None

    def first_lots(self, credits_wanted: int) -> list[Lot]:
        """The lots in burn order, of which so many credits are about to be taken."""
        if self.credits_in_reach is not None:
            self.credits_in_reach -= credits_wanted
            if self.credits_in_reach < 0:
                raise errors.Broken(f"Too few lots of account {self.id} were loaded.")
        return self.lots

    def every_lot(self) -> list[Lot]:
        """All lots with anything in them, in burn order."""
        if self.credits_in_reach is not None:
            raise errors.Broken(f"Not all lots of account {self.id} were loaded.")
        return self.lots

    def available(self) -> int:
        """What a spend would get now, after `moves.settle`: nothing in debt."""
        return 0 if self.debt else self.balance - self.held


@dataclass(slots=True)
class HoldPart:
    """What a hold took from one lot, and what of it is still held."""

    lot: Lot
    amount: int
    remaining: int


@dataclass(slots=True)
class Hold:
    """Credits set aside until captured or released. `kind` DISPUTE has no end and cannot be captured."""

    id: UUID
    account_id: UUID
    kind: str
    credits: int
    captured: int
    status: str
    expires_at: datetime | None
    description: str | None
    payment_id: UUID | None
    actor: str
    created_at: datetime
    closed_at: datetime | None = None
    parts: list[HoldPart] = field(default_factory=list)

    def uncaptured(self) -> int:
        """What an open hold still sets aside."""
        return sum(part.remaining for part in self.parts)

    def view(self) -> commands.HoldView:
        """The hold as its owner sees it."""
        return commands.HoldView(self.id, self.account_id, self.credits, self.captured, self.status, self.expires_at)


@dataclass(frozen=True, slots=True)
class Original:
    """A past entry that somebody wants undone, with the lots it emptied (in burn order, amounts positive)."""

    account_id: UUID
    transfer_id: UUID
    kind: str
    credits: int
    parts: tuple[tuple[Lot, int], ...]
    is_reversed: bool


@dataclass(frozen=True, slots=True)
class Transfer:
    """One movement between two accounts, as it will be written."""

    id: UUID
    debit_account: UUID
    credit_account: UUID
    unit: str
    credits: int
    kind: commands.Kind
    cause: commands.Cause
    actor: str
    text: commands.Text
    salt: bytes | None
    text_digest: bytes | None
    reverses: UUID | None


@dataclass(frozen=True, slots=True)
class Line:
    """An entry as it will be written: the statement line with its place in the chain and the lots it moved."""

    entry: commands.Entry
    debt_change: int
    hash: bytes
    lot_moves: tuple[tuple[UUID, int], ...]


@dataclass(frozen=True, slots=True)
class AllocationEnd:
    """Allocated credits that a line booked as expired, and that are still to go back where they came from."""

    account_id: UUID
    seq: int
    lot_id: UUID
    credits: int


@dataclass(slots=True)
class Book:
    """One batch's working state and the record of what must be written."""

    now: datetime
    new_id: Callable[[], UUID]
    new_salt: Callable[[], bytes]
    accounts: dict[UUID, Account] = field(default_factory=dict)
    lots: dict[UUID, Lot] = field(default_factory=dict)
    holds: dict[UUID, Hold] = field(default_factory=dict)
    originals: dict[UUID, Original] = field(default_factory=dict)
    reversed_entries: set[UUID] = field(default_factory=set)
    # By payment: what each lot (by id) has lost to clawbacks of it and not got back.
    lost: dict[UUID, dict[UUID, int]] = field(default_factory=dict)

    transfers: list[Transfer] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    new_lots: dict[UUID, Lot] = field(default_factory=dict)
    new_holds: dict[UUID, Hold] = field(default_factory=dict)
    changed_accounts: dict[UUID, Account] = field(default_factory=dict)
    changed_lots: dict[UUID, Lot] = field(default_factory=dict)
    changed_holds: dict[UUID, Hold] = field(default_factory=dict)
    allocation_ends: list[AllocationEnd] = field(default_factory=list)

    def transfer(
        self,
        debit: UUID,
        credit: UUID,
        unit: str,
        credits_moved: int,
        kind: commands.Kind,
        why: commands.Moving,
        *,
        reverses: UUID | None = None,
    ) -> Transfer:
        """Note a movement between two accounts of one unit."""
        salt = self.new_salt() if why.text else None
        noted = Transfer(
            id=self.new_id(),
            debit_account=debit,
            credit_account=credit,
            unit=unit,
            credits=credits_moved,
            kind=kind,
            cause=why.cause,
            actor=why.actor,
            text=why.text,
            salt=salt,
            text_digest=None if salt is None else text_digest(salt, why.text),
            reverses=reverses,
        )
        self.transfers.append(noted)
        return noted

    def enter(
        self, account: Account, transfer: Transfer, lot_moves: Iterable[tuple[Lot, int]], debt_change: int = 0
    ) -> commands.Entry:
        """Write the next line of an account: its amount is what its lots gained less what its debt grew."""
        moves = tuple((lot.id, change) for lot, change in lot_moves if change)
        signed = sum(change for _, change in moves) - debt_change
        account.balance += signed
        account.debt += debt_change
        account.seq += 1
        self.changed_accounts[account.id] = account
        entry = commands.Entry(
            id=self.new_id(),
            account_id=account.id,
            seq=account.seq,
            transfer_id=transfer.id,
            credits_signed=signed,
            balance_after=account.balance,
            kind=transfer.kind,
            cause=transfer.cause,
            text=transfer.text,
            recorded_at=self.now,
        )
        account.head_hash = line_hash(account.head_hash, entry, transfer, debt_change)
        self.lines.append(Line(entry, debt_change, account.head_hash, moves))
        return entry

    def open_lot(self, account: Account, transfer: Transfer, lot_id: UUID, credits_in: int, terms: Terms) -> Lot:
        """Add a new, still empty lot to an account; it is dated by the line about to be written."""
        lot = Lot(
            id=lot_id,
            account_id=account.id,
            transfer_id=transfer.id,
            opened_seq=account.seq + 1,
            amount=credits_in,
            remaining=0,
            held=0,
            priority=terms.priority,
            expires_at=terms.expires_at,
            source=terms.source,
            payment_id=terms.payment_id,
            created_at=self.now,
            returns_to=terms.returns_to,
            own_expires_at=terms.own_expires_at,
        )
        insort(account.lots, lot, key=Lot.burn_order)
        self.lots[lot.id] = self.new_lots[lot.id] = lot
        return lot

    def change_remaining(self, lot: Lot, change: int) -> None:
        """Put spendable credits into a lot, or take them out."""
        lot.remaining += change
        self._note(lot)

    def set_aside(self, account: Account, lot: Lot, change: int) -> None:
        """Move credits of a lot from remaining to held; negative gives them back."""
        lot.remaining -= change
        self.change_held(account, lot, change)

    def change_held(self, account: Account, lot: Lot, change: int) -> None:
        """Grow or shrink what is held of a lot, and of its account."""
        lot.held += change
        account.held += change
        self.changed_accounts[account.id] = account
        self._note(lot)

    def note_hold(self, hold: Hold) -> None:
        """Remember that a hold has to be written."""
        self.holds[hold.id] = hold
        if hold.id not in self.new_holds:
            self.changed_holds[hold.id] = hold

    def _note(self, lot: Lot) -> None:
        if lot.id not in self.new_lots:
            self.changed_lots[lot.id] = lot


def line_hash(previous: bytes, entry: commands.Entry, transfer: Transfer, debt_change: int) -> bytes:
    """The hash of a line over the one before and over all that the line and its transfer say.

    The audit recomputes it in SQL. The words come last and only the last of them may hold a space, so that no two lines
    read alike.
    """
    fixed = _HASHED.pack(
        entry.seq,
        entry.credits_signed,
        entry.balance_after,
        debt_change,
        (entry.recorded_at - _EPOCH) // _MICROSECOND,
        entry.id.bytes,
        transfer.id.bytes,
        transfer.debit_account.bytes,
        transfer.credit_account.bytes,
        transfer.reverses.bytes if transfer.reverses else bytes(16),
        transfer.text_digest or _NOTHING,
    )
    words = f"{transfer.kind} {transfer.cause.type} {transfer.actor} {transfer.cause.id}"
    return hashlib.sha256(previous + fixed + words.encode()).digest()


def text_digest(salt: bytes, text: commands.Text) -> bytes:
    """A digest of the free text that cannot be guessed back once salt and text are erased."""
    parts = (text.description or "", text.source_id or "", metadata_text(text) or "")
    return hashlib.sha256(salt + "\0".join(parts).encode()).digest()


def metadata_text(text: commands.Text) -> str | None:
    """Metadata as the very text that is stored and digested."""
    if not text.metadata:
        return None
    return json.dumps(text.metadata, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
