"""What a number of interview sessions costs: the tier that the quantity reaches prices the whole quantity. Pure.

The price comes from our own list and never from the client (fault 62); it becomes the payment's snapshot (fault 58).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from topup import errors
from topup.core import quotes
from topup.core.limits import Limit

QUANTITY_MAX = 100_000
PACKAGE_NAME = "Interview sessions"
DUE_DAYS = 30
STARTS = Limit("session purchase", burst=60, every_seconds=5)
"""Of one person. Each makes an intent or an invoice at Stripe."""


@dataclass(frozen=True, slots=True)
class Tier:
    """From `min_quantity` sessions on, each costs `unit_price_minor`."""

    min_quantity: int
    unit_price_minor: int
    currency: str


FIRST_LIST = (Tier(1, 600, "gbp"), Tier(50, 540, "gbp"), Tier(200, 480, "gbp"))


@dataclass(frozen=True, slots=True)
class Quote:
    """What one purchase gives and costs."""

    quantity: int
    unit_price_minor: int
    price_minor: int
    currency: str


def quote(quantity: int, tiers: Sequence[Tier]) -> Quote:
    """The price of a quantity, or errors.Conflict where it is not on sale or cannot be charged."""
    reached = [tier for tier in tiers if tier.min_quantity <= quantity]
    if not reached:
        raise errors.Conflict("So few sessions are not on sale.", code="not_on_sale")
    tier = max(reached, key=lambda one: one.min_quantity)
    price_minor = quantity * tier.unit_price_minor
    quotes.ensure_chargeable(price_minor, tier.currency)
    return Quote(quantity, tier.unit_price_minor, price_minor, tier.currency)
