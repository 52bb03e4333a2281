"""Payment intents by the API: made, read, changed, confirmed and cancelled.

With a publishable key a browser may read and confirm one intent, with its client secret and no more. The intent of a
checkout session can be read but not confirmed, changed or cancelled by its owner.
"""

from typing import Final

from stripe.params import _payment_intent_cancel_params as cancel_params
from stripe.params import _payment_intent_confirm_params as confirm_params
from stripe.params import _payment_intent_create_params as create_params
from stripe.params import _payment_intent_list_params as list_params
from stripe.params import _payment_intent_retrieve_params as retrieve_params
from stripe.params import _payment_intent_update_params as update_params

from stripe_sandbox import attempts, errors, intents, listing, money, settlements
from stripe_sandbox.nouns import browsers, customers, payment_methods, support
from stripe_sandbox.routing import Call, Route
from stripe_sandbox.store import Body
from stripe_sandbox.work import Work

URL: Final = "/v1/payment_intents"

FILTERS: Final = ("allowed_payment_method_types", "excluded_payment_method_types")
PLAIN: Final = (
    *("description", "receipt_email", "setup_future_usage", "shipping"),
    *("statement_descriptor", "statement_descriptor_suffix"),
)
OFFER: Final = (*PLAIN, *FILTERS, "amount", "currency", "customer", "metadata", "payment_method", "payment_method_data")
ATTEMPT: Final = ("off_session", "return_url", "error_on_requires_action", "use_stripe_sdk", "mandate_data", "mandate")
CREATE: Final = (
    *(*OFFER, *ATTEMPT),
    *("confirm", "automatic_payment_methods", "payment_method_options", "capture_method", "confirmation_method"),
)
CONFIRM: Final = (
    *ATTEMPT,
    *("payment_method", "payment_method_data", "receipt_email", "setup_future_usage", "shipping", "client_secret"),
    *("payment_method_options",),
)
CANCELABLE: Final = (*intents.CONFIRMABLE, "requires_capture")


def _create(call: Call) -> Body:
    given, work = call.params, call.work
    support.only(given, CREATE)
    if given.get("capture_method") == "manual":
        raise errors.unsupported("capture_method=manual")
    currency = money.check_currency(given["currency"])
    money.check_amount(given["amount"], currency, "amount")
    if given.get("off_session") and not given.get("confirm"):
        message = "You can only set `off_session` when `confirm` is true."
        raise errors.invalid(message, param="off_session")
    payment_methods.check_named(given)
    if "customer" in given:
        customers.living(work, given["customer"])
    types = intents.method_types(currency, *(given.get(name) for name in FILTERS))
    more: Body = {name: given.get(name) for name in (*PLAIN, *FILTERS, "customer")}
    automatic = {"allow_redirects": "always", **(given.get("automatic_payment_methods") or {"enabled": True})}
    body = intents.new(work, given["amount"], currency, types, **more, automatic_payment_methods=automatic)
    body["metadata"] = given.get("metadata") or {}
    intent = work.add(body, "payment_intent.created")
    method = payment_methods.chosen(work, intent, given)
    if method:
        changes = {"payment_method": method["id"], "status": "requires_confirmation"}
        intent = work.change(intent, changes)
    return _attempt(work, intent, given) if given.get("confirm") else intent


def _attempt(work: Work, intent: Body, given: Body) -> Body:
    method = work.find(intent["payment_method"])
    if method is None:
        message = (
            "You cannot confirm this PaymentIntent because it's missing a payment method. "
            "Update the PaymentIntent with a payment method and then confirm it again."
        )
        raise errors.not_now(message, code="payment_intent_unexpected_state")
    terms = attempts.Terms(
        is_off_session=bool(given.get("off_session")),
        return_url=given.get("return_url"),
        refuses_action=bool(given.get("error_on_requires_action")),
    )
    return settlements.confirm(work, intent, method, terms)


def _retrieve(call: Call) -> Body:
    return browsers.shown(call, browsers.asked_for(call, "payment_intent"))


def _confirm(call: Call) -> Body:
    support.only(call.params, CONFIRM)
    intent = _own(call, browsers.asked_for(call, "payment_intent"), "confirm")
    intents.check_confirmable(intent)
    given, work = call.params, call.work
    changes: Body = {name: given[name] or None for name in ("receipt_email", "setup_future_usage") if name in given}
    method = payment_methods.chosen(work, intent, given)
    if method:
        changes["payment_method"] = method["id"]
    intent = work.change(intent, changes)
    with browsers.discretion(call, "payment_intent"):
        return browsers.shown(call, _attempt(work, intent, given))


def _update(call: Call) -> Body:
    given, work = call.params, call.work
    support.only(given, OFFER)
    intent = _own(call, work.get("payment_intent", call.id), "update")
    if intent["status"] not in intents.CONFIRMABLE and given.keys() - {"metadata", "description", "receipt_email"}:
        message = f"This PaymentIntent could not be updated because it has a status of {intent['status']}."
        raise errors.not_now(message, code="payment_intent_unexpected_state")
    changes: Body = {name: given[name] or None for name in PLAIN if name in given}
    currency = money.check_currency(given.get("currency", intent["currency"]))
    if "amount" in given or "currency" in given:
        amount_minor = given.get("amount", intent["amount"])
        money.check_amount(amount_minor, currency, "amount")
        changes |= {"amount": amount_minor, "currency": currency}
    if "customer" in given:
        changes["customer"] = customers.living(work, given["customer"])["id"]
    if "metadata" in given:
        changes["metadata"] = support.merged_metadata(intent["metadata"], given["metadata"])
    method = payment_methods.chosen(work, {**intent, **changes}, given)
    if method:
        changes |= {"payment_method": method["id"], "status": "requires_confirmation", "last_payment_error": None}
    return work.change(intent, changes)


def _own(call: Call, intent: Body, verb: str) -> Body:
    known = call.work.hidden(intent["id"])
    owner = "a Checkout Session" if known.get("session") else "an Invoice" if known.get("invoice") else None
    # An invoice's buyer confirms its intent in the browser; nothing else may touch it.
    if owner and (verb != "confirm" or known.get("session")):
        message = f"You cannot {verb} this PaymentIntent because it was created by {owner}."
        raise errors.not_now(message, code="payment_intent_unexpected_state")
    return intent


def _cancel(call: Call) -> Body:
    intent = _own(call, call.work.get("payment_intent", call.id), "cancel")
    if intent["status"] not in CANCELABLE:
        message = f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}."
        raise errors.not_now(message, code="payment_intent_unexpected_state")
    return cancel(call.work, intent, call.params.get("cancellation_reason"))


def cancel(work: Work, intent: Body, reason: str | None) -> Body:
    """End an intent that is not paid."""
    changes: Body = {
        "status": "canceled",
        "canceled_at": work.now,
        "cancellation_reason": reason,
        "next_action": None,
    }
    return work.change(intent, changes, "payment_intent.canceled")


def _list(call: Call) -> Body:
    return listing.page(call, "payment_intent", URL, "customer")


ROUTES: Final = (
    Route("POST", URL, _create, create_params.PaymentIntentCreateParams),
    Route("GET", URL, _list, list_params.PaymentIntentListParams),
    Route("GET", URL + "/{id}", _retrieve, retrieve_params.PaymentIntentRetrieveParams, publishable=True),
    Route("POST", URL + "/{id}", _update, update_params.PaymentIntentUpdateParams),
    Route("POST", URL + "/{id}/confirm", _confirm, confirm_params.PaymentIntentConfirmParams, publishable=True),
    Route("POST", URL + "/{id}/cancel", _cancel, cancel_params.PaymentIntentCancelParams),
)
