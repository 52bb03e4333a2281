"""Customers: who buys. Kept, changed, listed, and deleted down to an id.

A deleted customer keeps its id: retrieving it answers `deleted: true`, and nothing may be made for it any more.
"""

from typing import Final

from stripe.params import _customer_create_params as create_params
from stripe.params import _customer_delete_params as delete_params
from stripe.params import _customer_list_params as list_params
from stripe.params import _customer_retrieve_params as retrieve_params
from stripe.params import _customer_update_params as update_params

from stripe_sandbox import errors, ids, listing
from stripe_sandbox.nouns import addresses, support
from stripe_sandbox.routing import Call, Route
from stripe_sandbox.store import Body
from stripe_sandbox.work import Work

URL: Final = "/v1/customers"

PLAIN: Final = ("description", "email", "name", "phone", "preferred_locales", "tax_exempt", "business_name")
TAKEN: Final = (*PLAIN, "individual_name", "metadata", "address", "shipping", "invoice_settings", "invoice_prefix")
CREATE: Final = (*TAKEN, "payment_method")


def new(work: Work, given: Body) -> Body:
    """Add a customer and tell of it."""
    body: Body = {
        "id": ids.new("cus_"),
        "object": "customer",
        "address": None,
        "balance": 0,
        "business_name": None,
        "created": work.now,
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "individual_name": None,
        "invoice_prefix": ids.random_text(8).upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }
    return work.add({**body, **_changes(body, given)}, "customer.created")


def living(work: Work, customer_id: str, param: str = "customer") -> Body:
    """Return a customer for whom something is to be made, refusing unknown and deleted ones."""
    customer = work.get("customer", customer_id, param)
    if customer.get("deleted"):
        raise errors.no_such("customer", customer_id, param)
    return customer


def _create(call: Call) -> Body:
    support.only(call.params, CREATE)
    given = dict(call.params)
    method_id = given.pop("payment_method", None)
    customer = new(call.work, given)
    if method_id:
        support.attach(call.work, method_id, customer["id"])
    return customer


def _retrieve(call: Call) -> Body:
    return call.work.get("customer", call.id)


def _update(call: Call) -> Body:
    support.only(call.params, TAKEN)
    customer = living(call.work, call.id, "id")
    settings = call.params.get("invoice_settings") or {}
    method_id = settings.get("default_payment_method")
    if method_id:
        method = call.work.get("payment_method", method_id, "invoice_settings[default_payment_method]")
        if method["customer"] != call.id:
            message = "The customer does not have a payment method with this ID. Attach it first."
            raise errors.invalid(message, param="invoice_settings[default_payment_method]")
    return call.work.change(customer, _changes(customer, call.params), "customer.updated", tells=True)


def _delete(call: Call) -> Body:
    customer = living(call.work, call.id, "id")
    gone: Body = {"id": call.id, "object": "customer", "deleted": True}
    call.work.emit("customer.deleted", customer)
    call.work.bury(gone)
    return gone


def _list(call: Call) -> Body:
    return listing.page(call, "customer", URL, "email")


def _changes(body: Body, given: Body) -> Body:
    changes: Body = {name: given[name] or None for name in PLAIN if name in given}
    if "preferred_locales" in given:
        changes["preferred_locales"] = given["preferred_locales"] or []
    if "tax_exempt" in given:
        changes["tax_exempt"] = given["tax_exempt"] or "none"
    if "individual_name" in given:
        changes["individual_name"] = given["individual_name"] or None
    if "invoice_prefix" in given:
        changes["invoice_prefix"] = given["invoice_prefix"]
    if "metadata" in given:
        changes["metadata"] = support.merged_metadata(body["metadata"], given["metadata"])
    if "address" in given:
        changes["address"] = addresses.full(given["address"]) if given["address"] else None
    if "shipping" in given:
        changes["shipping"] = _shipping(given["shipping"])
    if "invoice_settings" in given:
        settings = {name: value or None for name, value in given["invoice_settings"].items()}
        changes["invoice_settings"] = {**body["invoice_settings"], **settings}
    return changes


def _shipping(given: Body | str) -> Body | None:
    if not isinstance(given, dict):
        return None
    return {"name": given["name"], "phone": given.get("phone"), "address": addresses.full(given["address"])}


ROUTES: Final = (
    Route("POST", URL, _create, create_params.CustomerCreateParams),
    Route("GET", URL, _list, list_params.CustomerListParams),
    Route("GET", URL + "/{id}", _retrieve, retrieve_params.CustomerRetrieveParams),
    Route("POST", URL + "/{id}", _update, update_params.CustomerUpdateParams),
    Route("DELETE", URL + "/{id}", _delete, delete_params.CustomerDeleteParams),
)
