"""Payment and setup intents on their own, saved methods, and what a browser with a publishable key may do."""

import httpx2
import pytest

from tests.sandbox.boxes import Answer, Box

MONEY = {"amount": 1000, "currency": "gbp"}
PUBLIC = {"Authorization": "Bearer pk_test_browser"}


def customer(box: Box) -> Answer:
    return box.stripe.v1.customers.create(params={"email": "zoe@x.example"})


def intent(box: Box, **params: object) -> Answer:
    return box.stripe.v1.payment_intents.create(params={**MONEY, **params})


def saved_card(box: Box, customer_id: str, card: str = "pm_card_visa") -> str:
    made = box.stripe.v1.setup_intents.create(
        params={"customer": customer_id, "payment_method": card, "confirm": True, "return_url": "https://x.example"},
    )
    if made.status == "requires_action":
        box.web.post(made.next_action.redirect_to_url.url, data={"outcome": "complete"})
        made = box.stripe.v1.setup_intents.retrieve(made.id)
    assert made.status == "succeeded"
    return made.payment_method


def browser(box: Box, path: str, **fields: str) -> httpx2.Response:
    return box.web.post(f"/v1/{path}", data=fields, headers=PUBLIC)


def test_intent_is_made_confirmed_and_paid(box: Box) -> None:
    made = intent(box, metadata={"order": "1"})
    assert (made.status, made.latest_charge) == ("requires_payment_method", None)
    paid = box.stripe.v1.payment_intents.confirm(made.id, params={"payment_method": "pm_card_visa"})
    assert (paid.status, paid.amount_received) == ("succeeded", 1000)
    charge = box.stripe.v1.charges.retrieve(paid.latest_charge)
    assert charge.metadata.to_dict() == {"order": "1"}
    with pytest.raises(box.errors.InvalidRequestError) as refused:
        box.stripe.v1.payment_intents.confirm(made.id)
    assert refused.value.code == "payment_intent_unexpected_state"
    assert refused.value.error.payment_intent.status == "succeeded"


@pytest.mark.parametrize(
    ("token", "code", "decline_code"),
    [
        ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_visa_chargeDeclinedStolenCard", "card_declined", "stolen_card"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", None),
        ("pm_card_chargeDeclinedProcessingError", "processing_error", None),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", None),
        ("pm_card_radarBlock", "card_declined", "fraudulent"),
    ],
)
def test_declined_token_is_a_card_error_that_carries_its_intent(
    box: Box,
    token: str,
    code: str,
    decline_code: str | None,
) -> None:
    with pytest.raises(box.errors.CardError) as declined:
        intent(box, payment_method=token, confirm=True)
    error = declined.value.error
    assert (declined.value.http_status, declined.value.code) == (402, code)
    assert getattr(error, "decline_code", None) == decline_code
    assert error.payment_intent.status == "requires_payment_method"
    assert error.charge.startswith("ch_")
    assert error.payment_intent.last_payment_error.code == code


def test_declined_intent_can_be_paid_with_another_card(box: Box) -> None:
    made = intent(box)
    with pytest.raises(box.errors.CardError):
        box.stripe.v1.payment_intents.confirm(made.id, params={"payment_method": "pm_card_visa_chargeDeclined"})
    paid = box.stripe.v1.payment_intents.confirm(made.id, params={"payment_method": "pm_card_mastercard"})
    assert (paid.status, paid.last_payment_error) == ("succeeded", None)


def test_3d_secure_sends_the_buyer_on_with_the_outcome_in_the_address(box: Box) -> None:
    params = {"payment_method": "pm_card_authenticationRequired", "return_url": "https://x.example/back?a=1"}
    for outcome, status in (("complete", "succeeded"), ("fail", "failed")):
        waiting = box.stripe.v1.payment_intents.confirm(intent(box).id, params=params)
        assert waiting.status == "requires_action"
        back = box.web.post(waiting.next_action.redirect_to_url.url, data={"outcome": outcome})
        assert back.headers["location"].startswith(f"https://x.example/back?a=1&payment_intent={waiting.id}")
        assert back.headers["location"].endswith(f"redirect_status={status}")


def test_action_can_be_refused_beforehand(box: Box) -> None:
    params = {"payment_method": "pm_card_authenticationRequired", "confirm": True, "error_on_requires_action": True}
    with pytest.raises(box.errors.CardError) as refused:
        intent(box, **params)
    assert refused.value.code == "authentication_required"


def test_saved_card_is_charged_off_session(box: Box) -> None:
    buyer = customer(box)
    method = saved_card(box, buyer.id)
    params = {"customer": buyer.id, "payment_method": method, "off_session": True, "confirm": True}
    automatic = {"automatic_payment_methods": {"enabled": True, "allow_redirects": "never"}}
    assert intent(box, **params, **automatic).status == "succeeded"
    with pytest.raises(box.errors.InvalidRequestError, match="include the Customer"):
        intent(box, payment_method=method, confirm=True)
    with pytest.raises(box.errors.InvalidRequestError, match="off_session"):
        intent(box, customer=buyer.id, off_session=True)


def test_card_that_always_asks_is_refused_off_session(box: Box) -> None:
    buyer = customer(box)
    method = saved_card(box, buyer.id, "pm_card_authenticationRequired")
    with pytest.raises(box.errors.CardError) as refused:
        intent(box, customer=buyer.id, payment_method=method, off_session=True, confirm=True)
    assert refused.value.code == "authentication_required"
    assert refused.value.error.payment_intent.status == "requires_payment_method"
    kept = box.stripe.v1.payment_methods.retrieve(method)
    assert kept.customer == buyer.id


def test_card_that_was_set_up_with_3d_secure_works_off_session(box: Box) -> None:
    buyer = customer(box)
    method = saved_card(box, buyer.id, "pm_card_authenticationRequiredOnSetup")
    params = {"customer": buyer.id, "payment_method": method, "off_session": True, "confirm": True}
    assert intent(box, **params).status == "succeeded"
    assert intent(box, customer=buyer.id, payment_method=method, confirm=True).status == "requires_action"


def test_card_that_was_only_attached_is_refused_off_session(box: Box) -> None:
    buyer = customer(box)
    card = box.stripe.v1.payment_methods.attach(
        "pm_card_authenticationRequiredOnSetup",
        params={"customer": buyer.id},
    )
    with pytest.raises(box.errors.CardError) as refused:
        intent(box, customer=buyer.id, payment_method=card.id, off_session=True, confirm=True)
    assert refused.value.code == "authentication_required"


def test_card_that_attaches_but_never_pays(box: Box) -> None:
    buyer = customer(box)
    method = saved_card(box, buyer.id, "pm_card_chargeCustomerFail")
    with pytest.raises(box.errors.CardError):
        intent(box, customer=buyer.id, payment_method=method, off_session=True, confirm=True)


def test_method_is_attached_made_default_and_detached_for_good(box: Box) -> None:
    buyer = customer(box)
    methods = box.stripe.v1.payment_methods
    card = methods.attach("pm_card_visa", params={"customer": buyer.id})
    with pytest.raises(box.errors.CardError):
        methods.attach("pm_card_visa_chargeDeclined", params={"customer": buyer.id})
    settings = {"invoice_settings": {"default_payment_method": card.id}}
    assert box.stripe.v1.customers.update(buyer.id, params=settings).invoice_settings.default_payment_method == card.id
    assert [one.id for one in box.stripe.v1.customers.payment_methods.list(buyer.id).data] == [card.id]
    assert methods.update(card.id, params={"allow_redisplay": "always"}).allow_redisplay == "always"
    gone = methods.detach(card.id)
    assert gone.customer is None
    assert box.stripe.v1.customers.retrieve(buyer.id).invoice_settings.default_payment_method is None
    for again in (lambda: methods.attach(card.id, params={"customer": buyer.id}), lambda: methods.detach(card.id)):
        with pytest.raises(box.errors.InvalidRequestError):
            again()
    event = box.stripe.v1.events.list(params={"type": "payment_method.detached"}).data[0]
    assert event.data.previous_attributes.to_dict() == {"customer": buyer.id}


def test_method_used_once_without_being_saved_is_spent(box: Box) -> None:
    paid = intent(box, payment_method="pm_card_visa", confirm=True)
    with pytest.raises(box.errors.InvalidRequestError, match="may not be used again"):
        intent(box, payment_method=paid.payment_method, confirm=True)


def test_setup_intent_that_fails_tells_why(box: Box) -> None:
    buyer = customer(box)
    with pytest.raises(box.errors.CardError) as refused:
        box.stripe.v1.setup_intents.create(
            params={"customer": buyer.id, "payment_method": "pm_card_visa_chargeDeclined", "confirm": True},
        )
    failed = refused.value.error.setup_intent
    assert (failed.status, failed.last_setup_error.code) == ("requires_payment_method", "card_declined")
    waiting = box.stripe.v1.setup_intents.create(
        params={"customer": buyer.id, "payment_method": "pm_card_authenticationRequired", "confirm": True},
    )
    box.web.post(waiting.next_action.redirect_to_url.url, data={"outcome": "fail"})
    after = box.stripe.v1.setup_intents.retrieve(waiting.id)
    assert after.last_setup_error.code == "setup_intent_authentication_failure"
    assert box.stripe.v1.setup_intents.cancel(waiting.id).status == "canceled"
    assert [one.id for one in box.stripe.v1.setup_intents.list(params={"customer": buyer.id}).data] == [
        waiting.id,
        failed.id,
    ]


def test_browser_confirms_one_intent_with_its_secret_and_sees_no_metadata(box: Box) -> None:
    made = intent(box, metadata={"private": "yes"})
    card = {"card[number]": "4242424242424242", "card[exp_month]": "12", "card[exp_year]": "2034", "card[cvc]": "123"}
    method = browser(box, "payment_methods", type="card", **card).json()
    assert method["card"]["last4"] == "4242"
    fields = {"payment_method": method["id"], "client_secret": made.client_secret}
    assert browser(box, f"payment_intents/{made.id}/confirm", **{**fields, "client_secret": "wrong"}).status_code == 400
    paid = browser(box, f"payment_intents/{made.id}/confirm", **fields).json()
    assert paid["status"] == "succeeded"
    assert "metadata" not in paid
    shown = box.web.get(f"/v1/payment_intents/{made.id}", params={"client_secret": made.client_secret}, headers=PUBLIC)
    assert shown.json()["status"] == "succeeded"
    assert box.web.get(f"/v1/payment_intents/{made.id}", headers=PUBLIC).status_code == 400


def test_browser_gets_a_decline_without_metadata(box: Box) -> None:
    made = intent(box, metadata={"private": "yes"})
    fields = {"payment_method": "pm_card_visa_chargeDeclined", "client_secret": made.client_secret}
    declined = browser(box, f"payment_intents/{made.id}/confirm", **fields)
    assert declined.status_code == 402
    assert "private" not in declined.text
    setup = box.stripe.v1.setup_intents.create(params={"metadata": {"private": "yes"}})
    fields["client_secret"] = setup.client_secret
    declined = browser(box, f"setup_intents/{setup.id}/confirm", **fields)
    assert (declined.status_code, "private" in declined.text) == (402, False)


def test_server_may_not_send_card_numbers(box: Box) -> None:
    card = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2034, "cvc": "123"}
    with pytest.raises(box.errors.InvalidRequestError, match="secret key"):
        box.stripe.v1.payment_methods.create(params={"type": "card", "card": card})


def test_browser_is_told_of_a_mistyped_card(box: Box) -> None:
    card = {"card[number]": "4242424242424241", "card[exp_month]": "12", "card[exp_year]": "2034"}
    answer = browser(box, "payment_methods", type="card", **card)
    assert (answer.status_code, answer.json()["error"]["code"]) == (402, "incorrect_number")


def test_confirming_at_once_needs_a_payment_method(box: Box) -> None:
    for nouns, params in ((box.stripe.v1.payment_intents, MONEY), (box.stripe.v1.setup_intents, {})):
        with pytest.raises(box.errors.InvalidRequestError) as refused:
            nouns.create(params={**params, "confirm": True})
        assert refused.value.param == "payment_method"
        assert nouns.list().data == []


def test_intent_is_changed_and_cancelled_while_it_is_unpaid(box: Box) -> None:
    made = intent(box)
    changed = box.stripe.v1.payment_intents.update(made.id, params={"amount": 2000, "metadata": {"a": "1"}})
    assert (changed.amount, changed.metadata["a"]) == (2000, "1")
    cancelled = box.stripe.v1.payment_intents.cancel(made.id, params={"cancellation_reason": "abandoned"})
    assert (cancelled.status, cancelled.cancellation_reason) == ("canceled", "abandoned")
    for refused in (box.stripe.v1.payment_intents.cancel, box.stripe.v1.payment_intents.confirm):
        with pytest.raises(box.errors.InvalidRequestError):
            refused(made.id)
    with pytest.raises(box.errors.InvalidRequestError):
        box.stripe.v1.payment_intents.update(made.id, params={"amount": 3000})


def test_intent_of_a_session_belongs_to_its_page(box: Box) -> None:
    session = box.session()
    box.pay(session, "4000000000000002")
    owned = box.again(session).payment_intent
    for call in (box.stripe.v1.payment_intents.cancel, box.stripe.v1.payment_intents.confirm):
        with pytest.raises(box.errors.InvalidRequestError, match="Checkout Session"):
            call(owned)


def test_debit_confirmed_by_token_settles_later(box: Box) -> None:
    under_way = intent(box, payment_method="pm_bacsDebit_success", confirm=True)
    assert under_way.status == "processing"
    charge = box.stripe.v1.charges.retrieve(under_way.latest_charge)
    mandate = box.stripe.v1.mandates.retrieve(charge.payment_method_details.bacs_debit.mandate)
    assert mandate.status == "active"
    answered = box.control(f"debits/{under_way.id}", failure="debit_not_authorized")
    assert answered["status"] == "requires_payment_method"
    assert box.stripe.v1.mandates.retrieve(mandate.id).status == "inactive"


def test_customer_session_opens_a_payment_element(box: Box) -> None:
    buyer = customer(box)
    features = {"payment_method_redisplay": "enabled"}
    made = box.stripe.v1.customer_sessions.create(
        params={"customer": buyer.id, "components": {"payment_element": {"enabled": True, "features": features}}},
    )
    assert made.client_secret.startswith("cuss_secret_")
    assert made.components.payment_element.features.payment_method_redisplay == "enabled"
