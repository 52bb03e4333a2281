"""A visit to the hosted checkout, from the session that is made to the event that tells of its end."""

import html
import re

import httpx2
import pytest

from tests.sandbox.boxes import CARD, SECRET, Box


def said(page: httpx2.Response) -> str:
    """Return the text of a page as a reader sees it."""
    return html.unescape(page.text)


def test_paid_session_redirects_after_its_completion_was_delivered(box: Box) -> None:
    session = box.session()
    assert session.payment_intent is None
    assert session.url == f"{box.url}/c/pay/{session.id}"

    paid = box.pay(session)

    assert paid.status_code == 303
    assert paid.headers["location"] == f"https://shop.example/done?session_id={session.id}"
    assert "checkout.session.completed" in box.inbox.types()
    after = box.again(session)
    assert (after.status, after.payment_status, after.url) == ("complete", "paid", None)
    intent = box.stripe.v1.payment_intents.retrieve(after.payment_intent, params={"expand": ["latest_charge"]})
    assert (intent.status, intent.amount_received) == ("succeeded", 1000)
    assert intent.latest_charge.paid


def test_events_of_a_card_payment_come_in_stripes_usual_order(box: Box) -> None:
    box.pay(box.session())
    box.settle()
    listed = [event.type for event in box.stripe.v1.events.list().data]
    assert listed[::-1] == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.completed",
    ]
    assert sorted(box.inbox.types()) == sorted(listed)


def test_every_delivery_bears_a_signature_that_the_sdk_accepts(box: Box) -> None:
    box.pay(box.session())
    box.settle()
    for one in box.inbox.received:
        event = box.stripe.construct_event(one.body, one.signature, SECRET)
        assert event.api_version == "2026-10-28.endive"


def test_metadata_of_the_session_and_of_the_intent_are_kept_apart(box: Box) -> None:
    session = box.session(
        metadata={"order": "1"},
        client_reference_id="ord_1",
        payment_intent_data={
            "metadata": {"intent": "2"},
            "description": "100 credits",
            "receipt_email": "zoe@x.example",
        },
    )
    box.pay(session)
    after = box.again(session)
    intent = box.stripe.v1.payment_intents.retrieve(after.payment_intent)
    assert after.metadata.to_dict() == {"order": "1"}
    assert after.client_reference_id == "ord_1"
    assert intent.metadata.to_dict() == {"intent": "2"}
    assert (intent.description, intent.receipt_email) == ("100 credits", "zoe@x.example")


@pytest.mark.parametrize(
    ("number", "message"),
    [
        ("4000000000000002", "Your card was declined."),
        ("4000000000009995", "Your card has insufficient funds."),
        ("4000000000000069", "Your card has expired."),
        ("4000000000000127", "security code is incorrect"),
        ("4000000000000119", "processing your card"),
        ("4100000000000019", "Your card was declined."),
        ("4242424242424241", "card number is incorrect"),
        ("4111111111111111", "test cards only"),
        ("", "card number is incorrect"),
    ],
)
def test_declined_card_shows_the_page_again_with_402_and_the_session_stays_open(
    box: Box,
    number: str,
    message: str,
) -> None:
    session = box.session()
    declined = box.pay(session, number)
    assert declined.status_code == 402
    assert message in said(declined)
    assert "You have not been charged" in declined.text
    assert 'value="123"' not in declined.text
    assert box.again(session).status == "open"
    assert box.pay(session).status_code == 303
    assert box.again(session).payment_status == "paid"


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ({"exp_month": "13"}, "expiration month is invalid"),
        ({"exp_month": ""}, "expiration month is invalid"),
        ({"exp_year": "2020"}, "expiration year is invalid"),
        ({"exp_year": "abc"}, "expiration year is invalid"),
        ({"cvc": "12"}, "security code is invalid"),
        ({"cvc": ""}, "security code is invalid"),
        ({"card_number": "378282246310005"}, "security code is invalid"),
    ],
)
def test_mistyped_card_is_refused_before_anything_is_made(box: Box, typed: dict[str, str], message: str) -> None:
    session = box.session()
    refused = box.web.post(session.url, data={"card_number": "4242424242424242", **CARD, **typed})
    assert refused.status_code == 402
    assert message in said(refused)
    assert box.again(session).payment_intent is None


def test_two_digit_years_and_grouped_numbers_are_read(box: Box) -> None:
    session = box.session()
    assert box.pay(session, "3782 822463 10005", exp_year="34", cvc="1234").status_code == 303


def test_declined_attempt_tells_only_of_the_failure_and_the_next_uses_the_same_intent(box: Box) -> None:
    session = box.session()
    box.pay(session, "4000000000009995")
    first = box.again(session).payment_intent
    box.settle()
    assert sorted(box.inbox.types()) == ["charge.failed", "payment_intent.created", "payment_intent.payment_failed"]
    error = box.inbox.events("payment_intent.payment_failed")[0]["data"]["object"]["last_payment_error"]
    assert (error["code"], error["decline_code"], error["type"]) == (
        "card_declined",
        "insufficient_funds",
        "card_error",
    )
    box.pay(session)
    assert box.again(session).payment_intent == first
    charges = box.stripe.v1.charges.list(params={"payment_intent": first}).data
    assert [charge.status for charge in charges] == ["succeeded", "failed"]


def secure_page(box: Box, session: object) -> str:
    redirect = box.pay(session, "4000002760003184")
    assert redirect.status_code == 303
    address = redirect.headers["location"]
    assert address.startswith(f"{box.url}/3d-secure/pi_")
    assert "Complete" in box.web.get(address).text
    return address


def test_completed_3d_secure_pays_the_session(box: Box) -> None:
    session = box.session()
    address = secure_page(box, session)
    intent = box.stripe.v1.payment_intents.retrieve(box.again(session).payment_intent)
    assert (intent.status, intent.next_action.type) == ("requires_action", "redirect_to_url")
    done = box.web.post(address, data={"outcome": "complete"})
    assert (done.status_code, done.headers["location"]) == (303, f"https://shop.example/done?session_id={session.id}")
    assert box.again(session).payment_status == "paid"
    assert box.web.post(address, data={"outcome": "complete"}).status_code == 409


def test_failed_3d_secure_leads_back_to_the_page_with_its_reason(box: Box) -> None:
    session = box.session()
    back = box.web.post(secure_page(box, session), data={"outcome": "fail"})
    assert (back.status_code, back.headers["location"]) == (303, session.url)
    assert "unable to authenticate" in box.web.get(session.url).text
    assert box.again(session).status == "open"


def test_3d_secure_can_be_passed_and_the_card_still_be_declined(box: Box) -> None:
    session = box.session()
    address = box.pay(session, "4000008260003178").headers["location"]
    assert box.web.post(address, data={"outcome": "complete"}).headers["location"] == session.url
    assert "insufficient funds" in box.web.get(session.url).text


def test_bank_debit_completes_unpaid_and_is_paid_when_the_bank_answers(box: Box) -> None:
    session = box.session()
    assert box.debit(session, "00012345").status_code == 303
    unpaid = box.again(session)
    assert (unpaid.status, unpaid.payment_status) == ("complete", "unpaid")
    intent = box.stripe.v1.payment_intents.retrieve(unpaid.payment_intent)
    assert intent.status == "processing"
    assert intent.latest_charge.startswith("py_")

    box.control("clock", advance_s=61)
    box.settle()

    assert box.again(session).payment_status == "paid"
    assert box.inbox.types()[-1] == "checkout.session.async_payment_succeeded" or (
        "checkout.session.async_payment_succeeded" in box.inbox.types()
    )


@pytest.mark.parametrize(
    ("account", "code"), [("22222227", "insufficient_funds"), ("33333335", "debit_not_authorized")]
)
def test_refused_debit_leaves_the_session_complete_and_unpaid(box: Box, account: str, code: str) -> None:
    session = box.session()
    box.debit(session, account)
    box.control("clock", advance_s=61)
    box.settle()
    after = box.again(session)
    assert (after.status, after.payment_status) == ("complete", "unpaid")
    failed = box.inbox.events("checkout.session.async_payment_failed", "payment_intent.payment_failed")
    assert len(failed) == 2
    intent = box.stripe.v1.payment_intents.retrieve(after.payment_intent)
    assert (intent.status, intent.last_payment_error.code) == ("requires_payment_method", code)


def test_delayed_debit_waits_three_minutes_of_the_sandboxes_clock(box: Box) -> None:
    session = box.session()
    box.debit(session, "90012345")
    box.control("clock", advance_s=170)
    assert box.again(session).payment_status == "unpaid"
    box.control("clock", advance_s=11)
    assert box.again(session).payment_status == "paid"


def test_account_whose_mandate_is_refused_is_declined_at_once(box: Box) -> None:
    session = box.session()
    refused = box.debit(session, "00033333")
    assert refused.status_code == 402
    assert "refused the mandate" in refused.text
    assert box.again(session).status == "open"


def test_session_that_takes_cards_only_takes_no_debit(box: Box) -> None:
    session = box.session(allowed_payment_method_types=["card", "link"])
    assert session.payment_method_types == ["card", "link"]
    assert "Bank debit" not in box.web.get(session.url).text
    assert box.debit(session, "00012345").status_code == 402


def test_session_left_alone_expires_after_a_day_of_the_sandboxes_clock(box: Box) -> None:
    session = box.session()
    assert session.expires_at == session.created + 24 * 3600
    box.control("clock", advance_s=25 * 3600)
    box.settle()
    expired = box.again(session)
    assert (expired.status, expired.payment_intent, expired.url) == ("expired", None, None)
    event = box.inbox.events("checkout.session.expired")[0]
    assert event["created"] == session.expires_at
    page = box.pay(session)
    assert page.status_code == 409
    assert "expired" in page.text


def test_paid_session_never_expires_and_is_paid_only_once(box: Box) -> None:
    session = box.session()
    box.pay(session)
    again = box.pay(session)
    assert again.status_code == 409
    assert "already paid" in again.text
    assert f"session_id={session.id}" in again.text
    box.control("clock", advance_s=25 * 3600)
    assert box.again(session).status == "complete"
    assert box.inbox.events("checkout.session.expired") == []
    assert len(box.stripe.v1.payment_intents.list().data) == 1


def test_session_of_nothing_completes_without_a_payment(box: Box) -> None:
    price = {"currency": "gbp", "unit_amount": 0, "product_data": {"name": "Free"}}
    session = box.session(line_items=[{"quantity": 1, "price_data": price}])
    assert box.web.post(session.url, data={}).status_code == 303
    after = box.again(session)
    assert (after.payment_status, after.payment_intent, after.amount_total) == ("no_payment_required", None, 0)


def test_customer_is_made_only_when_asked_for(box: Box) -> None:
    guest, kept = box.session(customer_email="a@x.example"), box.session(customer_creation="always")
    assert guest.customer_details.email == "a@x.example"
    box.pay(guest)
    box.pay(kept, email="b@x.example", name="Bob")
    assert box.again(guest).customer is None
    made = box.stripe.v1.customers.retrieve(box.again(kept).customer)
    assert (made.email, made.name) == ("b@x.example", "Bob")


def test_setup_for_future_use_saves_the_card_for_the_customer(box: Box) -> None:
    customer = box.stripe.v1.customers.create(params={"email": "zoe@x.example"})
    session = box.session(customer=customer.id, payment_intent_data={"setup_future_usage": "off_session"})
    box.pay(session)
    saved = box.stripe.v1.customers.payment_methods.list(customer.id, params={"type": "card"}).data
    assert [method.card.last4 for method in saved] == ["4242"]
    box.settle()
    assert "payment_method.attached" in box.inbox.types()


def test_page_works_without_scripts_and_carries_no_secret(box: Box) -> None:
    session = box.session()
    page = box.web.get(session.url)
    names = re.findall(r'name="(\w+)"', page.text)
    assert {"card_number", "exp_month", "exp_year", "cvc"} <= set(names)
    assert "Pay £10.00" in page.text
    assert "Sandbox" in page.text
    assert "https://shop.example/back" in page.text
    assert "_secret_" not in page.text
    filled = box.web.get(session.url, params={"card": "4000000000009995"})
    assert 'value="4000 0000 0000 9995"' in filled.text
    assert 'name="account_number"' in box.web.get(session.url, params={"pay": "bank"}).text


def test_unknown_session_page_says_so(box: Box) -> None:
    missing = box.web.get("/c/pay/cs_test_nothing")
    assert missing.status_code == 404
    assert "Nothing is here" in missing.text
    assert box.web.post("/c/pay/cs_test_nothing", data=CARD).status_code == 404


def test_expire_call_ends_an_open_session_and_no_other(box: Box) -> None:
    session = box.session()
    assert box.stripe.v1.checkout.sessions.expire(session.id).status == "expired"
    with pytest.raises(box.errors.InvalidRequestError, match='status of "expired"'):
        box.stripe.v1.checkout.sessions.expire(session.id)


def test_expiry_cancels_the_intent_a_declined_buyer_left_behind(box: Box) -> None:
    session = box.session()
    box.pay(session, "4000000000000002")
    expired = box.stripe.v1.checkout.sessions.expire(session.id)
    intent = box.stripe.v1.payment_intents.retrieve(expired.payment_intent)
    assert (intent.status, intent.cancellation_reason) == ("canceled", "expired")
