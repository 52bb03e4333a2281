"""Which open checkout may be handed out again."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from topup.core import checkouts, quotes

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
QUOTE = quotes.Quote(UUID(int=1), "Starter Pack", "credit", 100, 1000, "gbp", None, 14)
OPEN = checkouts.OpenCheckout(QUOTE, is_live=False, expires_at=NOW + timedelta(hours=20))


def test_same_offer_with_time_to_pay_is_usable() -> None:
    assert checkouts.is_usable(OPEN, QUOTE, is_live=False, now=NOW)
    not_yet_at_stripe = replace(OPEN, expires_at=None)
    assert checkouts.is_usable(not_yet_at_stripe, QUOTE, is_live=False, now=NOW)


@pytest.mark.parametrize(
    "changed",
    [
        {"package_name": "Small Pack"},
        {"credits": 90},
        {"price_minor": 1200},
        {"currency": "eur"},
        {"valid_days": 30},
        {"refund_days": None},
    ],
)
def test_any_change_of_the_offer_makes_it_unusable(changed: dict[str, Any]) -> None:
    """Fault 58."""
    assert not checkouts.is_usable(OPEN, replace(QUOTE, **changed), is_live=False, now=NOW)


@pytest.mark.parametrize(("minutes_left", "is_usable"), [(5, True), (4, False), (0, False), (-60, False)])
def test_too_little_time_to_pay_makes_it_unusable(minutes_left: int, *, is_usable: bool) -> None:
    ending = replace(OPEN, expires_at=NOW + timedelta(minutes=minutes_left))
    assert checkouts.is_usable(ending, QUOTE, is_live=False, now=NOW) == is_usable


def test_checkout_of_another_mode_is_unusable() -> None:
    """Fault 13."""
    assert not checkouts.is_usable(OPEN, QUOTE, is_live=True, now=NOW)


def test_key_is_trusted_for_an_hour_less_than_stripe_keeps_it() -> None:
    """Fault 32."""
    assert checkouts.is_key_remembered(NOW - timedelta(hours=22, minutes=59), NOW)
    assert not checkouts.is_key_remembered(NOW - timedelta(hours=23), NOW)
