"""A customer's tax ids: kept, listed, removed, and copied onto invoices when these are finalized.

Checked for little more than their kind and a plain look; nobody verifies them here, so they stay `unavailable`.
"""

import re
from typing import Final

from stripe.params import _customer_tax_id_create_params as create_params
from stripe.params import _customer_tax_id_delete_params as delete_params
from stripe.params import _customer_tax_id_list_params as list_params
from stripe.params import _customer_tax_id_retrieve_params as retrieve_params

from stripe_sandbox import errors, ids, listing
from stripe_sandbox.nouns import customers, support
from stripe_sandbox.routing import Call, Route
from stripe_sandbox.store import Body
from stripe_sandbox.work import Work

OF_CUSTOMER: Final = customers.URL + "/{id}/tax_ids"
PLAIN: Final = re.compile(r"[A-Z0-9][A-Z0-9 ./-]{3,29}", re.IGNORECASE)
SHAPES: Final = {
    "gb_vat": re.compile(r"GB[0-9]{9}([0-9]{3})?|GB(GD|HA)[0-9]{3}"),
    "eu_vat": re.compile(r"[A-Z]{2}[A-Z0-9]{8,12}"),
}
COUNTRIES: Final = {"gb_vat": "GB"}


def of_customer(work: Work, customer_id: str) -> list[Body]:
    """Return what an invoice keeps of its customer's tax ids."""
    listed = listing.page(Call(work, {"limit": listing.LIMIT_MAX}, {}), "tax_id", "", customer=customer_id)
    return [{"type": one["type"], "value": one["value"]} for one in listed["data"][::-1]]


def _create(call: Call) -> Body:
    given, work = call.params, call.work
    support.only(given, ("type", "value"))
    customers.living(work, call.id, "id")
    kind, value = given["type"], given["value"]
    if not SHAPES.get(kind, PLAIN).fullmatch(value.replace(" ", "")):
        raise errors.invalid("Invalid value for the tax id of this type.", param="value", code="tax_id_invalid")
    body: Body = {
        "id": ids.new("txi_"),
        "object": "tax_id",
        "country": COUNTRIES.get(kind),
        "created": work.now,
        "customer": call.id,
        "customer_account": None,
        "livemode": False,
        "owner": {"customer": call.id, "type": "customer"},
        "type": kind,
        "value": value,
        "verification": {"status": "unavailable", "verified_address": None, "verified_name": None},
    }
    return work.add(body, "customer.tax_id.created")


def _own(call: Call) -> Body:
    tax_id = call.work.get("tax_id", call.path["tax_id"])
    if tax_id["customer"] != call.id:
        raise errors.no_such("tax_id", call.path["tax_id"])
    return tax_id


def _delete(call: Call) -> Body:
    tax_id = _own(call)
    call.work.emit("customer.tax_id.deleted", tax_id)
    call.work.remove(tax_id["id"])
    return {"id": tax_id["id"], "object": "tax_id", "deleted": True}


def _list(call: Call) -> Body:
    customers.living(call.work, call.id, "id")
    return listing.page(call, "tax_id", f"{customers.URL}/{call.id}/tax_ids", customer=call.id)


ROUTES: Final = (
    Route("POST", OF_CUSTOMER, _create, create_params.CustomerTaxIdCreateParams),
    Route("GET", OF_CUSTOMER, _list, list_params.CustomerTaxIdListParams),
    Route("GET", OF_CUSTOMER + "/{tax_id}", _own, retrieve_params.CustomerTaxIdRetrieveParams),
    Route("DELETE", OF_CUSTOMER + "/{tax_id}", _delete, delete_params.CustomerTaxIdDeleteParams),
)
