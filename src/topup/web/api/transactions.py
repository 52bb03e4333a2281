"""How a statement line looks in JSON, wherever it is shown: a person's own, an account's, the answer to a spend.

Amounts are positive and the type says which way; `sourceId` of a purchase is its payment.
"""

from typing import Any, Literal

from pydantic import BaseModel

from topup.db.statements import Line
from topup.ledger import commands
from topup.web.api import models


class Place(BaseModel):
    """Where a page of lines ended."""

    seq: int


class TransactionAnswer(models.Answer):
    """One line of a statement."""

    id: str
    transaction_type: Literal["CREDIT", "DEBIT"]
    amount: int
    balance_after: int
    source_type: str
    source_id: str | None
    description: str | None
    metadata: dict[str, Any] | None
    created_at: models.Moment


class TransactionList(models.Answer):
    """One page of lines, newest first."""

    data: list[TransactionAnswer]
    next_cursor: str | None


def of_line(line: Line) -> TransactionAnswer:
    """A stored line as it is answered."""
    return TransactionAnswer(
        id=str(line.id),
        transaction_type="CREDIT" if line.credits_signed > 0 else "DEBIT",
        amount=abs(line.credits_signed),
        balance_after=line.balance_after,
        source_type=line.kind,
        source_id=line.source_id or _source_of(line.cause_type, line.cause_id),
        description=line.description,
        metadata=line.metadata,
        created_at=line.recorded_at,
    )


def of_entry(entry: commands.Entry) -> TransactionAnswer:
    """A line that was written just now, as it will be answered ever after."""
    return TransactionAnswer(
        id=str(entry.id),
        transaction_type="CREDIT" if entry.credits_signed > 0 else "DEBIT",
        amount=abs(entry.credits_signed),
        balance_after=entry.balance_after,
        source_type=entry.kind,
        source_id=entry.text.source_id or _source_of(entry.cause.type, entry.cause.id),
        description=entry.text.description,
        metadata=dict(entry.text.metadata) if entry.text.metadata else None,
        created_at=entry.recorded_at,
    )


def _source_of(cause_type: str, cause_id: str) -> str | None:
    """Where no source was named: a purchase comes from its payment."""
    return cause_id if cause_type == "payment" else None
