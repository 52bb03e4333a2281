"""What can be sold through Stripe at all."""

import pytest

from topup import errors
from topup.core import quotes


@pytest.mark.parametrize(("price_minor", "currency"), [(30, "gbp"), (10_000_000, "gbp"), (50, "jpy"), (1_000, "kwd")])
def test_ordinary_prices_can_be_charged(price_minor: int, currency: str) -> None:
    """From the smallest to the largest."""
    quotes.ensure_chargeable(price_minor, currency)


@pytest.mark.parametrize(
    ("price_minor", "currency", "code"),
    [
        (29, "gbp", "amount_below_minimum"),
        (1_001, "kwd", "amount_not_chargeable"),
        (100_050, "isk", "amount_not_chargeable"),
        (100_000_000, "gbp", "amount_not_chargeable"),
    ],
)
def test_price_that_stripe_would_refuse_is_refused_before_anything_is_written(
    price_minor: int, currency: str, code: str
) -> None:
    """Faults 62 and 64."""
    with pytest.raises(errors.Conflict) as caught:
        quotes.ensure_chargeable(price_minor, currency)
    assert caught.value.code == code


def test_refusal_names_the_price_as_people_read_it() -> None:
    with pytest.raises(errors.Conflict, match=r"£0\.29 GBP"):
        quotes.ensure_chargeable(29, "gbp")
