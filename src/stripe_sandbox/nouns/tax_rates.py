"""Tax rates: a percentage, on top of a price or inside it, and what it comes to.

Rounds each line by itself, half up. Called by `billing` and by the API.
"""

from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from stripe.params import _tax_rate_create_params as create_params
from stripe.params import _tax_rate_list_params as list_params
from stripe.params import _tax_rate_retrieve_params as retrieve_params

from stripe_sandbox import ids, listing
from stripe_sandbox.routing import Call, Route
from stripe_sandbox.store import Body
from stripe_sandbox.work import Work

URL: Final = "/v1/tax_rates"
PLAIN: Final = ("country", "description", "jurisdiction", "state", "tax_type")


def all_of(work: Work, rate_ids: list[str], param: str) -> list[Body]:
    """Return the rates with these ids, refusing unknown ones."""
    return [work.get("tax_rate", rate_id, param) for rate_id in rate_ids]


def taxes(amount_minor: int, rates: list[Body]) -> list[Body]:
    """Return what each rate takes of an amount, in the shape of an invoice line's taxes."""
    return [_tax(amount_minor, rate) for rate in rates]


def _tax(amount_minor: int, rate: Body) -> Body:
    share = Decimal(str(rate["percentage"])) / 100
    exact = amount_minor - amount_minor / (1 + share) if rate["inclusive"] else amount_minor * share
    tax_minor = int(exact.quantize(Decimal(1), ROUND_HALF_UP))
    return {
        "amount": tax_minor,
        "tax_behavior": "inclusive" if rate["inclusive"] else "exclusive",
        "tax_rate_details": {"tax_rate": rate["id"]},
        "taxability_reason": "standard_rated",
        "taxable_amount": amount_minor - tax_minor if rate["inclusive"] else amount_minor,
        "type": "tax_rate_details",
    }


def _create(call: Call) -> Body:
    given = call.params
    body: Body = {
        **{name: given.get(name) for name in PLAIN},
        "id": ids.new("txr_"),
        "object": "tax_rate",
        "active": given.get("active", True),
        "created": call.work.now,
        "display_name": given["display_name"],
        "effective_percentage": given["percentage"],
        "flat_amount": None,
        "inclusive": given["inclusive"],
        "jurisdiction_level": None,
        "livemode": False,
        "metadata": given.get("metadata") or {},
        "percentage": given["percentage"],
        "rate_type": "percentage",
    }
    return call.work.add(body, "tax_rate.created")


def _retrieve(call: Call) -> Body:
    return call.work.get("tax_rate", call.id)


def _list(call: Call) -> Body:
    return listing.page(call, "tax_rate", URL)


ROUTES: Final = (
    Route("POST", URL, _create, create_params.TaxRateCreateParams),
    Route("GET", URL, _list, list_params.TaxRateListParams),
    Route("GET", URL + "/{id}", _retrieve, retrieve_params.TaxRateRetrieveParams),
)
