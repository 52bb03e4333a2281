"""What the pages that take money say, worked out from values alone: offers, tiers, cards, billing details."""

from datetime import UTC, datetime
from typing import Any

import pytest

from topup.core.session_prices import FIRST_LIST, Tier
from topup.db.payment_methods import SavedCard
from topup.db.payments import Payment
from topup.web.api import institutions as bodies
from topup.web.pages import billing_details, card_rows, session_offers, stripe_query

DETAILS = {
    "billing_email": "Money@Hill.example",
    "company": "Hill Schools Ltd",
    "line1": "1 Hill Road",
    "line2": "Floor 2",
    "city": "Leeds",
    "postal_code": "LS1 1AA",
    "country": "GB",
    "tax_kind": "gb_vat",
    "tax_number": "GB123456789",
}


@pytest.mark.parametrize(
    ("quantity", "better"), [(44, None), (45, "the same"), (48, "£18.00 less"), (177, None), (178, "£1.20 less")]
)
def test_more_for_less_is_offered(quantity: int, better: str | None) -> None:
    offer = session_offers.of_quantity(quantity, FIRST_LIST)
    told = offer.better and (f"{offer.better.less} less" if offer.better.less else "the same")
    assert told == better


def test_steps_say_where_they_begin_and_end() -> None:
    tiers = [Tier(1, 600, "gbp"), Tier(2, 590, "gbp"), Tier(1000, 300, "gbp")]
    found = session_offers.steps(tiers, 2)
    assert [(step.words, step.saving, step.is_reached) for step in found] == [
        ("1", "", False),
        ("2 to 999", "1%", True),
        ("1\u202f000+", "50%", False),
    ]


def test_every_field_of_the_form_reaches_the_change_that_the_interface_takes() -> None:
    body, form = billing_details.judge(DETAILS)
    assert body is not None
    assert form.faults == {}
    columns: dict[str, Any] = bodies.columns(body)
    assert columns["tax_id"] == "GB123456789"
    assert {"billing_email", "company", "address_line1", "city", "postal_code", "country", "tax_id_type"} <= set(
        columns
    )


def test_countries_are_those_of_iso_3166() -> None:
    codes = [code for code, _ in billing_details.countries()]
    assert 240 < len(codes) < 255
    assert {"GB", "FR", "JP", "US"} <= set(codes)
    assert not {"EU", "UN", "ZZ", "XA"} & set(codes)


def card(last4: str, year: int, month: int = 12, *, is_default: bool = False, brand: str = "visa") -> SavedCard:
    return SavedCard(f"pm_{last4}", brand, last4, month, year, is_default)


def test_default_comes_first_and_ended_cards_last_and_never_offered() -> None:
    """A card is good until the end of its month."""
    saved = [card("1111", 2026, 10), card("2222", 2030), card("3333", 2026, 11), card("4444", 2020, is_default=True)]
    rows = card_rows.rows(saved, datetime(2026, 11, 30, tzinfo=UTC))
    assert [(row.last4, row.has_ended) for row in rows] == [
        ("2222", False),
        ("3333", False),
        ("4444", True),
        ("1111", True),
    ]
    first = card_rows.first_good(rows)
    assert first is not None
    assert first.name == "Visa ending 2222"
    assert card_rows.first_good(card_rows.rows([card("4444", 2020)], datetime(2026, 1, 1, tzinfo=UTC))) is None


def test_brand_that_nobody_heard_of_is_a_card() -> None:
    [row] = card_rows.rows([card("4242", 2030, brand="moonpay")], datetime(2026, 1, 1, tzinfo=UTC))
    assert row.name == "Card ending 4242"


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ("", ""),
        ("a=1&b=%20", "a=1&b=%20"),
        ("payment_intent=pi_1&payment_intent_client_secret=s&redirect_status=failed", ""),
        ("since=1&setup_intent_client_secret=s&seen=", "since=1&seen="),
    ],
)
def test_what_stripe_added_is_taken_off_and_the_rest_stays(query: str, left: str) -> None:
    assert stripe_query.without(query) == left


def test_a_payment_is_never_shown_by_its_secret() -> None:
    """Nothing that is stored of a purchase could hold one."""
    assert not [name for name in Payment.__slots__ if "secret" in name]
