"""Mandates: a payer's leave to debit a bank account, active until the payer or the bank takes it back.

Written with the first debit or set-up of an account, ended by a debit that was not authorised.
"""

from typing import Final

from stripe.params import _mandate_retrieve_params as retrieve_params

from stripe_sandbox import ids
from stripe_sandbox.routing import Call, Route
from stripe_sandbox.store import Body
from stripe_sandbox.work import Work


def new(work: Work, method: Body) -> Body:
    """Return the mandate for debits from this account, written at the first of them."""
    known = work.hidden(method["id"]).get("mandate")
    if known:
        return work.get("mandate", known)
    mandate_id = ids.new("mandate_")
    body: Body = {
        "id": mandate_id,
        "object": "mandate",
        "customer_acceptance": {
            "accepted_at": work.now,
            "online": {"ip_address": "127.0.0.1", "user_agent": "sandbox"},
            "type": "online",
        },
        "livemode": False,
        "multi_use": {},
        "payment_method": method["id"],
        "payment_method_details": {
            "bacs_debit": {
                "display_name": None,
                "network_status": "accepted",
                "reference": mandate_id[-10:].upper(),
                "revocation_reason": None,
                "service_user_number": None,
                "url": f"{work.url}/mandates/{mandate_id}",
            },
            "type": "bacs_debit",
        },
        "status": "active",
        "type": "multi_use",
    }
    work.hide(method["id"], mandate=mandate_id)
    return work.add(body)


def end(work: Work, method_id: str) -> None:
    """Mark the mandate of an account as taken back."""
    mandate = work.find(work.hidden(method_id).get("mandate"))
    if mandate:
        work.change(mandate, {"status": "inactive"}, "mandate.updated", tells=True)


def _retrieve(call: Call) -> Body:
    return call.work.get("mandate", call.id)


ROUTES: Final = (Route("GET", "/v1/mandates/{id}", _retrieve, retrieve_params.MandateRetrieveParams),)
