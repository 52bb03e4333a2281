"""The quote: price and credits fixed before paying, taken from our own package and never from the client.

It becomes the payment's snapshot, so a later edit of the package changes nothing that was promised (faults 58, 62).
"""

from dataclasses import dataclass
from uuid import UUID

from topup import errors
from topup.core import money

PRICE_DIGITS_MAX = 8


@dataclass(frozen=True, slots=True)
class Quote:
    """What one purchase gives and costs. `credits` counts whole `unit`s, `price_minor` Stripe's minor units."""

    package_id: UUID
    package_name: str
    unit: str
    credits: int
    price_minor: int
    currency: str
    valid_days: int | None
    refund_days: int | None


def ensure_chargeable(price_minor: int, currency: str) -> None:
    """Refuse what Stripe could not charge, before anything is written."""
    shown = money.long(price_minor, currency)
    if money.is_below_minimum(price_minor, currency):
        raise errors.Conflict(
            f"{shown} is less than the smallest amount that can be paid.", code="amount_below_minimum"
        )
    if price_minor % money.step_minor(currency) or len(str(price_minor)) > PRICE_DIGITS_MAX:
        raise errors.Conflict(f"{shown} is not an amount that can be charged.", code="amount_not_chargeable")
