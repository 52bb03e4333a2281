"""A visit to the hosted checkout, from the session that is made to the event that tells of its end."""

import pytest

from tests.sandbox.boxes import SECRET, Box


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


@pytest.mark.parametrize(
    ("number", "message"),
    [
        ("4000000000000002", "Your card was declined."),
        ("4000000000009995", "Your card has insufficient funds."),
        ("4000000000000069", "Your card has expired."),
        ("4000000000000127", "security code is incorrect"),
        ("4000000000000119", "processing your card"),
        ("4242424242424241", "card number is incorrect"),
        ("4111111111111111", "test cards only"),
    ],
)
def test_declined_card_shows_the_page_again_with_402_and_the_session_stays_open(
    box: Box, number: str, message: str
) -> None:
    session = box.session()
    declined = box.pay(session, number)
    assert declined.status_code == 402
    assert message in declined.text.replace("&#39;", "'")
    assert "You have not been charged" in declined.text
    assert box.again(session).status == "open"
    assert box.pay(session).status_code == 303
    assert box.again(session).payment_status == "paid"
