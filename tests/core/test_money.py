"""Amounts as Stripe counts them and as people read them (fault 64)."""

import pytest

from topup.core import money


@pytest.mark.parametrize(
    ("price_minor", "currency", "shown", "shown_long"),
    [
        (1000, "gbp", "£10.00", "£10.00 GBP"),
        (1000, "GBP", "£10.00", "£10.00 GBP"),
        (0, "gbp", "£0.00", "£0.00 GBP"),
        (-450, "gbp", "-£4.50", "-£4.50 GBP"),
        (123456789, "eur", "€1,234,567.89", "€1,234,567.89 EUR"),
        (500, "jpy", "JP¥500", "JP¥500 JPY"),
        (5010, "kwd", "KWD5.010", "KWD5.010"),
        (50000, "isk", "ISK500", "ISK500"),
        (50050, "isk", "ISK500.50", "ISK500.50"),
        (17500, "huf", "HUF175.00", "HUF175.00"),
    ],
)
def test_amount_reads_in_the_decimals_stripe_counts(
    price_minor: int, currency: str, shown: str, shown_long: str
) -> None:
    """Fault 64: zero-, two- and three-decimal currencies."""
    assert money.short(price_minor, currency) == shown
    assert money.long(price_minor, currency) == shown_long


@pytest.mark.parametrize(
    ("price_minor", "currency", "is_below"),
    [(29, "gbp", True), (30, "gbp", False), (49, "USD", True), (50, "jpy", False), (0, "xyz", True), (1, "xyz", False)],
)
def test_price_under_stripes_minimum_is_known(price_minor: int, currency: str, *, is_below: bool) -> None:
    """A currency without a listed minimum is left to Stripe, but nothing costs nothing."""
    assert money.is_below_minimum(price_minor, currency) == is_below


def test_major_amount_is_exact_and_never_a_float() -> None:
    """The largest price we take keeps its last penny."""
    assert str(money.major(10_000_001, "gbp")) == "100000.01"
    assert str(money.major(10_000_001, "jpy")) == "10000001"
    assert str(money.major(10_000_010, "bhd")) == "10000.010"


def test_every_currency_with_a_rule_of_its_own_is_one_that_may_be_charged() -> None:
    """Fault 62."""
    ruled = money.ZERO_DECIMAL | money.THREE_DECIMAL | money.WHOLE_UNITS_ONLY | set(money.MINIMUM_MINOR)
    assert ruled - money.CURRENCIES == set()
    assert {len(code) for code in money.CURRENCIES} == {3}


def test_no_currency_stands_in_two_tables() -> None:
    """One currency has one exponent."""
    assert not money.ZERO_DECIMAL & money.THREE_DECIMAL
    assert not money.WHOLE_UNITS_ONLY & (money.ZERO_DECIMAL | money.THREE_DECIMAL)


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [("10", "gbp", 1000), (" £1,000.50 ", "gbp", 100_050), ("500", "jpy", 500), ("1.250", "kwd", 1250)],
)
def test_amounts_are_read_as_people_type_them(text: str, currency: str, minor: int) -> None:
    assert money.typed(text, currency) == minor


@pytest.mark.parametrize(
    "text", ["", "0", "-1", "0.001", "1e3", "1e400", "NaN", "Infinity", "ten", "X10", "10.001", "10 000x", "9" * 40]
)
def test_what_is_no_amount_is_none(text: str) -> None:
    assert money.typed(text, "gbp") == 0


@pytest.mark.parametrize(("currency", "step_minor"), [("gbp", 1), ("jpy", 1), ("KWD", 10), ("isk", 100), ("UGX", 100)])
def test_prices_differ_by_what_can_be_charged(currency: str, step_minor: int) -> None:
    """Fault 64."""
    assert money.step_minor(currency) == step_minor
