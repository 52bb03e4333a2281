"""What can be asked of the ledger, and how it answers.

Values only: built by flows, decided by rules, written by journal. Credits (or sessions) are whole and positive; `cause`
makes each movement unique for ever, `actor` says who wanted it ("user:<id>", "application:<id>", "stripe", "topup").
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

Kind = Literal[
    "PURCHASE",
    "WELCOME_BONUS",
    "USAGE",
    "HOLD_CAPTURE",
    "REVERSAL",
    "REFUND",
    "DISPUTE",
    "EXPIRY",
    "ADJUSTMENT",
    "TRANSFER",
    "PROMOTION",
]
CreditKind = Literal["PURCHASE", "WELCOME_BONUS", "PROMOTION", "ADJUSTMENT", "REFUND", "DISPUTE", "TRANSFER"]
ClawbackKind = Literal["REFUND", "DISPUTE"]
PURCHASE_PRIORITY = 100
GRANT_PRIORITY = 50


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a transfer exists. (type, id) is unique over all transfers, so the same cause never moves credits twice."""

    type: str
    id: str


def money_back(payment_id: UUID, rev: int) -> Cause:
    """The cause of what is taken or given back when a payment's money is looked at for the rev-th time."""
    return Cause("money_back", f"{payment_id}:{rev}")


@dataclass(frozen=True, slots=True)
class Text:
    """What a person reads on the statement. It may name somebody, so it is kept apart and can be erased."""

    description: str | None = None
    source_id: str | None = None
    metadata: Mapping[str, Any] | None = None

    def __bool__(self) -> bool:
        """Whether there is anything to keep."""
        return self.description is not None or self.source_id is not None or bool(self.metadata)


NO_TEXT = Text()


@dataclass(frozen=True, slots=True)
class Credit:
    """Credits come in as one lot: a purchase, a welcome, a promotion, an adjustment upwards, a clawback made good.

    Debt is repaid first. The lot ends at `expires_at`, or `valid_days` after it came in, or never. Kind TRANSFER is an
    allocation that ended and goes back to its pool; `source` then says what the credits came in as at first.
    """

    account_id: UUID
    credits: int
    kind: CreditKind
    cause: Cause
    actor: str
    priority: int = PURCHASE_PRIORITY
    expires_at: datetime | None = None
    valid_days: int | None = None
    payment_id: UUID | None = None
    text: Text = NO_TEXT
    source: Kind | None = None


@dataclass(frozen=True, slots=True)
class Spend:
    """Credits are used up, from the lots in burn order."""

    account_id: UUID
    credits: int
    cause: Cause
    actor: str
    text: Text = NO_TEXT


@dataclass(frozen=True, slots=True)
class PlaceHold:
    """Credits are set aside, with their lots, until `expires_at`."""

    account_id: UUID
    credits: int
    hold_id: UUID
    expires_in_seconds: int
    actor: str
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Capture:
    """Held credits are used up (None: all that is held); `is_final` gives the rest back and closes the hold."""

    account_id: UUID
    hold_id: UUID
    credits: int | None
    cause: Cause
    actor: str
    is_final: bool = True
    text: Text = NO_TEXT


@dataclass(frozen=True, slots=True)
class Release:
    """A hold is closed and what it still holds goes back to its lots."""

    account_id: UUID
    hold_id: UUID
    actor: str


@dataclass(frozen=True, slots=True)
class Reverse:
    """A spend or a capture is undone, in full and once: back to the same lots in reverse order."""

    account_id: UUID
    entry_id: UUID
    cause: Cause
    actor: str
    text: Text = NO_TEXT


@dataclass(frozen=True, slots=True)
class Move:
    """Credits go to another account of the same unit; each lot's expiry, priority and payment travel along.

    `ends_at` ends what arrives sooner than its own expiry would. An allocation's lots know the account they came from:
    what is not used by then goes back there.
    """

    account_id: UUID
    to_account_id: UUID
    credits: int
    cause: Cause
    actor: str
    text: Text = NO_TEXT
    ends_at: datetime | None = None
    is_allocation: bool = False


@dataclass(frozen=True, slots=True)
class TakeBack:
    """Unspent credits of an allocation go back to the account they came from, each lot on its own terms again.

    `transfer_id` names the allocation (None: all from that account), `credits` how many (None: all that is unspent,
    which may be none at all). What is on hold stays.
    """

    account_id: UUID
    to_account_id: UUID
    transfer_id: UUID | None
    credits: int | None
    cause: Cause
    actor: str
    text: Text = NO_TEXT


@dataclass(frozen=True, slots=True)
class Clawback:
    """Credits go back because money did: from the payment's own lots, other paid lots, any lots, then as debt.

    Its cause is `money_back(payment_id, rev)`, by which `GiveBack` finds the lots again.
    """

    account_id: UUID
    credits: int
    payment_id: UUID
    kind: ClawbackKind
    cause: Cause
    actor: str
    text: Text = NO_TEXT


@dataclass(frozen=True, slots=True)
class GiveBack:
    """Credits that were taken back return, because the money did: a refund failed, a dispute was won after all."""

    account_id: UUID
    credits: int
    payment_id: UUID
    kind: ClawbackKind
    cause: Cause
    actor: str
    text: Text = NO_TEXT


@dataclass(frozen=True, slots=True)
class HoldDisputed:
    """At most so many unspent credits of a payment are held while its dispute is open; 0 ends the hold.

    Asked again it changes nothing, and `hold_id` is then not used.
    """

    account_id: UUID
    payment_id: UUID
    credits: int
    hold_id: UUID
    actor: str


@dataclass(frozen=True, slots=True)
class Settle:
    """Book what is overdue on an account (lots that expired, holds that ended) and nothing else."""

    account_id: UUID


@dataclass(frozen=True, slots=True)
class Upkeep:
    """Why the ledger moves credits by itself: an expiry, a debt repaid from what a hold gave back."""

    cause: Cause
    actor: str = "topup"
    text: Text = NO_TEXT


MoneyBack = Clawback | GiveBack | HoldDisputed
Command = Credit | Spend | PlaceHold | Capture | Release | Reverse | Move | TakeBack | MoneyBack | Settle
Moving = Credit | Spend | Capture | Reverse | Move | TakeBack | Clawback | GiveBack | Upkeep


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of one account's statement, as the contract's `transaction` shows it."""

    id: UUID
    account_id: UUID
    seq: int
    transfer_id: UUID
    credits_signed: int
    balance_after: int
    kind: Kind
    cause: Cause
    text: Text
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class HoldView:
    """A hold as its owner sees it."""

    id: UUID
    account_id: UUID
    credits: int
    captured: int
    status: str
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Done:
    """The command took effect. `entries` are its own lines (not those of expiries booked on the way)."""

    entries: tuple[Entry, ...] = ()
    hold: HoldView | None = None


@dataclass(frozen=True, slots=True)
class Denied:
    """The command was refused and nothing of it was written. `code` is the contract's word."""

    code: Literal[
        "unknown_account",
        "account_frozen",
        "insufficient_credits",
        "unit_mismatch",
        "same_account",
        "unknown_hold",
        "hold_closed",
        "more_than_held",
        "unknown_entry",
        "not_reversible",
        "already_reversed",
        "already_expired",
        "amount_out_of_range",
    ]
    available: int = 0
    required: int = 0
    details: Mapping[str, Any] = field(default_factory=dict)


Outcome = Done | Denied
