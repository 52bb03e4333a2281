"""What the page where sessions are bought shows of a quantity: its total, its tier, and where more would cost less.

Pure. Prices come from topup.core.session_prices; static/elements.js says the same while somebody types, and the page
charges nothing before the server has named the same amount.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from topup.core import money, session_prices
from topup.core.session_prices import Tier
from topup.web.pages import figures


@dataclass(frozen=True, slots=True)
class Step:
    """One tier as it is shown; money already as text."""

    min_quantity: int
    words: str
    each: str
    saving: str
    unit_price_minor: int
    is_reached: bool


@dataclass(frozen=True, slots=True)
class Better:
    """More sessions for no more money. `less` is empty where it is the same money."""

    quantity: int
    total: str
    less: str


@dataclass(frozen=True, slots=True)
class Offer:
    """One quantity with its price."""

    quantity: int
    total_minor: int
    total: str
    each: str
    saving: str
    better: Better | None


def steps(tiers: Sequence[Tier], quantity: int | None) -> list[Step]:
    """The tiers from the smallest up; the one that `quantity` reaches is marked."""
    reached = max((tier.min_quantity for tier in tiers if tier.min_quantity <= (quantity or 0)), default=0)
    nexts = [*(tier.min_quantity for tier in tiers[1:]), None]
    return [
        Step(
            min_quantity=tier.min_quantity,
            words=_range(tier.min_quantity, following),
            each=money.short(tier.unit_price_minor, tier.currency),
            saving=_percent(tier, tiers[0]),
            unit_price_minor=tier.unit_price_minor,
            is_reached=tier.min_quantity == reached,
        )
        for tier, following in zip(tiers, nexts, strict=True)
    ]


def of_quantity(quantity: int, tiers: Sequence[Tier]) -> Offer:
    """The price of a quantity; errors.Conflict where it is not on sale."""
    quote = session_prices.quote(quantity, tiers)
    saved_minor = max(0, quantity * tiers[0].unit_price_minor - quote.price_minor)
    return Offer(
        quantity=quantity,
        total_minor=quote.price_minor,
        total=money.short(quote.price_minor, quote.currency),
        each=money.short(quote.unit_price_minor, quote.currency),
        saving=money.short(saved_minor, quote.currency) if saved_minor else "",
        better=_better(quote, tiers),
    )


def _better(quote: session_prices.Quote, tiers: Sequence[Tier]) -> Better | None:
    for tier in tiers:
        total_minor = tier.min_quantity * tier.unit_price_minor
        if tier.min_quantity > quote.quantity and total_minor <= quote.price_minor:
            less_minor = quote.price_minor - total_minor
            less = money.short(less_minor, tier.currency) if less_minor else ""
            return Better(tier.min_quantity, money.short(total_minor, tier.currency), less)
    return None


def _range(first: int, following: int | None) -> str:
    if following is None:
        return f"{figures.whole(first)}+"
    return (
        figures.whole(first) if following == first + 1 else f"{figures.whole(first)} to {figures.whole(following - 1)}"
    )


def _percent(tier: Tier, smallest: Tier) -> str:
    percent = figures.saving_percent(tier.unit_price_minor, 1, smallest.unit_price_minor, 1)
    return f"{percent}%" if percent else ""
