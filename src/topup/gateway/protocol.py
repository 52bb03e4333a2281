"""Stripe as Topup sees it: the calls we make, with frozen values in and out.

Flows know this and nothing of the SDK. Every call that writes takes its idempotency key from the caller, who derives it
and every value sent under it from stored rows, so that a repeat after a crash is the same call (faults 31-33).
All calls raise errors.GatewayError; none is ever made inside a transaction.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

import pydantic
import pydantic.dataclasses

from topup.core.payments import Fact
from topup.gateway.billing import Billing
from topup.gateway.listing import Lists
from topup.gateway.refunds import Refunds

AS_TOLD = pydantic.ConfigDict(strict=True)
"""Stripe's values are taken in the types they come in, or refused; a price is never read out of a string."""


@dataclass(frozen=True, slots=True)
class NewCustomer:
    """A person as Stripe is told of them."""

    user_id: UUID
    email: str
    name: str


@dataclass(frozen=True, slots=True)
class NewCheckout:
    """What the hosted page shall sell. No expiry is sent: one computed here would differ on a retry."""

    payment_id: UUID
    account_id: UUID
    customer_id: str
    package_name: str
    description: str
    price_minor: int
    currency: str
    success_url: str
    cancel_url: str


@pydantic.dataclasses.dataclass(frozen=True, slots=True, config=AS_TOLD)
class CheckoutSession:
    """A checkout session as Stripe tells it. Statuses are Stripe's words, and new ones must be survived.

    `fact` is what it says about our payment's money, for topup.flows.fulfil; None while there is nothing to say.
    """

    id: str
    status: str | None
    payment_status: str
    url: str | None
    client_reference_id: str | None
    customer_id: str | None
    intent_id: str | None
    amount_subtotal_minor: int | None
    amount_total_minor: int | None
    currency: str | None
    is_live: bool
    expires_at: datetime
    created_at: datetime
    metadata: Mapping[str, str]
    fact: Fact | None


@pydantic.dataclasses.dataclass(frozen=True, slots=True, config=AS_TOLD)
class StripeAccount:
    """Whose key it is."""

    id: str
    country: str | None
    default_currency: str | None


@pydantic.dataclasses.dataclass(frozen=True, slots=True, config=AS_TOLD)
class WebhookEndpoint:
    """Where Stripe delivers events to."""

    id: str
    url: str
    status: str
    api_version: str | None
    enabled_events: tuple[str, ...]


class Stripe(Billing, Lists, Refunds, Protocol):
    """The gateway. `is_live` says whether its key moves real money."""

    @property
    def is_live(self) -> bool:
        """Whether its key moves real money."""
        ...

    async def create_customer(self, new: NewCustomer, *, key: str) -> str:
        """Make a customer; its id."""
        ...

    async def find_customers(self, user_id: UUID, email: str) -> list[str]:
        """The customers that were made for this person and have this address, newest first."""
        ...

    async def create_checkout(self, new: NewCheckout, *, key: str) -> CheckoutSession:
        """Make a hosted checkout session. errors.Conflict `amount_below_minimum` where Stripe finds it too small."""
        ...

    async def retrieve_checkout(self, session_id: str) -> CheckoutSession:
        """A session as it stands now."""
        ...

    async def expire_checkout(self, session_id: str, *, key: str) -> CheckoutSession:
        """Close an open session. errors.Conflict `checkout_not_open` where it is not: it may just have been paid."""
        ...

    async def list_checkouts(self, *, customer_id: str) -> list[CheckoutSession]:
        """A customer's sessions, newest first, at most a hundred."""
        ...

    async def retrieve_account(self) -> StripeAccount:
        """The account that the key belongs to."""
        ...

    async def list_webhook_endpoints(self) -> list[WebhookEndpoint]:
        """The endpoints of this account and mode."""
        ...
