"""Setup intents by the API: made, read, changed, confirmed and cancelled.

Browsers may read and confirm their own. What an attempt comes to is decided by `setups`.
"""

from typing import Final

from stripe.params import _setup_intent_cancel_params as cancel_params
from stripe.params import _setup_intent_confirm_params as confirm_params
from stripe.params import _setup_intent_create_params as create_params
from stripe.params import _setup_intent_list_params as list_params
from stripe.params import _setup_intent_retrieve_params as retrieve_params
from stripe.params import _setup_intent_update_params as update_params

from stripe_sandbox import errors, ids, intents, listing, setups
from stripe_sandbox.nouns import browsers, customers, payment_methods, support
from stripe_sandbox.routing import Call, Route
from stripe_sandbox.store import Body
from stripe_sandbox.work import Work

URL: Final = "/v1/setup_intents"

FILTERS: Final = ("allowed_payment_method_types", "excluded_payment_method_types")
OFFER: Final = (*FILTERS, "customer", "description", "metadata", "payment_method", "payment_method_data")
ATTEMPT: Final = ("return_url", "use_stripe_sdk", "mandate_data", "payment_method_options")
CREATE: Final = (*OFFER, *ATTEMPT, "confirm", "automatic_payment_methods", "usage")
CONFIRM: Final = (*ATTEMPT, "payment_method", "payment_method_data", "client_secret")
TYPES: Final = ("card", "link", "bacs_debit")
OPTIONS: Final[dict[str, Body]] = {
    "card": {"mandate_options": None, "network": None, "request_three_d_secure": "automatic"},
    "link": {"persistent_token": None},
    "bacs_debit": {},
}


def new(work: Work, given: Body) -> Body:
    """Add a setup intent and tell of it."""
    types = intents.filtered(TYPES, given.get(FILTERS[0]), given.get(FILTERS[1]), "setup intents")
    intent_id = ids.new("seti_")
    body: Body = {
        **{name: given.get(name) for name in (*FILTERS, "customer", "description")},
        "id": intent_id,
        "object": "setup_intent",
        "application": None,
        "attach_to_self": None,
        "automatic_payment_methods": {
            "allow_redirects": "always",
            **(given.get("automatic_payment_methods") or {"enabled": True}),
        },
        "cancellation_reason": None,
        "client_secret": ids.client_secret(intent_id),
        "created": work.now,
        "customer_account": None,
        "flow_directions": None,
        "last_setup_error": None,
        "latest_attempt": None,
        "livemode": False,
        "managed_payments": None,
        "mandate": None,
        "metadata": given.get("metadata") or {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": {"id": ids.METHOD_CONFIGURATION, "parent": None},
        "payment_method_options": {kind: OPTIONS[kind] for kind in types},
        "payment_method_types": types,
        "single_use_mandate": None,
        "status": "requires_payment_method",
        "usage": given.get("usage", "off_session"),
    }
    return work.add(body, "setup_intent.created")


def _create(call: Call) -> Body:
    given, work = call.params, call.work
    support.only(given, CREATE)
    payment_methods.check_named(given)
    if "customer" in given:
        customers.living(work, given["customer"])
    intent = new(work, given)
    method = payment_methods.chosen(work, intent, given)
    if method:
        intent = work.change(intent, {"payment_method": method["id"], "status": "requires_confirmation"})
    return _attempt(work, intent, given) if given.get("confirm") else intent


def _attempt(work: Work, intent: Body, given: Body) -> Body:
    method = work.find(intent["payment_method"])
    if method is None:
        message = "You cannot confirm this SetupIntent because it's missing a payment method."
        raise errors.not_now(message, code="setup_intent_unexpected_state")
    return setups.confirm(work, intent, method, given.get("return_url"))


def _retrieve(call: Call) -> Body:
    return browsers.shown(call, browsers.asked_for(call, "setup_intent"))


def _confirm(call: Call) -> Body:
    support.only(call.params, CONFIRM)
    intent, work = browsers.asked_for(call, "setup_intent"), call.work
    intents.check_confirmable(intent)
    method = payment_methods.chosen(work, intent, call.params)
    if method:
        intent = work.change(intent, {"payment_method": method["id"]})
    with browsers.discretion(call, "setup_intent"):
        return browsers.shown(call, _attempt(work, intent, call.params))


def _update(call: Call) -> Body:
    given, work = call.params, call.work
    support.only(given, OFFER)
    intent = work.get("setup_intent", call.id)
    intents.check_confirmable(intent)
    changes: Body = {}
    if "description" in given:
        changes["description"] = given["description"]
    if "metadata" in given:
        changes["metadata"] = support.merged_metadata(intent["metadata"], given["metadata"])
    if "customer" in given:
        changes["customer"] = customers.living(work, given["customer"])["id"]
    method = payment_methods.chosen(work, {**intent, **changes}, given)
    if method:
        changes |= {"payment_method": method["id"], "status": "requires_confirmation", "last_setup_error": None}
    return work.change(intent, changes)


def _cancel(call: Call) -> Body:
    intent = call.work.get("setup_intent", call.id)
    intents.check_confirmable(intent)
    reason = call.params.get("cancellation_reason")
    changes: Body = {"status": "canceled", "cancellation_reason": reason, "next_action": None}
    return call.work.change(intent, changes, "setup_intent.canceled")


def _list(call: Call) -> Body:
    return listing.page(call, "setup_intent", URL, "customer")


ROUTES: Final = (
    Route("POST", URL, _create, create_params.SetupIntentCreateParams),
    Route("GET", URL, _list, list_params.SetupIntentListParams),
    Route("GET", URL + "/{id}", _retrieve, retrieve_params.SetupIntentRetrieveParams, publishable=True),
    Route("POST", URL + "/{id}", _update, update_params.SetupIntentUpdateParams),
    Route("POST", URL + "/{id}/confirm", _confirm, confirm_params.SetupIntentConfirmParams, publishable=True),
    Route("POST", URL + "/{id}/cancel", _cancel, cancel_params.SetupIntentCancelParams),
)
