"""Products and prices: what a line item names, either made beforehand or inline with `price_data`.

One-time prices in whole minor units only.
"""

from decimal import Decimal
from typing import Final

from stripe.params import _price_create_params as price_create_params
from stripe.params import _price_list_params as price_list_params
from stripe.params import _price_retrieve_params as price_retrieve_params
from stripe.params import _product_create_params as product_create_params
from stripe.params import _product_list_params as product_list_params
from stripe.params import _product_retrieve_params as product_retrieve_params

from stripe_sandbox import errors, ids, listing, money
from stripe_sandbox.nouns import support
from stripe_sandbox.routing import Call, Route
from stripe_sandbox.store import Body
from stripe_sandbox.work import Work

PRODUCT: Final = ("name", "description", "images", "metadata", "tax_code", "unit_label")
PRICE: Final = ("currency", "unit_amount", "unit_amount_decimal", "product", "product_data", "tax_behavior", "metadata")


def new_product(work: Work, given: Body, event_type: str | None = None) -> Body:
    """Add a product."""
    body: Body = {
        "id": given.get("id") or ids.new("prod_"),
        "object": "product",
        "active": event_type is not None,
        "created": work.now,
        "default_price": None,
        "description": given.get("description"),
        "images": given.get("images") or [],
        "livemode": False,
        "marketing_features": [],
        "metadata": given.get("metadata") or {},
        "name": given["name"],
        "package_dimensions": None,
        "shippable": None,
        "statement_descriptor": None,
        "tax_code": given.get("tax_code"),
        "type": "service",
        "unit_label": given.get("unit_label"),
        "updated": work.now,
        "url": None,
    }
    return work.add(body, event_type)


def new_price(work: Work, given: Body, param: str = "", event_type: str | None = None) -> Body:
    """Add a price, with its product when that is given inline. `param` is where errors point."""
    prefix = f"{param}[%s]" if param else "%s"
    if given.get("recurring"):
        raise errors.unsupported(prefix % "recurring")
    currency = money.check_currency(given["currency"], prefix % "currency")
    amount_minor = _amount(given, prefix)
    if ("product" in given) == ("product_data" in given):
        raise errors.missing_parameter(prefix % "product_data")
    if "product" in given:
        product = work.get("product", given["product"], prefix % "product")
    else:
        product = new_product(work, given["product_data"], "product.created" if event_type else None)
    body: Body = {
        "id": ids.new("price_"),
        "object": "price",
        "active": event_type is not None,
        "billing_scheme": "per_unit",
        "created": work.now,
        "currency": currency,
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": None,
        "metadata": given.get("metadata") or {},
        "nickname": given.get("nickname"),
        "product": product["id"],
        "recurring": None,
        "tax_behavior": given.get("tax_behavior") or "unspecified",
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "one_time",
        "unit_amount": amount_minor,
        "unit_amount_decimal": str(amount_minor),
    }
    return work.add(body, event_type)


def _amount(given: Body, prefix: str) -> int:
    if "unit_amount" in given:
        amount = Decimal(given["unit_amount"])
    elif "unit_amount_decimal" in given:
        amount = Decimal(given["unit_amount_decimal"])
    else:
        raise errors.missing_parameter(prefix % "unit_amount")
    if amount != amount.to_integral_value():
        raise errors.unsupported("fractions of a minor unit")
    if not 0 <= amount <= money.MAXIMUM:
        raise errors.invalid("Invalid amount.", code="parameter_invalid_integer", param=prefix % "unit_amount")
    return int(amount)


def _create_product(call: Call) -> Body:
    support.only(call.params, (*PRODUCT, "id"))
    return new_product(call.work, call.params, "product.created")


def _create_price(call: Call) -> Body:
    support.only(call.params, (*PRICE, "nickname"))
    return new_price(call.work, call.params, event_type="price.created")


def _product(call: Call) -> Body:
    return call.work.get("product", call.id)


def _price(call: Call) -> Body:
    return call.work.get("price", call.id)


def _products(call: Call) -> Body:
    return listing.page(call, "product", "/v1/products")


def _prices(call: Call) -> Body:
    return listing.page(call, "price", "/v1/prices")


ROUTES: Final = (
    Route("POST", "/v1/products", _create_product, product_create_params.ProductCreateParams),
    Route("GET", "/v1/products", _products, product_list_params.ProductListParams),
    Route("GET", "/v1/products/{id}", _product, product_retrieve_params.ProductRetrieveParams),
    Route("POST", "/v1/prices", _create_price, price_create_params.PriceCreateParams),
    Route("GET", "/v1/prices", _prices, price_list_params.PriceListParams),
    Route("GET", "/v1/prices/{id}", _price, price_retrieve_params.PriceRetrieveParams),
)
