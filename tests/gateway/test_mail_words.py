"""What the mails say, and what no name, package or reason can make them say."""

import re
from typing import Any
from uuid import UUID

import pytest

from topup import errors
from topup.core import mails
from topup.gateway import mail, mail_words

BRAND = mail_words.Brand(app_name="Topup", frontend_url="https://shop.example/")
CODE = {"firstName": "Alice", "code": "482913", "expiresMinutes": 10, "purpose": "REGISTER"}
RECEIPT = {
    "firstName": "Alice",
    "packageName": "Starter Pack",
    "credits": 100,
    "unit": "credit",
    "priceMinor": 1000,
    "currency": "gbp",
    "paidAt": "2026-11-22T10:59:32.1+00:00",
    "paymentId": "01a202e9-9974-7821-96e3-6863cc8ede59",
    "reference": "01a202e9-9974-7821-96e3-6863cc8ede59",
}
REVIEW = {
    "paymentId": RECEIPT["paymentId"],
    "reason": "£9.00 was paid, £10.00 was asked.",
    "email": "alice@example.com",
    "priceMinor": 1000,
    "paidMinor": 900,
    "currency": "gbp",
}
ATTENTION = {
    "title": "Two things do not agree",
    "intro": "Stripe and Topup tell different stories.",
    "lines": ["cs_1: paid, and no payment here", "<b>in_2</b>: other sum"],
    "hint": "Run topup reconcile.",
}
EXPIRING = {"firstName": "Alice", "credits": 40, "unit": "credit", "expiresAt": "2026-12-03T23:59:59+00:00"}
INVITATION = {"institutionName": "St. John’s College 2", "role": "STUDENT", "token": "topup_in_abc", "daysValid": 14}
MONEY_BACK = {**RECEIPT, "happened": "disputed", "amountMinor": 400, "takenBack": 12, "held": 34, "debt": 5}
ALL = {
    mails.VERIFICATION_CODE: CODE,
    mails.ALREADY_REGISTERED: {"firstName": "Alice"},
    mails.RECEIPT: RECEIPT,
    mails.PAYMENT_FAILED: RECEIPT,
    mails.REVIEW_ALERT: REVIEW,
    mails.ATTENTION: ATTENTION,
    mails.EXPIRY_REMINDER: EXPIRING,
    mails.INVITATION: INVITATION,
    mails.MONEY_BACK: MONEY_BACK,
    mails.MONEY_BACK_ALERT: MONEY_BACK,
}


def written(kind: str, brand: mail_words.Brand = BRAND, **changes: object) -> mail.Mail:
    return mail_words.write(
        mail_id=UUID(int=1),
        kind=kind,
        recipient="alice@example.com",
        details={**ALL[kind], **changes},
        brand=brand,
    )


def test_every_kind_of_mail_can_be_written() -> None:
    assert set(ALL) == mails.KINDS
    for kind in ALL:
        sent = written(kind)
        assert sent.subject
        assert sent.text.endswith("\n")
        assert "</html>" in sent.html


@pytest.mark.parametrize("purpose", ["REGISTER", "RESET"])
@pytest.mark.parametrize("first_name", ["Alice", "123456", "Agent 654321", "7" * 20])
def test_the_code_is_the_only_six_digit_number_in_the_text(purpose: str, first_name: str) -> None:
    sent = written(mails.VERIFICATION_CODE, purpose=purpose, firstName=first_name)
    assert re.findall(r"\d{6,}", sent.text) == ["482913"]
    assert "482913" in sent.html
    assert "482913" not in sent.subject


@pytest.mark.parametrize("name", ["Alice", "Maria-José de la Cruz", "O'Brien", "أحمد", "美咲", "Zoë", "नेहा"])
def test_people_are_greeted_by_name(name: str) -> None:
    sent = written(mails.RECEIPT, firstName=name)
    assert f"Hello {name}," in sent.text


@pytest.mark.parametrize(
    "name",
    ["", None, "win.example", "https://win.example", "<b>Bold</b>", "x" * 41, "{{ 7 * 7 }}", "Call 0800 123", "a@b"],
)
def test_what_is_no_name_is_left_out(name: str | None) -> None:
    """A code goes to addresses nobody has proved yet, so a stranger must not get a text of his own delivered."""
    sent = written(mails.VERIFICATION_CODE, firstName=name)
    assert "Hello,\n" in sent.text
    assert "<p" in sent.html
    assert not name or name not in sent.text + sent.html


def test_a_receipt_says_what_was_paid_and_what_came_in() -> None:
    sent = written(mails.RECEIPT)
    assert sent.subject == "Payment Successful - 100 Credits Added"
    for said in (
        *("Hello Alice", "+100 Credits Added", "Starter Pack", "£10.00 GBP", "22 November 2026, 10:59 UTC"),
        *(RECEIPT["reference"], "Go to Dashboard"),
    ):
        assert said in sent.text
        assert said in re.sub(r"<bdi>|</bdi>", "", sent.html)
    assert 'href="https://shop.example/account"' in sent.html
    assert "https://shop.example/account\n" in sent.text


def test_an_institutions_receipt_names_it_its_invoice_and_the_way_to_the_pdf() -> None:
    school = {"institutionId": "01a202e9-0000-7821-96e3-6863cc8ede59", "institutionName": "Hill School"}
    sent = written(mails.RECEIPT, unit="session", invoiceNumber="TU-2026-000001", **school)
    home = f"https://shop.example/institutions/{school['institutionId']}"
    for text in (sent.text, re.sub(r"<bdi>|</bdi>", "", sent.html)):
        assert re.search(r"added\s+to\s+the pool of Hill School", text)
        assert "TU-2026-000001" in text
        assert f"{home}/billing" in text
        assert "in your account" not in text
    assert f"Go to Dashboard: {home}\n" in sent.text
    assert "Invoice" not in written(mails.RECEIPT).html
    nameless = written(mails.RECEIPT, unit="session", **{**school, "institutionName": "win.example"}).text
    assert "the pool of your institution" in nameless


@pytest.mark.parametrize(
    ("credits_count", "unit", "counted"),
    [
        (1, "credit", "1 Credit"),
        (1, "session", "1 Session"),
        (1000, "credit", "1000 Credits"),
        (12, "session", "12 Sessions"),
        (100_000, "session", "100\u202f000 Sessions"),
    ],
)
def test_the_unit_is_named_as_it_was_bought(credits_count: int, unit: str, counted: str) -> None:
    sent = written(mails.RECEIPT, credits=credits_count, unit=unit)
    assert sent.subject == f"Payment Successful - {counted} Added"
    assert f"+{counted} Added" in sent.html


def test_a_time_is_told_in_utc_whatever_it_was_written_in() -> None:
    assert "22 November 2026, 08:59 UTC" in written(mails.RECEIPT, paidAt="2026-11-22T10:59:32+02:00").text


def test_a_failed_payment_says_what_it_means_for_the_money() -> None:
    sent = written(mails.PAYMENT_FAILED)
    assert "You have not been charged" in sent.text
    assert "You have not been charged" in sent.html


def test_a_review_alert_names_the_payment_and_both_amounts() -> None:
    sent = written(mails.REVIEW_ALERT)
    for said in (REVIEW["paymentId"], REVIEW["reason"], "£10.00 GBP", "£9.00 GBP", "alice@example.com"):
        assert str(said) in sent.text
    assert "Package" not in sent.text


def test_alerts_about_a_payment_lead_to_its_page_at_the_desk() -> None:
    page = f"https://shop.example/admin/payments/{RECEIPT['paymentId']}"
    for kind in (mails.REVIEW_ALERT, mails.MONEY_BACK_ALERT):
        sent = written(kind)
        assert f"{page}\n" in sent.text
        assert f'href="{page}"' in sent.html
    assert page not in written(mails.MONEY_BACK).text


def test_a_review_alert_warns_of_granting_the_credits_by_hand() -> None:
    sent = written(mails.REVIEW_ALERT)
    for said in (sent.text, sent.html):
        assert "Do not grant credits by hand" in said
        assert "grant the credits as an" not in said


def test_a_reminder_says_how_many_end_and_when() -> None:
    sent = written(mails.EXPIRY_REMINDER)
    assert sent.subject == "40 credits end on 3 December 2026"
    for said in ("Hello Alice", "40 credits", "3 December 2026, 23:59 UTC"):
        assert said in sent.text
        assert said in re.sub(r"<bdi>|</bdi>", "", sent.html)


@pytest.mark.parametrize("kind", [mails.RECEIPT, mails.PAYMENT_FAILED, mails.REVIEW_ALERT])
def test_markup_in_any_detail_is_shown_and_not_obeyed(kind: str) -> None:
    attack = '<img src="https://win.example/x" onerror="alert(1)">'
    sent = written(kind, packageName=attack, reference=attack, reason=attack, email=attack, app_name=attack)
    assert "<img" not in sent.html
    assert "&lt;img" in sent.html


def test_an_app_name_with_markup_is_shown_and_not_obeyed() -> None:
    sent = written(mails.RECEIPT, mail_words.Brand(app_name="<u>A</u> & B", frontend_url="https://shop.example"))
    assert "<u>" not in sent.html
    assert "<u>A</u> & B" in sent.text


def test_a_mail_loads_nothing_from_anywhere() -> None:
    for kind in ALL:
        page = written(kind).html
        assert not re.search(r"<(script|link|img|iframe|form)\b|@import|url\(", page)
        assert re.findall(r'https?://[^"<\s]+', page.replace("https://shop.example", "")) == []


def test_styles_are_inlined_and_the_dark_ones_kept() -> None:
    for kind in ALL:
        page = written(kind).html
        assert '<td class="card" style="' in page
        assert "@media (prefers-color-scheme: dark)" in page
        assert "@media (max-width: 480px)" in page


@pytest.mark.parametrize(
    ("kind", "details"), [("birthday", {}), (mails.RECEIPT, {"firstName": "Alice"}), (mails.VERIFICATION_CODE, {})]
)
def test_a_row_that_cannot_be_worded_is_not_tried_again(kind: str, details: dict[str, Any]) -> None:
    with pytest.raises(errors.GatewayError, match="could not be worded") as caught:
        mail_words.write(mail_id=UUID(int=1), kind=kind, recipient="a@b.example", details=details, brand=BRAND)
    assert not caught.value.is_retryable


def test_an_invitation_names_the_institution_the_place_and_the_link() -> None:
    sent = written(mails.INVITATION)
    assert sent.subject == "St. John’s College 2 invites you to Topup"
    assert "as a student" in sent.text
    assert "https://shop.example/invitation?token=topup_in_abc" in sent.text
    assert "https://shop.example/invitation?token=topup_in_abc" in sent.html
    assert "wait for you" not in written(mails.INVITATION, role="BILLING").text


@pytest.mark.parametrize("name", ["evil.example wins", "see https://evil", "<b>x</b>", "a" * 101, "", "win @evil"])
def test_an_institutions_name_carries_no_link_to_strangers(name: str) -> None:
    """Anybody may make an institution and invite any address (fault 78)."""
    assert written(mails.INVITATION, institutionName=name).subject == "An institution invites you to Topup"


@pytest.mark.parametrize("happened", mails.MONEY_BACK_NEWS)
def test_mail_about_money_back_says_what_happened_and_what_it_means(happened: str) -> None:
    for kind in (mails.MONEY_BACK, mails.MONEY_BACK_ALERT):
        sent = written(kind, happened=happened)
        assert "£4.00" in sent.text
        assert all(figure in sent.text for figure in ("12 credits", "34 credits", "5 credits"))
        assert "{" not in sent.text + sent.subject
    assert "repay" in written(mails.MONEY_BACK, happened=happened).text
    assert "owes" not in written(mails.MONEY_BACK, happened=happened, debt=0).text
