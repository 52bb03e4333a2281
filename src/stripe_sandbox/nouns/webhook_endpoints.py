"""Webhook endpoints: where events are delivered, which types, signed with which secret.

The secret is told once, in the answer that creates the endpoint. The endpoint named on the command line is one of
these too, with an id of its own, and takes every type.
"""

from typing import Final
from urllib.parse import urlsplit

from stripe.params import _webhook_endpoint_create_params as create_params
from stripe.params import _webhook_endpoint_delete_params as delete_params
from stripe.params import _webhook_endpoint_list_params as list_params
from stripe.params import _webhook_endpoint_retrieve_params as retrieve_params
from stripe.params import _webhook_endpoint_update_params as update_params

from stripe_sandbox import API_VERSION, errors, ids, listing
from stripe_sandbox.nouns import support
from stripe_sandbox.routing import Call, Route
from stripe_sandbox.store import Body
from stripe_sandbox.work import Work

URL: Final = "/v1/webhook_endpoints"
CONFIGURED: Final = "we_FromTheCommandLine000001"
ENDPOINTS_MAX: Final = 16

COUNT: Final = "SELECT count(*) AS n FROM objects WHERE object = 'webhook_endpoint'"


def configure(work: Work, url: str | None, secret: str | None) -> None:
    """Bring the endpoint of the command line into line with it: made, changed or removed."""
    known = work.find(CONFIGURED)
    if url is None:
        if known:
            work.remove(CONFIGURED)
        return
    if known is None:
        body = _body(work, {"url": url, "enabled_events": ["*"], "api_version": API_VERSION})
        work.add({**body, "id": CONFIGURED, "description": "From the command line"}, secret=secret)
    else:
        work.change(known, {"url": url, "enabled_events": ["*"], "status": "enabled"})
        work.hide(CONFIGURED, secret=secret)


def _create(call: Call) -> Body:
    support.only(call.params, ("url", "enabled_events", "api_version", "description", "metadata"))
    row = call.work.store.row(COUNT)
    if row and row["n"] >= ENDPOINTS_MAX:
        message = f"You have reached the maximum of {ENDPOINTS_MAX} test webhook endpoints."
        raise errors.invalid(message, code="resource_already_exists")
    _check_url(call.params["url"])
    secret = ids.new("whsec_")
    endpoint = call.work.add(_body(call.work, call.params), secret=secret)
    return {**endpoint, "secret": secret}


def _body(work: Work, given: Body) -> Body:
    return {
        "id": ids.new("we_"),
        "object": "webhook_endpoint",
        "api_version": given.get("api_version"),
        "application": None,
        "created": work.now,
        "description": given.get("description"),
        "enabled_events": given["enabled_events"],
        "livemode": False,
        "metadata": given.get("metadata") or {},
        "status": "enabled",
        "url": given["url"],
    }


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise errors.invalid("Invalid URL: it needs a scheme and a host.", code="url_invalid", param="url")


def _retrieve(call: Call) -> Body:
    return call.work.get("webhook_endpoint", call.id)


def _update(call: Call) -> Body:
    support.only(call.params, ("url", "enabled_events", "description", "disabled", "metadata"))
    endpoint, given = call.work.get("webhook_endpoint", call.id), call.params
    changes: Body = {name: given[name] for name in ("url", "enabled_events") if name in given}
    if "url" in changes:
        _check_url(changes["url"])
    if "description" in given:
        changes["description"] = given["description"] or None
    if "disabled" in given:
        changes["status"] = "disabled" if given["disabled"] else "enabled"
    if "metadata" in given:
        changes["metadata"] = support.merged_metadata(endpoint["metadata"], given["metadata"])
    return call.work.change(endpoint, changes)


def _delete(call: Call) -> Body:
    call.work.get("webhook_endpoint", call.id)
    call.work.remove(call.id)
    return {"id": call.id, "object": "webhook_endpoint", "deleted": True}


def _list(call: Call) -> Body:
    return listing.page(call, "webhook_endpoint", URL)


ROUTES: Final = (
    Route("POST", URL, _create, create_params.WebhookEndpointCreateParams),
    Route("GET", URL, _list, list_params.WebhookEndpointListParams),
    Route("GET", URL + "/{id}", _retrieve, retrieve_params.WebhookEndpointRetrieveParams),
    Route("POST", URL + "/{id}", _update, update_params.WebhookEndpointUpdateParams),
    Route("DELETE", URL + "/{id}", _delete, delete_params.WebhookEndpointDeleteParams),
)
