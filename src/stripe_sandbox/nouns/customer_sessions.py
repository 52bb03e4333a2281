"""Customer sessions: a browser's short leave to see a customer's saved cards in the payment element.

Made and answered; the stand-in for Stripe.js does not show saved cards yet.
"""

from typing import Final

from stripe.params import _customer_session_create_params as create_params

from stripe_sandbox import ids
from stripe_sandbox.nouns import customers, support
from stripe_sandbox.routing import Call, Route
from stripe_sandbox.store import Body

URL: Final = "/v1/customer_sessions"
LASTS_S: Final = 30 * 60
OFF: Final = ("active_entitlements", "buy_button", "customer_portal", "pricing_table")
PAYMENT_ELEMENT: Final[Body] = {
    "payment_method_allow_redisplay_filters": ["always"],
    "payment_method_redisplay": "disabled",
    "payment_method_redisplay_limit": 3,
    "payment_method_remove": "disabled",
    "payment_method_save": "disabled",
    "payment_method_save_usage": None,
}


def _create(call: Call) -> Body:
    support.only(call.params, ("customer", "components"))
    customer = customers.living(call.work, call.params.get("customer", ""))
    asked = call.params["components"].get("payment_element") or {"enabled": False}
    features = {**PAYMENT_ELEMENT, **(asked.get("features") or {})} if asked["enabled"] else None
    element = {"enabled": asked["enabled"], "features": features}
    other: Body = {"enabled": False, "features": None}
    components = {
        **{name: {"enabled": False} for name in OFF},
        "customer_sheet": other,
        "mobile_payment_element": other,
        "payment_element": element,
    }
    secret = f"cuss_secret_{ids.random_text(48)}"
    body: Body = {
        "object": "customer_session",
        "client_secret": secret,
        "components": components,
        "created": call.work.now,
        "customer": customer["id"],
        "customer_account": None,
        "expires_at": call.work.now + LASTS_S,
        "livemode": False,
    }
    # The object has no id; it is kept under its secret, by which the payment element asks for it.
    call.work.add({**body, "id": secret})
    return body


ROUTES: Final = (Route("POST", URL, _create, create_params.CustomerSessionCreateParams),)
