"""What a number of sessions costs: the tier that it reaches prices the whole of it (faults 58 and 62)."""

import pytest

from topup import errors
from topup.core import session_prices
from topup.core.session_prices import FIRST_LIST, Quote, Tier


@pytest.mark.parametrize(
    ("quantity", "unit_price_minor", "price_minor"),
    [
        (1, 600, 600),
        (49, 600, 29_400),
        (50, 540, 27_000),
        (199, 540, 107_460),
        (200, 480, 96_000),
        (1000, 480, 480_000),
    ],
)
def test_the_tier_that_a_quantity_reaches_prices_all_of_it(
    quantity: int, unit_price_minor: int, price_minor: int
) -> None:
    expected = Quote(quantity, unit_price_minor, price_minor, "gbp")
    assert session_prices.quote(quantity, FIRST_LIST) == expected
    assert session_prices.quote(quantity, FIRST_LIST[::-1]) == expected, "in whatever order the tiers come"


@pytest.mark.parametrize(
    ("quantity", "tiers", "code"),
    [
        (9, [Tier(10, 600, "gbp")], "not_on_sale"),
        (1, [], "not_on_sale"),
        (1, [Tier(1, 29, "gbp")], "amount_below_minimum"),
        (100_000, [Tier(1, 1_000, "gbp")], "amount_not_chargeable"),
        (1, [Tier(1, 1_001, "kwd")], "amount_not_chargeable"),
    ],
)
def test_what_is_not_on_sale_or_cannot_be_charged_has_no_price(quantity: int, tiers: list[Tier], code: str) -> None:
    with pytest.raises(errors.Conflict) as caught:
        session_prices.quote(quantity, tiers)
    assert caught.value.code == code
