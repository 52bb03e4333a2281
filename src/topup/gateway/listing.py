"""What reconciliation needs of Stripe: its objects page by page, newest first, as frozen values.

A third part of topup.gateway.protocol, whose rules hold. A page that holds more than was asked for, or anything of
another type than Stripe says, is refused as unreadable (fault 36).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar
from uuid import UUID

import pydantic
import pydantic.dataclasses

from topup.core.payments import Channel, Fact

AS_TOLD = pydantic.ConfigDict(strict=True)


@dataclass(frozen=True, slots=True)
class Span:
    """Objects made since then, and before `until` where that is given."""

    since: datetime
    until: datetime | None = None


@pydantic.dataclasses.dataclass(frozen=True, slots=True, config=AS_TOLD)
class Seen:
    """A checkout session, intent or invoice. `hint` is our payment's id in its metadata, which anybody may have edited.

    `is_payable` is whether a buyer can still pay it; `fact` what it says about the money, if anything.
    """

    id: str
    channel: Channel
    created_at: datetime
    hint: UUID | None
    is_payable: bool
    fact: Fact | None


@pydantic.dataclasses.dataclass(frozen=True, slots=True, config=AS_TOLD)
class MoneyBack:
    """A refund or a dispute, by the intent whose money it is about."""

    id: str
    created_at: datetime
    intent_id: str | None
    amount_minor: int
    currency: str
    status: str | None


T = TypeVar("T", Seen, MoneyBack)


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page, newest first, and whether Stripe says that more follows."""

    items: tuple[T, ...]
    has_more: bool


class Lists(Protocol):
    """The lists. `after_id` is the last object of the page before."""

    async def page_of_checkouts(self, span: Span, *, after_id: str | None) -> Page[Seen]:
        """Checkout sessions that take a payment."""
        ...

    async def page_of_intents(self, span: Span, *, after_id: str | None) -> Page[Seen]:
        """Payment intents, of whatever they are part."""
        ...

    async def page_of_invoices(self, span: Span, *, after_id: str | None) -> Page[Seen]:
        """Invoices."""
        ...

    async def page_of_refunds(self, span: Span, *, after_id: str | None) -> Page[MoneyBack]:
        """Refunds, also those made in the dashboard."""
        ...

    async def page_of_disputes(self, span: Span, *, after_id: str | None) -> Page[MoneyBack]:
        """Disputes."""
        ...
