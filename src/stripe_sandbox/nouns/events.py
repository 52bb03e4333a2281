"""Events: what happened in the last thirty days, newest first.

Written by `work`, delivered by the courier; the API only reads them.
"""

import json
from typing import Final

from stripe.params import _event_list_params as list_params
from stripe.params import _event_retrieve_params as retrieve_params

from stripe_sandbox import errors, listing
from stripe_sandbox.routing import Call, Route
from stripe_sandbox.store import Body
from stripe_sandbox.work import Work

URL: Final = "/v1/events"
KEPT_S: Final = 30 * 24 * 3600
TYPES_MAX: Final = 20
HANDLED: Final = ("type", "types", "delivery_success")

WAITING: Final = "SELECT count(DISTINCT endpoint_id) AS n FROM deliveries WHERE event_id = ? AND status = 'pending'"


def _retrieve(call: Call) -> Body:
    event = call.work.get("event", call.id)
    if event["created"] < call.work.now - KEPT_S:
        raise errors.no_such("event", call.id)
    return _current(call.work, event)


def _list(call: Call) -> Body:
    given = call.params
    types = given.get("types")
    if types and "type" in given:
        raise errors.invalid("You may only specify one of these parameters: type, types.", param="type")
    if types and len(types) > TYPES_MAX:
        raise errors.invalid(f"You may name up to {TYPES_MAX} types.", param="types")
    wanted: Body = {"kind": given.get("type"), "kinds": json.dumps(types) if types else None}
    if "delivery_success" in given:
        wanted["delivered"] = int(given["delivery_success"])
    page = listing.page(call, "event", URL, handled=HANDLED, **wanted, oldest=call.work.now - KEPT_S)
    return {**page, "data": [_current(call.work, event) for event in page["data"]]}


def _current(work: Work, event: Body) -> Body:
    row = work.store.row(WAITING, (event["id"],))
    return {**event, "pending_webhooks": row["n"] if row else 0}


ROUTES: Final = (
    Route("GET", URL, _list, list_params.EventListParams),
    Route("GET", URL + "/{id}", _retrieve, retrieve_params.EventRetrieveParams),
)
