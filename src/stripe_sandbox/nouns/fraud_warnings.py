"""Early fraud warnings: a bank suspects a charge before anyone disputes it.

Made by one of the test cards, by way of the timers.
"""

from typing import Final

from stripe.params.radar import _early_fraud_warning_list_params as list_params
from stripe.params.radar import _early_fraud_warning_retrieve_params as retrieve_params

from stripe_sandbox import ids, listing
from stripe_sandbox.routing import Call, Route
from stripe_sandbox.store import Body
from stripe_sandbox.work import Work

URL: Final = "/v1/radar/early_fraud_warnings"


def warn(work: Work, charge_id: str) -> None:
    """Warn of a charge."""
    charge = work.get("charge", charge_id)
    body: Body = {
        "id": ids.new("issfr_"),
        "object": "radar.early_fraud_warning",
        "actionable": not charge["refunded"] and not charge["disputed"],
        "charge": charge_id,
        "created": work.now,
        "fraud_type": "unauthorized_use_of_card",
        "livemode": False,
        "payment_intent": charge["payment_intent"],
    }
    work.add(body, "radar.early_fraud_warning.created")


def _retrieve(call: Call) -> Body:
    return call.work.get("radar.early_fraud_warning", call.id)


def _list(call: Call) -> Body:
    return listing.page(call, "radar.early_fraud_warning", URL, "charge", "payment_intent")


ROUTES: Final = (
    Route("GET", URL, _list, list_params.EarlyFraudWarningListParams),
    Route("GET", URL + "/{id}", _retrieve, retrieve_params.EarlyFraudWarningRetrieveParams),
)
