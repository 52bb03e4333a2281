"""Charges: one attempt to take money, paid, pending or failed.

Made by `attempts`, never by a call of their own; the API only reads them and changes their words.
"""

import hashlib
from typing import Final

from stripe.params import _charge_list_params as list_params
from stripe.params import _charge_retrieve_params as retrieve_params
from stripe.params import _charge_update_params as update_params

from stripe_sandbox import cards, ids, listing
from stripe_sandbox.nouns import accounts, support
from stripe_sandbox.routing import Call, Route
from stripe_sandbox.store import Body
from stripe_sandbox.work import Work

URL: Final = "/v1/charges"
DESCRIPTOR: Final = "OFFLINE SANDBOX"
RISK_SCORES: Final = {"normal": 11, "elevated": 68, "highest": 92}


def new(work: Work, intent: Body, method: Body, outcome: Body, details: Body, **more: object) -> Body:
    """Return the body of a charge for an intent; the caller adds it."""
    charge_id = ids.sibling(intent["id"], "ch_" if method["type"] == "card" else "py_")
    return {
        "id": charge_id,
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": intent["amount"],
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "billing_details": method["billing_details"],
        "calculated_statement_descriptor": intent["statement_descriptor"] or DESCRIPTOR,
        "captured": True,
        "created": work.now,
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "fraud_details": {},
        "livemode": False,
        "metadata": intent["metadata"],
        "on_behalf_of": None,
        "outcome": outcome,
        "paid": True,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": {method["type"]: details, "type": method["type"]},
        "radar_options": {},
        "receipt_email": intent["receipt_email"],
        "receipt_number": None,
        "receipt_url": receipt_url(work, charge_id),
        "refunded": False,
        "review": None,
        "shipping": intent["shipping"],
        "source": None,
        "source_transfer": None,
        "statement_descriptor": intent["statement_descriptor"],
        "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
        "status": "succeeded",
        "transfer_data": None,
        "transfer_group": None,
        **more,
    }


def receipt_url(work: Work, charge_id: str, version: int = 0) -> str:
    """Return the address of the receipt page; Stripe changes it with each refund."""
    mark = hashlib.sha256(f"{charge_id}{version}".encode()).hexdigest()[:20]
    return f"{work.url}/receipts/{charge_id}?v={mark}"


def outcome(risk: str = "normal", **more: object) -> Body:
    """Return how a charge was judged; without changes, that it was accepted."""
    accepted = {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "approved_by_network",
        "reason": None,
        "risk_level": risk,
        "risk_score": RISK_SCORES[risk],
        "seller_message": "Payment complete.",
        "type": "authorized",
    }
    return {**accepted, **more}


def card_details(intent: Body, method: Body, three_d_secure: Body | None) -> Body:
    """Return what a charge shows of the card it was made with."""
    card = method["card"]
    shown = {
        name: card[name] for name in ("brand", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4")
    }
    return {
        **shown,
        "amount_authorized": intent["amount"],
        "authorization_code": intent["id"][-6:].upper(),
        "checks": card["checks"],
        "extended_authorization": {"status": "disabled"},
        "incremental_authorization": {"status": "unavailable"},
        "installments": None,
        "mandate": None,
        "multicapture": {"status": "unavailable"},
        "network": card["brand"],
        "network_token": {"used": False},
        "network_transaction_id": str(int(hashlib.sha256(intent["id"].encode()).hexdigest()[:12], 16)).zfill(15),
        "overcapture": {"maximum_amount_capturable": intent["amount"], "status": "unavailable"},
        "regulated_status": "unregulated",
        "setup_credential_usage": None,
        "stored_credential_usage": None,
        "three_d_secure": three_d_secure,
        "transaction_link_id": None,
        "wallet": None,
    }


def pay(work: Work, charge: Body) -> Body:
    """Book a charge that went through; returns the changes to its body."""
    booked = accounts.book(work, charge, charge["amount"], accounts.fee_of(charge["amount"]))
    return {"balance_transaction": booked["id"], "paid": True, "status": "succeeded"}


def card_of(work: Work, charge: Body) -> cards.Card | None:
    """Return the test card that a charge was made with, if it was a card."""
    number = work.hidden(charge["payment_method"]).get("card")
    return cards.BY_NUMBER[number] if number else None


def _retrieve(call: Call) -> Body:
    return call.work.get("charge", call.id)


def _update(call: Call) -> Body:
    support.only(call.params, ("description", "metadata", "receipt_email", "customer"))
    charge, given = call.work.get("charge", call.id), call.params
    changes: Body = {
        name: given[name] or None for name in ("description", "receipt_email", "customer") if name in given
    }
    if "metadata" in given:
        changes["metadata"] = support.merged_metadata(charge["metadata"], given["metadata"])
    return call.work.change(charge, changes, "charge.updated", tells=True)


def _list(call: Call) -> Body:
    return listing.page(call, "charge", URL, "customer", "payment_intent")


ROUTES: Final = (
    Route("GET", URL, _list, list_params.ChargeListParams),
    Route("GET", URL + "/{id}", _retrieve, retrieve_params.ChargeRetrieveParams),
    Route("POST", URL + "/{id}", _update, update_params.ChargeUpdateParams),
)
