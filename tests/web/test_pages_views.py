"""What the pages say, worked out from values alone: figures, bars, offers, dates, reasons."""

from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from starlette.requests import Request

from topup.core import ids
from topup.db import packages, statements
from topup.web.pages import balance, figures, forms, frame, offers, reader, statement

NOW = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
SPACE = figures.THIN_SPACE


@pytest.mark.parametrize(
    ("count", "whole", "signed"),
    [
        (0, "0", "0"),
        (999, "999", "+999"),
        (1000, f"1{SPACE}000", f"+1{SPACE}000"),
        (-1234567, f"{figures.MINUS}1{SPACE}234{SPACE}567", f"{figures.MINUS}1{SPACE}234{SPACE}567"),
    ],
)
def test_counts_have_a_thin_space_in_thousands_and_a_true_minus(count: int, whole: str, signed: str) -> None:
    assert (figures.whole(count), figures.signed(count)) == (whole, signed)


@pytest.mark.parametrize(
    ("price_minor", "count", "currency", "each"),
    [
        (1000, 100, "gbp", "£0.10"),
        (4500, 500, "gbp", "£0.09"),
        (1700, 200, "gbp", "£0.085"),
        (1000, 3, "gbp", "£3.3333"),
        (1000, 100, "jpy", "JP¥10"),
        (1500, 1000, "jpy", "JP¥1.5"),
        (10000, 100, "kwd", "KWD0.100"),
    ],
)
def test_what_one_credit_costs_has_as_many_decimals_as_it_takes(
    price_minor: int, count: int, currency: str, each: str
) -> None:
    assert figures.each(price_minor, count, currency) == each


@pytest.mark.parametrize(
    ("price_minor", "count", "percent"),
    [(1000, 100, 0), (4500, 500, 10), (8000, 1000, 20), (4999, 500, 0), (999, 100, 0), (2000, 100, 0)],
)
def test_a_saving_is_never_rounded_up_nor_a_loss(price_minor: int, count: int, percent: int) -> None:
    assert figures.saving_percent(price_minor, count, 1000, 100) == percent


def test_an_empty_account_has_no_bar() -> None:
    assert balance.parts(available=0, expiring_soon=0, held=0, disputed=0) == []


def test_the_bar_is_cut_into_what_is_there_without_gaps() -> None:
    parts = balance.parts(available=480, expiring_soon=80, held=40, disputed=0)
    assert [(part.kind, part.credits) for part in parts] == [("free", 400), ("soon", 80), ("held", 40)]
    assert sum(part.width_percent for part in parts) == pytest.approx(100, abs=0.2)
    assert [part.start_percent for part in parts] == pytest.approx([0, 76.9, 92.3])


def test_one_held_credit_among_a_million_can_still_be_seen() -> None:
    free, held = balance.parts(available=1_000_000, expiring_soon=0, held=1, disputed=0)
    assert held.width_percent > 1
    assert free.width_percent + held.width_percent == pytest.approx(100, abs=0.2)


def package(count: int, price_minor: int, currency: str = "gbp") -> packages.Package:
    return packages.Package(
        ids.new(), f"{count}", None, "credit", count, price_minor, currency, True, None, None, NOW, NOW
    )


@pytest.mark.parametrize(("count", "usual"), [(0, []), (1, []), (2, []), (3, [1]), (4, [2]), (5, [2])])
def test_the_usual_choice_is_in_the_middle_and_only_of_three_or_more(count: int, usual: list[int]) -> None:
    found = offers.of_packages([package(100 * size, 900 * size) for size in range(1, count + 1)])
    assert [index for index, offer in enumerate(found) if offer.is_usual] == usual


def test_currencies_are_not_compared() -> None:
    pounds, yen = offers.of_packages([package(100, 1000), package(500, 500, "jpy")])
    assert (pounds.saving, yen.saving) == ("", "")


def reading(zone: str = "", language: str = "") -> reader.Reader:
    headers = [(b"cookie", f"timezone={zone}".encode()), (b"accept-language", language.encode())]
    return reader.of_request(Request({"type": "http", "headers": headers}))


@pytest.mark.parametrize("zone", ["", "Nowhere/Atall", "../../etc/passwd", "/etc/localtime", "x" * 200, "%00", "UTC\n"])
def test_a_zone_that_is_none_is_utc(zone: str) -> None:
    assert reading(zone).local(NOW).utcoffset() == timedelta()


def test_dates_are_in_the_readers_zone_and_english() -> None:
    assert reading("Asia%2FTokyo").zone == ZoneInfo("Asia/Tokyo")
    assert reading("Asia%2FTokyo").day(NOW) == "23 November 2026"
    assert reading("", "de-DE,en-US;q=0.5").day(NOW) == "November 22, 2026"
    assert reading("", "ja,en-!!;q=0.5,*").day(NOW) == "22 November 2026"


def line(at: datetime, credits_signed: int = -10, kind: str = "USAGE", seq: int = 1) -> statements.Line:
    return statements.Line(
        id=ids.new(),
        account_id=UUID(int=1),
        seq=seq,
        transfer_id=ids.new(),
        credits_signed=credits_signed,
        balance_after=0,
        kind=kind,
        cause_type="test",
        cause_id="1",
        source_id=None,
        description=None,
        metadata=None,
        recorded_at=at,
    )


def test_days_are_the_readers_days() -> None:
    """An hour before midnight in London is tomorrow in Tokyo."""
    found = statement.days([line(NOW), line(NOW - timedelta(hours=10))], [], reader=reading("Asia%2FTokyo"), now=NOW)
    assert [(day.label, len(day.lines)) for day in found] == [("Today", 1), ("Yesterday", 1)]
    found = statement.days([line(NOW), line(NOW - timedelta(hours=10))], [], reader=reading(), now=NOW)
    assert [(day.label, len(day.lines)) for day in found] == [("Today", 2)]


@pytest.mark.parametrize(
    "kind",
    [
        "PURCHASE",
        "WELCOME_BONUS",
        "USAGE",
        "HOLD_CAPTURE",
        "REVERSAL",
        "REFUND",
        "DISPUTE",
        "EXPIRY",
        "ADJUSTMENT",
        "TRANSFER",
        "PROMOTION",
    ],
)
def test_every_kind_of_movement_has_its_reason_in_both_directions(kind: str) -> None:
    for credits_signed in (10, -10):
        ((found,),) = (
            day.lines for day in statement.days([line(NOW, credits_signed, kind)], [], reader=reading(), now=NOW)
        )
        assert found.reason.endswith(".")
        assert found.title == found.kind
        ((of_sessions,),) = (
            day.lines
            for day in statement.days([line(NOW, credits_signed, kind)], [], reader=reading(), now=NOW, unit="session")
        )
        assert "redit" not in of_sessions.title + of_sessions.reason


def test_what_a_line_owes_is_what_its_lots_did_not_give() -> None:
    move = statements.LotMove(1, ids.new(), -30, "PURCHASE", None, None, "Starter Pack", NOW)
    ((found,),) = (day.lines for day in statement.days([line(NOW, -100, "REFUND")], [move], reader=reading(), now=NOW))
    assert found.debt_change == 70
    assert found.lots == (statement.LotPart(30, "Starter Pack", None),)


def test_secrets_are_never_shown_again() -> None:
    assert forms.shown({"email": "a", "password": "b", "otp": "c"}) == {"email": "a"}


@pytest.mark.parametrize("path", ["/account", "/buy/1?x=2", "/payments/return?session_id=cs_1"])
def test_our_own_pages_may_follow_signing_in(path: str) -> None:
    assert frame.safe_next(path) == path
