"""What the way back of money needs of Stripe: refunds, disputes and which intents paid what, as frozen values.

A part of topup.gateway.protocol, whose rules hold here too: keys come from the caller, every call raises
errors.GatewayError, and what is read is checked for its type. Statuses are Stripe's words, and new ones must be
survived.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

import pydantic
import pydantic.dataclasses

AS_TOLD = pydantic.ConfigDict(strict=True)


@dataclass(frozen=True, slots=True)
class NewRefund:
    """Money to be given back. `refund_id` is our row, by which the refund is known again."""

    refund_id: UUID
    payment_id: UUID
    intent_id: str
    amount_minor: int


@pydantic.dataclasses.dataclass(frozen=True, slots=True, config=AS_TOLD)
class Refund:
    """A refund as Stripe tells it. `refund_id` is our row's, from its metadata, where we asked for it."""

    id: str
    intent_id: str | None
    amount_minor: int
    currency: str
    status: str
    reason: str | None
    failure: str | None
    refund_id: UUID | None
    created_at: datetime


@pydantic.dataclasses.dataclass(frozen=True, slots=True, config=AS_TOLD)
class Dispute:
    """A dispute as Stripe tells it, with the funds that moved by it (both sums positive)."""

    id: str
    amount_minor: int
    currency: str
    status: str
    reason: str | None
    withdrawn_minor: int
    reinstated_minor: int
    answer_by: datetime | None
    opened_at: datetime


@pydantic.dataclasses.dataclass(frozen=True, slots=True, config=AS_TOLD)
class Charged:
    """An intent and what it took in; `payment_id` is the payment that its metadata names."""

    intent_id: str
    received_minor: int
    payment_id: UUID | None


class Refunds(Protocol):
    """The calls."""

    async def create_refund(self, new: NewRefund, *, key: str) -> Refund:
        """Give money back.

        errors.Conflict where Stripe will not: `already_refunded`, `payment_disputed`, `funds_missing` and
        `refund_refused`.
        """
        ...

    async def list_refunds(self, intent_id: str) -> list[Refund]:
        """All refunds of an intent, whoever made them."""
        ...

    async def list_disputes(self, intent_id: str) -> list[Dispute]:
        """All disputes of an intent."""
        ...

    async def retrieve_charged(self, intent_id: str) -> Charged:
        """What an intent took in."""
        ...

    async def list_intents_of_invoice(self, invoice_id: str) -> list[str]:
        """The intents by which an invoice was paid, oldest first."""
        ...

    async def list_invoices_of_intent(self, intent_id: str) -> list[str]:
        """The invoices that an intent paid; mostly none."""
        ...
