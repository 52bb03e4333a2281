"""Tries to set up a payment method for later with a setup intent: saved at once, after 3-D Secure, or refused.

The counterpart of `attempts` without money. Called by the API's confirm and, after 3-D Secure, by `settlements`.
"""

from stripe_sandbox import attempts, cards, errors, ids, intents
from stripe_sandbox.nouns import mandates, support
from stripe_sandbox.store import Body
from stripe_sandbox.work import Work


def confirm(work: Work, intent: Body, method: Body, return_url: str | None) -> Body:
    """Attempt the set-up; returns the intent, or raises the decline after writing it down."""
    if method["type"] not in intent["payment_method_types"]:
        message = f"This SetupIntent does not take a payment method of type {method['type']}."
        raise errors.invalid(message, param="payment_method")
    intent = work.change(intent, {"payment_method": method["id"], "last_setup_error": None, "next_action": None})
    known = work.hidden(method["id"])
    card = cards.BY_NUMBER.get(known.get("card", ""))
    if card and attempts.needs_authentication(card, known, attempts.Terms()):
        return _ask(work, intent, return_url)
    return _finish(work, intent, method, card)


def authenticate(work: Work, intent: Body, *, passed: bool) -> Body:
    """Go on after the buyer completed or failed 3-D Secure."""
    method = work.get("payment_method", intent["payment_method"])
    if passed:
        return _finish(work, intent, method, cards.BY_NUMBER.get(work.hidden(method["id"]).get("card", "")))
    code = "setup_intent_authentication_failure"
    error = intents.error(method, code, None, cards.MESSAGES[code], kind="invalid_request_error")
    return _fail(work, intent, method, error)


def _ask(work: Work, intent: Body, return_url: str | None) -> Body:
    url = f"{work.url}/3d-secure/{intent['client_secret']}"
    action: Body = {"redirect_to_url": {"return_url": return_url, "url": url}, "type": "redirect_to_url"}
    changes = {"status": "requires_action", "next_action": action}
    return work.change(intent, changes, "setup_intent.requires_action")


def _finish(work: Work, intent: Body, method: Body, card: cards.Card | None) -> Body:
    if card and card.decline and not card.attachable:
        message = cards.MESSAGES.get(card.decline_code or "", cards.MESSAGES[card.decline])
        error = intents.error(method, card.decline, card.decline_code, message)
        intent = _fail(work, intent, method, error | {"advice_code": card.advice})
        raise errors.Refusal(402, {**intent["last_setup_error"], "setup_intent": intent}, keeps=True)
    if intent["customer"]:
        method = support.attach(work, method["id"], intent["customer"])
    work.hide(method["id"], is_set_up=True)
    mandate = mandates.new(work, method)["id"] if card is None else None
    attempt = _attempt(work, intent, method, None)
    changes: Body = {"status": "succeeded", "next_action": None, "latest_attempt": attempt["id"], "mandate": mandate}
    return work.change(intent, changes, "setup_intent.succeeded")


def _fail(work: Work, intent: Body, method: Body, error: Body) -> Body:
    attempt = _attempt(work, intent, method, error)
    changes: Body = {
        "status": "requires_payment_method",
        "last_setup_error": error,
        "payment_method": None,
        "next_action": None,
        "latest_attempt": attempt["id"],
    }
    return work.change(intent, changes, "setup_intent.setup_failed")


def _attempt(work: Work, intent: Body, method: Body, error: Body | None) -> Body:
    card = method.get("card")
    shown = ("brand", "checks", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4", "wallet")
    details = {name: card[name] for name in shown} | {"network": card["brand"], "three_d_secure": None} if card else {}
    body: Body = {
        "id": ids.sibling(intent["id"], "setatt_"),
        "object": "setup_attempt",
        "application": None,
        "created": work.now,
        "customer": intent["customer"],
        "customer_account": None,
        "flow_directions": None,
        "livemode": False,
        "on_behalf_of": None,
        "payment_method": method["id"],
        "payment_method_details": {method["type"]: details, "type": method["type"]},
        "setup_error": error,
        "setup_intent": intent["id"],
        "status": "failed" if error else "succeeded",
        "usage": intent["usage"],
    }
    return work.add(body)
