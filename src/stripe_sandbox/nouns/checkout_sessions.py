"""Checkout sessions: what is asked for when one is made, and how it is read, listed, changed and expired.

What happens on its page is `checkout`'s. The line items are kept beside the session and shown only at their own
address or by expansion, as at Stripe.
"""

from typing import Any, Final
from urllib.parse import urlsplit

from stripe.params.checkout import _session_create_params as create_params
from stripe.params.checkout import _session_expire_params as expire_params
from stripe.params.checkout import _session_line_item_list_params as items_params
from stripe.params.checkout import _session_list_params as list_params
from stripe.params.checkout import _session_retrieve_params as retrieve_params
from stripe.params.checkout import _session_update_params as update_params

from stripe_sandbox import checkout, errors, ids, intents, listing, money
from stripe_sandbox.nouns import customers, prices, support
from stripe_sandbox.routing import Call, Route
from stripe_sandbox.store import Body
from stripe_sandbox.work import Work

URL: Final = "/v1/checkout/sessions"

PLAIN: Final = ("billing_address_collection", "locale", "submit_type", "integration_identifier", "origin_context")
SWITCHES: Final = (
    "automatic_tax",
    "invoice_creation",
    "phone_number_collection",
    "tax_id_collection",
    "managed_payments",
)
SUPPORTED: Final = (
    *PLAIN,
    *SWITCHES,
    *("mode", "ui_mode", "line_items", "currency", "metadata", "client_reference_id", "expires_at"),
    *("success_url", "cancel_url", "return_url", "redirect_on_completion"),
    *("customer", "customer_email", "customer_creation", "customer_update"),
    *("payment_intent_data", "payment_method_options", "saved_payment_method_options", "payment_method_collection"),
    *("allowed_payment_method_types", "excluded_payment_method_types"),
    *("adaptive_pricing", "allow_promotion_codes", "discounts", "custom_text"),
)
INTENT_DATA: Final = (
    *("metadata", "description", "receipt_email", "setup_future_usage", "shipping"),
    *("statement_descriptor", "statement_descriptor_suffix"),
)
IN_PAGE: Final = ("embedded_page", "elements")

ITEMS_MAX: Final = 100
REFERENCE_LENGTH_MAX: Final = 200
EXPIRES_S_MIN: Final = 30 * 60
EXPIRES_S_MAX: Final = 24 * 3600


def items_of(work: Work, session: Body) -> list[Body]:
    """Return the line items of a session."""
    return work.hidden(session["id"])["items"]


def _create(call: Call) -> Body:
    given, work = call.params, call.work
    support.only(given, SUPPORTED)
    _check(given)
    customer = customers.living(work, given["customer"]) if "customer" in given else None
    items = _items(work, given)
    currency = items[0]["currency"]
    total_minor = sum(item["amount_total"] for item in items)
    if total_minor:
        money.check_amount(total_minor, currency, None)
    filters = given.get("allowed_payment_method_types"), given.get("excluded_payment_method_types")
    types = intents.method_types(currency, *filters)
    body = _body(work, given, total_minor, currency, types)
    body["customer_details"] = _known_buyer(given, customer)
    session = work.add(
        body,
        items=items,
        buyer={},
        payment_intent_data=given.get("payment_intent_data") or {},
        customer_update=given.get("customer_update") or {},
    )
    work.later(session["expires_at"] - work.moment, "expire_session", session["id"])
    return session


def _check(given: Body) -> None:
    """Refuse combinations that Stripe refuses."""
    if "mode" not in given:
        raise errors.missing_parameter("mode")
    if given["mode"] != "payment":
        raise errors.unsupported(f"mode={given['mode']}")
    if not given.get("line_items"):
        raise errors.missing_parameter("line_items")
    for switch in SWITCHES:
        if (given.get(switch) or {}).get("enabled"):
            raise errors.unsupported(f"{switch}[enabled]")
    if given.get("discounts"):
        if given.get("allow_promotion_codes"):
            message = "You may only specify one of these parameters: allow_promotion_codes, discounts."
            raise errors.invalid(message, param="allow_promotion_codes")
        raise errors.unsupported("discounts")
    if len(given.get("client_reference_id", "")) > REFERENCE_LENGTH_MAX:
        message = f"Invalid string: must be at most {REFERENCE_LENGTH_MAX} characters"
        raise errors.invalid(message, code="string_invalid_length", param="client_reference_id")
    support.only(given.get("payment_intent_data") or {}, INTENT_DATA)
    _check_customer(given)
    _check_addresses(given)


def _check_customer(given: Body) -> None:
    if "customer" in given and "customer_email" in given:
        message = "You may only specify one of these parameters: customer, customer_email."
        raise errors.invalid(message, param="customer")
    if "customer_update" in given and "customer" not in given:
        message = "`customer_update` can only be used with `customer`."
        raise errors.invalid(message, param="customer_update")
    if "customer_creation" in given and "customer" in given:
        message = "`customer_creation` can only be used without `customer`."
        raise errors.invalid(message, param="customer_creation")


def _check_addresses(given: Body) -> None:
    is_in_page = given.get("ui_mode", "hosted_page") in IN_PAGE
    for name in ("success_url", "cancel_url") if is_in_page else ("return_url", "redirect_on_completion"):
        if name in given:
            message = f"`{name}` cannot be used with `ui_mode` {given.get('ui_mode', 'hosted_page')}."
            raise errors.invalid(message, param=name)
    needed = "return_url" if is_in_page else "success_url"
    if needed not in given and given.get("redirect_on_completion") != "never":
        raise errors.missing_parameter(needed)
    for name in ("success_url", "cancel_url", "return_url"):
        parts = urlsplit(given.get(name, "https://example.com"))
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise errors.invalid(f"Not a valid URL: {name} needs a scheme and a host.", code="url_invalid", param=name)


def _items(work: Work, given: Body) -> list[Body]:
    asked = given["line_items"]
    if len(asked) > ITEMS_MAX:
        raise errors.invalid(f"You may have up to {ITEMS_MAX} line items.", param="line_items")
    items = [_item(work, item, f"line_items[{place}]") for place, item in enumerate(asked)]
    currencies = {item["currency"] for item in items} | {given.get("currency", items[0]["currency"]).lower()}
    if len(currencies) > 1:
        raise errors.invalid("All line items must use one currency.", param="line_items")
    return items


def _item(work: Work, asked: Body, param: str) -> Body:
    support.only(asked, ("price", "price_data", "quantity", "metadata"))
    if ("price" in asked) == ("price_data" in asked):
        raise errors.missing_parameter(f"{param}[price]")
    if "price" in asked:
        price = work.get("price", asked["price"], f"{param}[price]")
    else:
        price = prices.new_price(work, asked["price_data"], f"{param}[price_data]")
    quantity = asked.get("quantity")
    if quantity is None:
        raise errors.missing_parameter(f"{param}[quantity]")
    if quantity < 1:
        raise errors.invalid("This value must be greater than or equal to 1.", param=f"{param}[quantity]")
    amount_minor = price["unit_amount"] * quantity
    return {
        "id": ids.new("li_"),
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_subtotal": amount_minor,
        "amount_tax": 0,
        "amount_total": amount_minor,
        "currency": price["currency"],
        "description": work.get("product", price["product"])["name"],
        "metadata": asked.get("metadata") or {},
        "price": price,
        "quantity": quantity,
    }


def _expires_at(work: Work, given: Body) -> int:
    expires_at = given.get("expires_at", work.now + EXPIRES_S_MAX)
    if not work.now + EXPIRES_S_MIN <= expires_at <= work.now + EXPIRES_S_MAX:
        message = "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation."
        raise errors.invalid(message, param="expires_at")
    return expires_at


def _known_buyer(given: Body, customer: Body | None) -> Body | None:
    email = customer["email"] if customer else given.get("customer_email")
    if not customer and not email:
        return None
    names = ("address", "business_name", "individual_name", "name", "phone", "tax_ids")
    return {**dict.fromkeys(names), "email": email, "tax_exempt": "none"}


def _body(work: Work, given: Body, total_minor: int, currency: str, types: list[str]) -> Body:  # one field a line
    session_id = ids.new("cs_test_")
    ui_mode = given.get("ui_mode", "hosted_page")
    is_hosted = ui_mode not in IN_PAGE
    return {
        **{name: given.get(name) for name in PLAIN},
        "id": session_id,
        "object": "checkout.session",
        "adaptive_pricing": {"enabled": (given.get("adaptive_pricing") or {}).get("enabled", False)},
        "after_expiration": None,
        "allow_promotion_codes": given.get("allow_promotion_codes"),
        "allowed_payment_method_types": given.get("allowed_payment_method_types"),
        "amount_subtotal": total_minor,
        "amount_total": total_minor,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "branding_settings": BRANDING,
        "cancel_url": given.get("cancel_url"),
        "client_reference_id": given.get("client_reference_id"),
        "client_secret": None if is_hosted else ids.client_secret(session_id),
        "collected_information": None,
        "consent": None,
        "consent_collection": None,
        "created": work.now,
        "currency": currency,
        "currency_conversion": None,
        "custom_fields": [],
        "custom_text": {**CUSTOM_TEXT, **(given.get("custom_text") or {})},
        "customer": given.get("customer"),
        "customer_account": None,
        "customer_creation": None if "customer" in given else given.get("customer_creation", "if_required"),
        "customer_details": None,
        "customer_email": given.get("customer_email"),
        "discounts": [],
        "expires_at": _expires_at(work, given),
        "invoice": None,
        "invoice_creation": {"enabled": False, "invoice_data": INVOICE_DATA},
        "livemode": False,
        "managed_payments": {"enabled": False},
        "metadata": given.get("metadata") or {},
        "mode": "payment",
        "payment_intent": None,
        "payment_link": None,
        "payment_method_collection": "if_required",
        "payment_method_configuration_details": {"id": ids.METHOD_CONFIGURATION, "parent": None},
        "payment_method_options": {kind: OPTIONS[kind] for kind in types if kind in OPTIONS},
        "payment_method_types": types,
        "payment_status": "unpaid" if total_minor else "no_payment_required",
        "permissions": None,
        "phone_number_collection": {"enabled": False},
        "recovered_from": None,
        "saved_payment_method_options": _saving(given),
        "setup_intent": None,
        "shipping_address_collection": None,
        "shipping_cost": None,
        "shipping_options": [],
        "status": "open",
        "subscription": None,
        "success_url": given.get("success_url"),
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": ui_mode,
        "url": f"{work.url}/c/pay/{session_id}" if is_hosted else None,
        "wallet_options": None,
        **({"return_url": given["return_url"]} if "return_url" in given else {}),
        **({"redirect_on_completion": given.get("redirect_on_completion", "always")} if not is_hosted else {}),
    }


def _saving(given: Body) -> Body | None:
    if "customer" not in given:
        return None
    blank: Body = {
        "allow_redisplay_filters": ["always"],
        "payment_method_remove": "disabled",
        "payment_method_save": None,
    }
    return {**blank, **(given.get("saved_payment_method_options") or {})}


BRANDING: Final[Body] = {
    "background_color": "#ffffff",
    "border_style": "rounded",
    "button_color": "#0b6e6e",
    "display_name": "Offline sandbox",
    "font_family": "default",
    "icon": None,
    "logo": None,
}
OPTIONS: Final[dict[str, Body]] = {"card": {"request_three_d_secure": "automatic"}, "bacs_debit": {}}
CUSTOM_TEXT: Final[dict[str, Any]] = dict.fromkeys(
    ("after_submit", "shipping_address", "submit", "terms_of_service_acceptance"),
)
INVOICE_DATA: Final[Body] = {
    **dict.fromkeys(("account_tax_ids", "custom_fields", "description", "footer", "issuer", "rendering_options")),
    "metadata": {},
}


def _retrieve(call: Call) -> Body:
    return call.work.get("checkout.session", call.id)


def _update(call: Call) -> Body:
    support.only(call.params, ("metadata",))
    session = call.work.get("checkout.session", call.id)
    metadata = support.merged_metadata(session["metadata"], call.params.get("metadata", {}))
    return call.work.change(session, {"metadata": metadata})


def _expire(call: Call) -> Body:
    session = call.work.get("checkout.session", call.id)
    if session["status"] != "open":
        message = (
            f'Only Checkout Sessions with a status in ["open"] can be expired. '
            f'This Checkout Session has a status of "{session["status"]}".'
        )
        raise errors.not_now(message)
    return checkout.expire(call.work, session)


def _list(call: Call) -> Body:
    if "subscription" in call.params:
        return listing.envelope([], URL)
    email = (call.params.get("customer_details") or {}).get("email")
    filters = ("customer", "payment_intent", "status")
    return listing.page(call, "checkout.session", URL, *filters, handled=("customer_details",), email=email)


def _list_items(call: Call) -> Body:
    session = call.work.get("checkout.session", call.id)
    return listing.slice_of(call.params, items_of(call.work, session), f"{URL}/{call.id}/line_items")


def include_items(work: Work, session: Body) -> Body:
    """Return the list that expanding `line_items` puts into a session."""
    return listing.slice_of({}, items_of(work, session), f"{URL}/{session['id']}/line_items")


ROUTES: Final = (
    Route("POST", URL, _create, create_params.SessionCreateParams),
    Route("GET", URL, _list, list_params.SessionListParams),
    Route("GET", URL + "/{id}", _retrieve, retrieve_params.SessionRetrieveParams),
    Route("POST", URL + "/{id}", _update, update_params.SessionUpdateParams),
    Route("POST", URL + "/{id}/expire", _expire, expire_params.SessionExpireParams),
    Route("GET", URL + "/{id}/line_items", _list_items, items_params.SessionLineItemListParams),
)
