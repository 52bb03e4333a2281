"""Invoice items: what is to be charged, on a draft invoice or waiting for the next one; and the lines they become.

Adds up no totals: `billing` counts an invoice whenever its lines change.
"""

from decimal import Decimal
from typing import Final

from stripe.params import _invoice_item_create_params as create_params
from stripe.params import _invoice_item_delete_params as delete_params
from stripe.params import _invoice_item_list_params as list_params
from stripe.params import _invoice_item_retrieve_params as retrieve_params

from stripe_sandbox import billing, errors, ids, listing, money
from stripe_sandbox.nouns import customers, prices, support, tax_rates
from stripe_sandbox.routing import Call, Route
from stripe_sandbox.store import Body
from stripe_sandbox.work import Work

URL: Final = "/v1/invoiceitems"
PRICED: Final = ("amount", "currency", "price_data", "pricing", "quantity", "unit_amount_decimal")
TAKEN: Final = (*PRICED, "description", "metadata", "period", "tax_rates", "discountable", "tax_behavior")


def new(work: Work, customer_id: str, given: Body, invoice: Body | None) -> Body:
    """Add an item; on an invoice it becomes a line at once."""
    support.only(given, (*TAKEN, "customer", "invoice"))
    if invoice and invoice["status"] != "draft":
        message = f"The invoice {invoice['id']} is {invoice['status']}; lines can be added to drafts only."
        raise errors.not_now(message, code="invoice_not_editable", param="invoice")
    currency = money.check_currency(given.get("currency", (invoice or {}).get("currency", "")) or _currency(given))
    quantity, amount_minor, price = _priced(work, given, currency)
    period = given.get("period") or {"start": work.now, "end": work.now}
    rates = tax_rates.all_of(work, given.get("tax_rates") or [], "tax_rates")
    body: Body = {
        "id": ids.new("ii_"),
        "object": "invoiceitem",
        "amount": amount_minor,
        "currency": currency,
        "customer": customer_id,
        "customer_account": None,
        "date": work.now,
        "description": given.get("description") or _name(work, price),
        "discountable": given.get("discountable", True),
        "discounts": [],
        "invoice": invoice["id"] if invoice else None,
        "livemode": False,
        "metadata": given.get("metadata") or {},
        "net_amount": amount_minor,
        "parent": None,
        "period": {"end": period["end"], "start": period["start"]},
        "pricing": _pricing(price, amount_minor, quantity),
        "proration": False,
        "quantity": quantity,
        "quantity_decimal": str(quantity),
        "tax_rates": rates,
        "test_clock": None,
    }
    item = work.add(body, "invoiceitem.created")
    if invoice:
        put_on(work, invoice, [item])
    return item


def put_on(work: Work, invoice: Body, items: list[Body]) -> Body:
    """Make lines of these items on a draft."""
    lines = billing.lines_of(work, invoice)
    for item in items:
        rates = [rate["id"] for rate in item["tax_rates"] or invoice["default_tax_rates"]]
        lines = [*lines, billing.retaxed(work, _line(invoice, item), rates)]
        work.change(item, {"invoice": invoice["id"]})
    return billing.count(work, work.get("invoice", invoice["id"]), lines)


def _line(invoice: Body, item: Body) -> Body:
    copied = ("amount", "currency", "description", "discountable", "metadata", "period", "quantity", "quantity_decimal")
    details: Body = {
        "invoice_item": item["id"],
        "proration": False,
        "proration_details": {"credited_items": None},
        "subscription": None,
    }
    line: Body = {
        **{name: item[name] for name in copied},
        "id": ids.sibling(item["id"], "il_"),
        "object": "line_item",
        "discount_amounts": [],
        "discounts": [],
        "invoice": invoice["id"],
        "livemode": False,
        "parent": {
            "invoice_item_details": details,
            "subscription_item_details": None,
            "type": "invoice_item_details",
        },
        "pretax_credit_amounts": [],
        "pricing": item["pricing"],
        "subtotal": item["amount"],
        "taxes": [],
    }
    return {name: line[name] for name in ("id", "object", *sorted(line.keys() - {"id", "object"}))}


def _priced(work: Work, given: Body, currency: str) -> tuple[int, int, Body | None]:
    """Return the quantity, the amount and the price that an item names or describes."""
    quantity = given.get("quantity", 1)
    if "price_data" in given:
        price = prices.new_price(work, given["price_data"], "price_data")
    elif (given.get("pricing") or {}).get("price"):
        price = work.get("price", given["pricing"]["price"], "pricing[price]")
    elif "unit_amount_decimal" in given:
        return quantity, int(Decimal(given["unit_amount_decimal"]) * quantity), None
    elif "amount" in given:
        if "quantity" in given:
            message = "You may only specify one of these parameters: amount, quantity."
            raise errors.invalid(message, param="quantity")
        return 1, given["amount"], None
    else:
        raise errors.missing_parameter("amount")
    if price["currency"] != currency:
        message = f"The price is in {price['currency']}, the invoice in {currency}."
        raise errors.invalid(message, param="currency")
    return quantity, price["unit_amount"] * quantity, price


def _currency(given: Body) -> str:
    return (given.get("price_data") or {}).get("currency", "gbp")


def _name(work: Work, price: Body | None) -> str | None:
    return work.get("product", price["product"])["name"] if price else None


def _pricing(price: Body | None, amount_minor: int, quantity: int) -> Body | None:
    if price is None:
        each = Decimal(amount_minor) / quantity if quantity else Decimal(0)
        return {"price_details": None, "type": "price_details", "unit_amount_decimal": format(each.normalize(), "f")}
    details = {"price": price["id"], "product": price["product"]}
    return {"price_details": details, "type": "price_details", "unit_amount_decimal": price["unit_amount_decimal"]}


def _create(call: Call) -> Body:
    given, work = call.params, call.work
    invoice = work.get("invoice", given["invoice"], "invoice") if "invoice" in given else None
    customer_id = given.get("customer") or (invoice or {}).get("customer")
    if not customer_id:
        raise errors.missing_parameter("customer")
    customers.living(work, customer_id)
    if invoice and invoice["customer"] != customer_id:
        raise errors.invalid("The invoice belongs to another customer.", param="invoice")
    return new(work, customer_id, given, invoice)


def _retrieve(call: Call) -> Body:
    return call.work.get("invoiceitem", call.id)


def _delete(call: Call) -> Body:
    item, work = call.work.get("invoiceitem", call.id), call.work
    invoice = work.find(item["invoice"])
    if invoice:
        if invoice["status"] != "draft":
            raise errors.not_now("This item is on an invoice that is no draft any more.", code="invoice_not_editable")
        kept = [
            line
            for line in billing.lines_of(work, invoice)
            if line["parent"]["invoice_item_details"]["invoice_item"] != call.id
        ]
        billing.count(work, invoice, kept)
    work.emit("invoiceitem.deleted", item)
    work.remove(call.id)
    return {"id": call.id, "object": "invoiceitem", "deleted": True}


def _list(call: Call) -> Body:
    return listing.page(call, "invoiceitem", URL, "customer", "invoice")


ROUTES: Final = (
    Route("POST", URL, _create, create_params.InvoiceItemCreateParams),
    Route("GET", URL, _list, list_params.InvoiceItemListParams),
    Route("GET", URL + "/{id}", _retrieve, retrieve_params.InvoiceItemRetrieveParams),
    Route("DELETE", URL + "/{id}", _delete, delete_params.InvoiceItemDeleteParams),
)
