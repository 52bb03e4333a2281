"""When an open checkout may be handed out again, and when a fresh one must take its place.

Pure; topup.flows.checkout and checkout_session ask.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from topup.core.limits import Limit
from topup.core.quotes import Quote

STARTS = Limit("checkout", burst=300, every_seconds=1)
"""Of one person. Each asks Stripe two or three times, and Stripe's own limit is for all buyers together."""

TIME_LEFT_MIN = timedelta(minutes=5)
"""Less than this is too short to find a card and pay."""

KEY_REMEMBERED = timedelta(hours=23)
"""Stripe keeps idempotency keys for a day at least; afterwards a repeat could make a second session (fault 32)."""


@dataclass(frozen=True, slots=True)
class OpenCheckout:
    """A PENDING checkout, as far as this decision goes."""

    quote: Quote
    is_live: bool
    expires_at: datetime | None


def is_usable(checkout: OpenCheckout, quote: Quote, *, is_live: bool, now: datetime) -> bool:
    """Whether it still sells what is offered now and leaves time to pay."""
    has_time = checkout.expires_at is None or checkout.expires_at - now >= TIME_LEFT_MIN
    return checkout.quote == quote and checkout.is_live == is_live and has_time


def is_key_remembered(created_at: datetime, now: datetime) -> bool:
    """Whether Stripe surely still knows the first call made for a payment of that time."""
    return now - created_at < KEY_REMEMBERED
