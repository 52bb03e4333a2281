"""Invoice payments: which payment intent pays which invoice.

Made and closed by `billing`; the API only reads them.
"""

from typing import Final

from stripe.params import _invoice_payment_list_params as list_params
from stripe.params import _invoice_payment_retrieve_params as retrieve_params

from stripe_sandbox import listing
from stripe_sandbox.routing import Call, Route
from stripe_sandbox.store import Body

URL: Final = "/v1/invoice_payments"


def _retrieve(call: Call) -> Body:
    return call.work.get("invoice_payment", call.id)


def _list(call: Call) -> Body:
    wanted = (call.params.get("payment") or {}).get("payment_intent")
    return listing.page(call, "invoice_payment", URL, "invoice", "status", handled=("payment",), payment_intent=wanted)


ROUTES: Final = (
    Route("GET", URL, _list, list_params.InvoicePaymentListParams),
    Route("GET", URL + "/{id}", _retrieve, retrieve_params.InvoicePaymentRetrieveParams),
)
