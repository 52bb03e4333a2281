"""The shape of a payment intent, and which payment methods it may be paid with.

Made by the API, by a checkout session when its buyer confirms, and by an invoice when it is finalized.
"""

from collections.abc import Sequence
from typing import Final

from stripe_sandbox import errors, ids
from stripe_sandbox.store import Body
from stripe_sandbox.work import Work

BY_CURRENCY: Final = {"gbp": ("bacs_debit",)}
EVERYWHERE: Final = ("card", "link")

OPTIONS: Final[dict[str, Body]] = {
    "card": {"installments": None, "mandate_options": None, "network": None, "request_three_d_secure": "automatic"},
    "link": {"persistent_token": None},
    "bacs_debit": {},
    "customer_balance": {},
}

CONFIRMABLE: Final = ("requires_payment_method", "requires_confirmation", "requires_action")


def method_types(currency: str, allowed: list[str] | None, excluded: list[str] | None) -> list[str]:
    """Return the payment methods offered: the sandbox's own for this currency, filtered as asked."""
    return filtered((*EVERYWHERE, *BY_CURRENCY.get(currency, ())), allowed, excluded, currency.upper())


def filtered(offered: Sequence[str], allowed: list[str] | None, excluded: list[str] | None, what: str) -> list[str]:
    """Return what is left of the payment methods offered; none is an error."""
    if allowed and excluded:
        message = "You may only specify one of: allowed_payment_method_types, excluded_payment_method_types."
        raise errors.invalid(message, param="excluded_payment_method_types")
    left = [kind for kind in offered if (not allowed or kind in allowed) and kind not in (excluded or ())]
    if not left:
        message = f"None of the payment methods left by your filters can be used with {what}."
        param = "allowed_payment_method_types" if allowed else "excluded_payment_method_types"
        raise errors.invalid(message, param=param)
    return left


def new(work: Work, amount_minor: int, currency: str, types: list[str], **more: object) -> Body:
    """Return the body of an intent that nobody has paid yet; the caller adds it."""
    intent_id = ids.new("pi_")
    return {
        "id": intent_id,
        "object": "payment_intent",
        "allowed_payment_method_types": None,
        "amount": amount_minor,
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": None,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic_async",
        "client_secret": ids.client_secret(intent_id),
        "confirmation_method": "automatic",
        "created": work.now,
        "currency": currency,
        "customer": None,
        "customer_account": None,
        "description": None,
        "excluded_payment_method_types": None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "managed_payments": None,
        "metadata": {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": {"id": ids.METHOD_CONFIGURATION, "parent": None},
        "payment_method_options": {kind: OPTIONS[kind] for kind in types},
        "payment_method_types": types,
        "payment_record": None,
        "processing": None,
        "receipt_email": None,
        "review": None,
        "setup_future_usage": None,
        "shipping": None,
        "source": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": None,
        **more,
    }


def check_confirmable(intent: Body) -> None:
    """Refuse to go on with an intent that is paid, under way or cancelled."""
    if intent["status"] not in CONFIRMABLE:
        noun, kind = ("PaymentIntent", "payment") if intent["object"] == "payment_intent" else ("SetupIntent", "setup")
        message = (
            f"You cannot confirm this {noun} because it has a status of {intent['status']}. "
            f"Only a {noun} with one of the following statuses may be confirmed: {', '.join(CONFIRMABLE)}."
        )
        refusal = errors.not_now(message, code=f"{kind}_intent_unexpected_state", param="intent")
        refusal.error[intent["object"]] = intent
        raise refusal


def error(
    method: Body,
    code: str,
    decline_code: str | None,
    message: str,
    *,
    charge_id: str | None = None,
    kind: str = "card_error",
) -> Body:
    """Return what an intent keeps of its last attempt's failure."""
    told: Body = {"code": code, "doc_url": errors.DOCS + code.replace("_", "-"), "message": message, "type": kind}
    if charge_id:
        told["charge"] = charge_id
    if decline_code:
        told["decline_code"] = decline_code
    return {**told, "payment_method": method}
