"""What an institution's purchases need of Stripe: details of customers, intents, cards and invoices, as frozen values.

The second half of topup.gateway.protocol, whose rules hold here too: keys come from the caller, every call raises
errors.GatewayError, and what is read is checked for its type. Client secrets are never shown by `repr`, so that no log
or error can hold one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

import pydantic
import pydantic.dataclasses

from topup.core.payments import Fact

AS_TOLD = pydantic.ConfigDict(strict=True)


@dataclass(frozen=True, slots=True)
class CustomerDetails:
    """Who is billed; what is None is emptied. `tax_id` is one that Stripe would not take: printed as it was given."""

    name: str
    email: str
    line1: str | None
    line2: str | None
    city: str | None
    postal_code: str | None
    country: str | None
    tax_id: str | None


@pydantic.dataclasses.dataclass(frozen=True, slots=True, config=AS_TOLD)
class TaxId:
    """A tax id as Stripe has it."""

    id: str
    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class NewIntent:
    """Money to be taken in the page. `method_id` is a saved card of the same customer, confirmed by the page."""

    payment_id: UUID
    account_id: UUID
    customer_id: str
    description: str
    price_minor: int
    currency: str
    receipt_email: str | None
    method_id: str | None
    is_card_saved: bool


@pydantic.dataclasses.dataclass(frozen=True, slots=True, config=AS_TOLD)
class Intent:
    """A payment intent as Stripe tells it. `fact` is what it says about our payment's money."""

    id: str
    status: str
    customer_id: str | None
    is_live: bool
    fact: Fact | None
    client_secret: str = pydantic.Field(repr=False)

    @property
    def is_payable(self) -> bool:
        """Whether the buyer can still do something about it."""
        return self.status in {"requires_payment_method", "requires_confirmation", "requires_action"}


@pydantic.dataclasses.dataclass(frozen=True, slots=True, config=AS_TOLD)
class SetupIntent:
    """A card that is about to be saved."""

    id: str
    status: str
    customer_id: str | None
    client_secret: str = pydantic.Field(repr=False)


@pydantic.dataclasses.dataclass(frozen=True, slots=True, config=AS_TOLD)
class Card:
    """A saved card."""

    id: str
    customer_id: str | None
    brand: str
    last4: str
    exp_month: int
    exp_year: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class NewInvoice:
    """An invoice without lines yet, to be paid within `due_days` by card or, in pounds, by bank transfer."""

    payment_id: UUID
    account_id: UUID
    customer_id: str
    currency: str
    due_days: int


@dataclass(frozen=True, slots=True)
class NewInvoiceLine:
    """The one line of an invoice."""

    invoice_id: str
    customer_id: str
    description: str
    quantity: int
    unit_price_minor: int
    currency: str


@pydantic.dataclasses.dataclass(frozen=True, slots=True, config=AS_TOLD)
class Invoice:
    """An invoice as Stripe tells it. Number and addresses are there once it is finalized; the addresses are secrets."""

    id: str
    status: str | None
    number: str | None
    customer_id: str | None
    currency: str
    total_minor: int
    amount_due_minor: int
    amount_paid_minor: int
    is_live: bool
    due_at: datetime | None
    created_at: datetime
    metadata: Mapping[str, str]
    fact: Fact | None
    hosted_url: str | None = pydantic.Field(repr=False)
    pdf_url: str | None = pydantic.Field(repr=False)


class Billing(Protocol):
    """The calls."""

    async def create_institution_customer(self, institution_id: UUID, *, key: str) -> str:
        """Make a customer of whom nothing is told yet but whose they are; the customer's id."""
        ...

    async def delete_customer(self, customer_id: str) -> None:
        """Let Stripe forget a customer and their cards. One that is gone is no error."""
        ...

    async def update_customer(self, customer_id: str, details: CustomerDetails, *, key: str) -> None:
        """Tell Stripe who is billed."""
        ...

    async def set_tax_id(self, customer_id: str, kind: str | None, value: str | None, *, key: str) -> bool:
        """Make this the customer's only tax id, or leave none; False where Stripe does not take it for one."""
        ...

    async def choose_default_card(self, customer_id: str, method_id: str, *, key: str) -> None:
        """Which card invoices are charged to."""
        ...

    async def create_intent(self, new: NewIntent, *, key: str) -> Intent:
        """Make an intent; the page confirms it."""
        ...

    async def retrieve_intent(self, intent_id: str) -> Intent:
        """An intent as it stands now."""
        ...

    async def cancel_intent(self, intent_id: str, *, key: str) -> Intent:
        """End an unpaid intent. errors.Conflict `intent_not_open` where it may just have been paid."""
        ...

    async def create_setup_intent(self, customer_id: str, *, key: str) -> SetupIntent:
        """Begin to save a card."""
        ...

    async def retrieve_setup_intent(self, setup_intent_id: str) -> SetupIntent:
        """A setup intent as it stands now."""
        ...

    async def list_cards(self, customer_id: str) -> list[Card]:
        """A customer's saved cards, newest first, at most a hundred."""
        ...

    async def attach_card(self, method_id: str, customer_id: str, *, key: str) -> Card:
        """Save a card that was made in a browser."""
        ...

    async def detach_card(self, method_id: str, *, key: str) -> None:
        """Remove a saved card for ever."""
        ...

    async def create_invoice(self, new: NewInvoice, *, key: str) -> Invoice:
        """Make a draft, which Stripe does not send by itself."""
        ...

    async def add_invoice_line(self, line: NewInvoiceLine, *, key: str) -> None:
        """Put the line on a draft."""
        ...

    async def finalize_invoice(self, invoice_id: str, *, key: str) -> Invoice:
        """Give a draft its number and addresses. errors.Conflict `invoice_not_draft` where it has them."""
        ...

    async def send_invoice(self, invoice_id: str, *, key: str) -> Invoice:
        """Have Stripe mail it."""
        ...

    async def retrieve_invoice(self, invoice_id: str) -> Invoice:
        """An invoice as it stands now."""
        ...

    async def list_invoices(self, customer_id: str) -> list[Invoice]:
        """A customer's invoices, newest first, at most a hundred."""
        ...
