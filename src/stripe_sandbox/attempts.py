"""Tries to take the money of a payment intent with a payment method, and writes down whatever comes of it.

Cards succeed, are declined, or ask for 3-D Secure first; debits go under way and settle later. Every outcome leaves a
charge, the intent's new state and Stripe's events, in Stripe's usual order. Called by the hosted page, by the API's
confirm, by invoices, and by `settlements` when a debit's answer comes.
"""

import dataclasses
from typing import Final

from stripe_sandbox import banks, cards, errors, intents
from stripe_sandbox.nouns import charges, mandates, support
from stripe_sandbox.store import Body
from stripe_sandbox.work import Work

NETWORK_CODES: Final = {"insufficient_funds": "51", "lost_card": "41", "stolen_card": "43", "generic_decline": "01"}
ADVICE_CODES: Final = {"try_again_later": "02", "do_not_try_again": "03", "confirm_card_data": "01"}
AUTHENTICATED: Final[Body] = {
    "authentication_flow": "challenge",
    "electronic_commerce_indicator": "05",
    "exemption_indicator": None,
    "result": "authenticated",
    "result_reason": None,
    "transaction_id": "00000000-0000-4000-8000-000000000000",
    "version": "2.2.0",
}


@dataclasses.dataclass(frozen=True)
class Terms:
    """How an attempt is made."""

    is_off_session: bool = False
    return_url: str | None = None
    refuses_action: bool = False
    """Turn a needed 3-D Secure into an error instead of waiting for the buyer."""
    is_authenticated: bool = False


def confirm(work: Work, intent: Body, method: Body, terms: Terms) -> Body:
    """Attempt the payment; returns the intent, or raises the decline after writing it down."""
    if method["type"] not in intent["payment_method_types"]:
        message = f"This payment cannot be made with a payment method of type {method['type']}."
        raise errors.invalid(message, param="payment_method")
    intent = work.change(intent, {"payment_method": method["id"], "last_payment_error": None, "next_action": None})
    if method["type"] == "card":
        return _confirm_card(work, intent, method, terms)
    if method["type"] == "customer_balance":
        return _transfer(work, intent, method)
    return _debit(work, intent, method)


def authenticate(work: Work, intent: Body, *, passed: bool) -> Body:
    """Go on after the buyer completed or failed 3-D Secure."""
    method = work.get("payment_method", intent["payment_method"])
    if passed:
        work.hide(method["id"], is_set_up=True)
        return confirm(work, intent, method, Terms(is_authenticated=True))
    code = "payment_intent_authentication_failure"
    error = intents.error(method, code, None, cards.MESSAGES[code], kind="invalid_request_error")
    changes = {**_unpaid(error), "latest_charge": intent["latest_charge"]}
    return work.change(intent, changes, "payment_intent.payment_failed")


def settle(work: Work, intent: Body, failure: str | None) -> Body:
    """Write down the bank's answer to a debit that is under way."""
    charge = work.get("charge", intent["latest_charge"])
    method = work.get("payment_method", charge["payment_method"])
    if failure is None:
        work.change(charge, charges.pay(work, charge), "charge.succeeded")
        _follow(work, charge["id"], method)
        changes = {"status": "succeeded", "amount_received": intent["amount"], "processing": None}
        return work.change(intent, changes, "payment_intent.succeeded")
    message = banks.FAILURES.get(failure, failure)
    work.change(
        charge,
        {"status": "failed", "paid": False, "failure_code": failure, "failure_message": message},
        "charge.failed",
    )
    if failure == "debit_not_authorized":
        mandates.end(work, method["id"])
    error = intents.error(method, failure, None, message, charge_id=charge["id"], kind="invalid_request_error")
    return work.change(intent, {**_unpaid(error), "processing": None}, "payment_intent.payment_failed")


def _confirm_card(work: Work, intent: Body, method: Body, terms: Terms) -> Body:
    known = work.hidden(method["id"])
    card = cards.BY_NUMBER[known["card"]]
    if not terms.is_authenticated and needs_authentication(card, known, terms):
        if terms.is_off_session or terms.refuses_action:
            return _decline(work, intent, method, card, "authentication_required", "authentication_required")
        return _ask(work, intent, terms)
    decline = None if _is_cvc_untold(card, method) else card.decline
    if decline:
        return _decline(work, intent, method, card, decline, card.decline_code)
    return _succeed(work, intent, method, card, is_authenticated=terms.is_authenticated)


def needs_authentication(card: cards.Card, known: Body, terms: Terms) -> bool:
    """Tell whether the bank asks its customer first; `known` is what is kept of the payment method."""
    if card.authentication == "always":
        return True
    if card.authentication == "first":
        return not (terms.is_off_session and known.get("is_set_up"))
    return card.authentication == "set_up" and not terms.is_off_session


def _is_cvc_untold(card: cards.Card, method: Body) -> bool:
    """Tell whether a card that fails for its security code was typed without one: then nothing is checked."""
    return card.decline == "incorrect_cvc" and method["card"]["checks"]["cvc_check"] is None


def _ask(work: Work, intent: Body, terms: Terms) -> Body:
    url = f"{work.url}/3d-secure/{intent['client_secret']}"
    action: Body = {"redirect_to_url": {"return_url": terms.return_url, "url": url}, "type": "redirect_to_url"}
    changes = {"status": "requires_action", "next_action": action}
    return work.change(intent, changes, "payment_intent.requires_action")


def _succeed(work: Work, intent: Body, method: Body, card: cards.Card, *, is_authenticated: bool) -> Body:
    details = charges.card_details(intent, method, AUTHENTICATED if is_authenticated else None)
    charge = work.add(charges.new(work, intent, method, charges.outcome(card.risk), details))
    return _paid(work, intent, method, charge)


def _paid(work: Work, intent: Body, method: Body, charge: Body) -> Body:
    work.change(charge, charges.pay(work, charge), "charge.succeeded")
    _follow(work, charge["id"], method)
    _save(work, intent, method)
    changes: Body = {
        "status": "succeeded",
        "amount_received": intent["amount"],
        "latest_charge": charge["id"],
        "payment_method": method["id"],
        "next_action": None,
    }
    return work.change(intent, changes, "payment_intent.succeeded")


def _save(work: Work, intent: Body, method: Body) -> None:
    """Attach the method when it is meant for later; else it is spent by this payment."""
    if intent["setup_future_usage"] and intent["customer"]:
        support.attach(work, method["id"], intent["customer"])
        work.hide(method["id"], is_set_up=True)
    elif method["customer"] is None:
        work.hide(method["id"], is_spent=True)


def _follow(work: Work, charge_id: str, method: Body) -> None:
    """Arrange for what a test card or account does after it has paid."""
    known = work.hidden(method["id"])
    card, account = cards.BY_NUMBER.get(known.get("card", "")), banks.BY_NUMBER.get(known.get("account", ""))
    if card and card.warns_of_fraud:
        work.later(work.pace.dispute_opens_s, "warn_of_fraud", charge_id)
    if (card and card.dispute) or (account and account.is_disputed):
        work.later(work.pace.dispute_opens_s, "open_disputes", charge_id)


def _decline(work: Work, intent: Body, method: Body, card: cards.Card, code: str, decline_code: str | None) -> Body:
    """Write the refused charge and raise the decline."""
    message = cards.MESSAGES.get(decline_code or "", cards.MESSAGES.get(code, cards.MESSAGES["card_declined"]))
    judged = charges.outcome(
        card.risk,
        advice_code=card.advice,
        network_advice_code=ADVICE_CODES[card.advice],
        network_decline_code=None if card.is_blocked else NETWORK_CODES.get(decline_code or code, "05"),
        network_status="not_sent_to_network" if card.is_blocked else "declined_by_network",
        reason="highest_risk_level" if card.is_blocked else decline_code or code,
        seller_message="Stripe blocked this payment as too risky." if card.is_blocked else f"The bank answered {code}.",
        type="blocked" if card.is_blocked else "issuer_declined",
    )
    failed = {"paid": False, "status": "failed", "failure_code": code, "failure_message": message}
    failed |= {"amount_captured": 0, "captured": False, "receipt_url": None}
    details = charges.card_details(intent, method, None)
    charge = work.add(charges.new(work, intent, method, judged, details, **failed), "charge.failed")
    error = intents.error(method, code, decline_code, message, charge_id=charge["id"])
    error |= {"advice_code": card.advice, "network_decline_code": judged["network_decline_code"]}
    intent = work.change(intent, {**_unpaid(error), "latest_charge": charge["id"]}, "payment_intent.payment_failed")
    if method["customer"] is None:
        work.hide(method["id"], is_spent=True)
    raise refusal_of(intent)


def refusal_of(intent: Body) -> errors.Refusal:
    """Return the card error of an intent's last attempt."""
    error = {**intent["last_payment_error"], "type": "card_error", "payment_intent": intent}
    return errors.Refusal(402, error, keeps=True)


def _transfer(work: Work, intent: Body, method: Body) -> Body:
    """Take money that has already arrived by bank transfer."""
    charge = work.add(charges.new(work, intent, method, charges.outcome(), {}))
    return _paid(work, intent, method, charge)


def _debit(work: Work, intent: Body, method: Body) -> Body:
    """Send a debit on its way; the bank's answer comes on the sandbox's clock."""
    account = banks.BY_NUMBER[work.hidden(method["id"])["account"]]
    if account.refused:
        error = intents.error(
            method, "payment_method_bank_account_blocked", None, account.refused, kind="invalid_request_error"
        )
        intent = work.change(intent, _unpaid(error), "payment_intent.payment_failed")
        raise refusal_of(intent)
    mandate = mandates.new(work, method)
    details: Body = {
        "expected_debit_date": None,
        "fingerprint": method["bacs_debit"]["fingerprint"],
        "last4": account.last4,
        "mandate": mandate["id"],
        "sort_code": banks.SORT_CODE,
    }
    under_way = {"paid": False, "status": "pending"}
    body = charges.new(work, intent, method, charges.outcome(seller_message="Payment pending."), details, **under_way)
    charge = work.add(body, "charge.pending")
    _save(work, intent, method)
    wait_s = work.pace.debit_delayed_s if account.is_delayed else work.pace.debit_settles_s
    work.later(wait_s, "settle_debit", intent["id"])
    changes = {"status": "processing", "latest_charge": charge["id"], "payment_method": method["id"]}
    return work.change(intent, changes, "payment_intent.processing")


def _unpaid(error: Body) -> Body:
    return {
        "status": "requires_payment_method",
        "last_payment_error": error,
        "payment_method": None,
        "next_action": None,
    }
