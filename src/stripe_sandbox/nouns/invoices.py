"""Invoices by the API: drawn up as drafts, given lines, finalized, sent, paid, voided, listed.

Reads and checks what is asked; what becomes of an invoice is decided by `billing`.
"""

from typing import Final

from stripe.params import _invoice_add_lines_params as add_params
from stripe.params import _invoice_create_params as create_params
from stripe.params import _invoice_delete_params as delete_params
from stripe.params import _invoice_finalize_invoice_params as finalize_params
from stripe.params import _invoice_line_item_list_params as lines_params
from stripe.params import _invoice_list_params as list_params
from stripe.params import _invoice_mark_uncollectible_params as uncollectible_params
from stripe.params import _invoice_pay_params as pay_params
from stripe.params import _invoice_retrieve_params as retrieve_params
from stripe.params import _invoice_send_invoice_params as send_params
from stripe.params import _invoice_update_params as update_params
from stripe.params import _invoice_void_invoice_params as void_params

from stripe_sandbox import attempts, billing, errors, ids, listing, money
from stripe_sandbox.nouns import accounts, customers, invoice_items, payment_methods, support, tax_rates
from stripe_sandbox.routing import Call, Route
from stripe_sandbox.store import Body
from stripe_sandbox.work import Work

URL: Final = "/v1/invoices"
FINALIZES_AFTER_S: Final = 3600
PAYABLE: Final = ("card", "link", "bacs_debit", "customer_balance")

PLAIN: Final = ("description", "footer", "custom_fields", "default_payment_method", "number", "effective_at")
DRAFT: Final = (
    *(*PLAIN, "metadata", "auto_advance", "collection_method", "days_until_due", "due_date"),
    *("payment_settings", "default_tax_rates", "automatic_tax", "rendering"),
)
CREATE: Final = (*DRAFT, "customer", "currency", "pending_invoice_items_behavior")
OPEN: Final = ("metadata", "auto_advance", "default_payment_method", "payment_settings")
OPTIONS: Final = (
    *("acss_debit", "bancontact", "billie", "blik", "card", "customer_balance", "konbini", "payto", "pix"),
    *("sepa_debit", "upi", "us_bank_account"),
)


def _create(call: Call) -> Body:
    given, work = call.params, call.work
    support.only(given, CREATE)
    if "customer" not in given:
        raise errors.missing_parameter("customer")
    customer = customers.living(work, given["customer"])
    currency = money.check_currency(given.get("currency") or customer["currency"] or accounts.CURRENCY)
    invoice = work.add(_body(work, given, customer, currency), lines=[])
    if given.get("pending_invoice_items_behavior") == "include":
        invoice = invoice_items.put_on(work, invoice, _pending(work, customer["id"], currency))
    work.emit("invoice.created", invoice)
    if invoice["auto_advance"]:
        work.later(FINALIZES_AFTER_S, "finalize_invoice", invoice["id"])
    return invoice


def _pending(work: Work, customer_id: str, currency: str) -> list[Body]:
    waiting = listing.page(Call(work, {"limit": listing.LIMIT_MAX}, {}), "invoiceitem", URL, customer=customer_id)
    items = [item for item in waiting["data"] if item["invoice"] is None and item["currency"] == currency]
    return items[::-1]


def _due_date(work: Work, given: Body, collection: str) -> int | None:
    if collection != "send_invoice":
        for name in ("days_until_due", "due_date"):
            if name in given:
                raise errors.invalid(f"`{name}` needs collection_method=send_invoice.", param=name)
        return None
    if "due_date" in given:
        if given["due_date"] < work.now:
            raise errors.invalid("The due date must be in the future.", param="due_date")
        return given["due_date"]
    if "days_until_due" not in given:
        raise errors.missing_parameter("days_until_due")
    return work.now + given["days_until_due"] * billing.DAY_S


def _settings(given: Body) -> Body:
    settings = given.get("payment_settings") or {}
    types = settings.get("payment_method_types") or None
    for kind in types or ():
        if kind not in PAYABLE:
            raise errors.unsupported(f"payment_settings[payment_method_types]={kind}")
    options = {**dict.fromkeys(OPTIONS), **(settings.get("payment_method_options") or {})}
    has_options = any(value is not None for value in options.values())
    return {
        "default_mandate": None,
        "payment_method_options": options if has_options else None,
        "payment_method_types": types,
    }


def _rendering(given: Body) -> Body:
    blank = dict.fromkeys(("amount_tax_display", "pdf", "template", "template_version"))
    return {**blank, **{name: value or None for name, value in given.items()}}


def _body(work: Work, given: Body, customer: Body, currency: str) -> Body:  # one field a line
    if (given.get("automatic_tax") or {}).get("enabled"):
        raise errors.unsupported("automatic_tax[enabled]")
    invoice_id = ids.new("in_")
    collection = given.get("collection_method", "charge_automatically")
    auto_advance = given.get("auto_advance", False)
    return {
        **dict.fromkeys(ABSENT),
        **dict.fromkeys(ZERO, 0),
        **{name: given.get(name) or None for name in PLAIN},
        "id": invoice_id,
        "object": "invoice",
        "account_country": accounts.COUNTRY,
        "account_name": accounts.NAME,
        "attempted": False,
        "auto_advance": auto_advance,
        "automatic_tax": {
            "disabled_reason": None,
            "enabled": False,
            "liability": None,
            "provider": None,
            "status": None,
        },
        "automatically_finalizes_at": work.now + FINALIZES_AFTER_S if auto_advance else None,
        "billing_reason": "manual",
        "collection_method": collection,
        "created": work.now,
        "currency": currency,
        "customer": customer["id"],
        "customer_address": customer["address"],
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "customer_phone": customer["phone"],
        "customer_shipping": customer["shipping"],
        "customer_tax_exempt": customer["tax_exempt"],
        "customer_tax_ids": [],
        "default_tax_rates": tax_rates.all_of(work, given.get("default_tax_rates") or [], "default_tax_rates"),
        "discounts": [],
        "due_date": _due_date(work, given, collection),
        "issuer": {"type": "self"},
        "lines": billing.shown_lines(invoice_id, []),
        "livemode": False,
        "metadata": given.get("metadata") or {},
        "payment_settings": _settings(given),
        "period_end": work.now,
        "period_start": work.now,
        "rendering": _rendering(given["rendering"]) if given.get("rendering") else None,
        "status": "draft",
        "status_transitions": dict.fromkeys(("finalized_at", "marked_uncollectible_at", "paid_at", "voided_at")),
        "total_discount_amounts": [],
        "total_pretax_credit_amounts": [],
        "total_taxes": [],
        "webhooks_delivered_at": work.now,
    }


ABSENT: Final = (
    *("account_tax_ids", "application", "customer_account", "default_source", "ending_balance", "from_invoice"),
    *("hosted_invoice_url", "invoice_pdf", "last_finalization_error", "latest_revision", "next_payment_attempt"),
    *("on_behalf_of", "parent", "receipt_number", "shipping_cost", "shipping_details", "statement_descriptor"),
    *("status_details", "test_clock"),
)
ZERO: Final = (
    *("amount_due", "amount_overpaid", "amount_paid", "amount_paid_off_stripe", "amount_remaining"),
    *("amount_shipping", "attempt_count", "post_payment_credit_notes_amount", "pre_payment_credit_notes_amount"),
    *("starting_balance", "subtotal", "subtotal_excluding_tax", "total", "total_excluding_tax"),
)


def _retrieve(call: Call) -> Body:
    return call.work.get("invoice", call.id)


def _update(call: Call) -> Body:
    given, work = call.params, call.work
    invoice = work.get("invoice", call.id)
    support.only(given, DRAFT)
    if invoice["status"] != "draft" and given.keys() - set(OPEN):
        raise errors.not_now("Finalized invoices can't be updated in this way.", code="invoice_not_editable")
    changes: Body = {name: given[name] or None for name in PLAIN if name in given}
    if "metadata" in given:
        changes["metadata"] = support.merged_metadata(invoice["metadata"], given["metadata"])
    if "auto_advance" in given:
        changes["auto_advance"] = given["auto_advance"]
        if given["auto_advance"] and invoice["status"] == "draft":
            work.later(FINALIZES_AFTER_S, "finalize_invoice", invoice["id"])
    if "payment_settings" in given:
        changes["payment_settings"] = _settings(given)
    if "collection_method" in given:
        changes["collection_method"] = given["collection_method"]
    if given.keys() & {"due_date", "days_until_due", "collection_method"}:
        changes["due_date"] = _due_date(work, given, given.get("collection_method", invoice["collection_method"]))
    invoice = work.change(invoice, changes, "invoice.updated", tells=True)
    return _retax(work, invoice, given["default_tax_rates"]) if "default_tax_rates" in given else invoice


def _retax(work: Work, invoice: Body, rate_ids: list[str]) -> Body:
    """Change the default rates; lines of items without rates of their own follow."""
    rates = tax_rates.all_of(work, rate_ids or [], "default_tax_rates")
    invoice = work.change(invoice, {"default_tax_rates": rates})
    lines = []
    for line in billing.lines_of(work, invoice):
        item = work.get("invoiceitem", line["parent"]["invoice_item_details"]["invoice_item"])
        lines.append(line if item["tax_rates"] else billing.retaxed(work, line, [rate["id"] for rate in rates]))
    return billing.count(work, invoice, lines)


def _delete(call: Call) -> Body:
    invoice = call.work.get("invoice", call.id)
    if invoice["status"] != "draft":
        raise errors.not_now("You can only delete draft invoices.", code="invoice_not_editable")
    call.work.emit("invoice.deleted", invoice)
    call.work.remove(call.id)
    return {"id": call.id, "object": "invoice", "deleted": True}


def _add_lines(call: Call) -> Body:
    given, work = call.params, call.work
    invoice = work.get("invoice", call.id)
    for asked in given["lines"]:
        if "invoice_item" in asked:
            invoice_items.put_on(work, invoice, [work.get("invoiceitem", asked["invoice_item"], "lines")])
        else:
            invoice_items.new(work, invoice["customer"], {**asked, "currency": invoice["currency"]}, invoice)
    invoice = work.get("invoice", call.id)
    if "invoice_metadata" in given:
        metadata = support.merged_metadata(invoice["metadata"], given["invoice_metadata"])
        invoice = work.change(invoice, {"metadata": metadata})
    work.emit("invoice.updated", invoice)
    return invoice


def _lines(call: Call) -> Body:
    invoice = call.work.get("invoice", call.id)
    return listing.slice_of(call.params, billing.lines_of(call.work, invoice), f"{URL}/{call.id}/lines")


def _finalize(call: Call) -> Body:
    invoice = call.work.get("invoice", call.id)
    if "auto_advance" in call.params:
        invoice = call.work.change(invoice, {"auto_advance": call.params["auto_advance"]})
    return billing.finalize(call.work, invoice)


def _send(call: Call) -> Body:
    invoice = call.work.get("invoice", call.id)
    if invoice["collection_method"] != "send_invoice":
        raise errors.not_now("You can only send an invoice whose collection_method is send_invoice.")
    return billing.send(call.work, invoice)


def _pay(call: Call) -> Body:
    given, work = call.params, call.work
    support.only(given, ("paid_out_of_band", "payment_method", "off_session"))
    invoice = work.get("invoice", call.id)
    method = payment_methods.chosen(work, invoice, given) or billing.default_method(work, invoice)
    if method is None and not given.get("paid_out_of_band"):
        message = "There is no default_payment_method set on this Customer or Invoice. Please set one."
        raise errors.not_now(message, code="missing")
    if invoice["status"] == "draft":
        invoice = billing.finalize(work, invoice)
    if method is None:
        return billing.pay_out_of_band(work, invoice)
    terms = attempts.Terms(is_off_session=given.get("off_session", True), refuses_action=True)
    return billing.pay(work, invoice, method, terms)


def _void(call: Call) -> Body:
    return billing.void(call.work, call.work.get("invoice", call.id))


def _write_off(call: Call) -> Body:
    return billing.write_off(call.work, call.work.get("invoice", call.id))


def _list(call: Call) -> Body:
    if "subscription" in call.params:
        return listing.envelope([], URL)
    return listing.page(call, "invoice", URL, "customer", "status", "collection_method")


def include_payments(work: Work, invoice: Body) -> Body:
    """Return the list that expanding `payments` puts into an invoice."""
    return listing.page(Call(work, {}, {}), "invoice_payment", "/v1/invoice_payments", invoice=invoice["id"])


def include_secret(work: Work, invoice: Body) -> Body | None:
    """Return what expanding `confirmation_secret` puts into an invoice: the way to pay it in a browser."""
    intent = work.find(work.hidden(invoice["id"]).get("intent"))
    return {"client_secret": intent["client_secret"], "type": "payment_intent"} if intent else None


ROUTES: Final = (
    Route("POST", URL, _create, create_params.InvoiceCreateParams),
    Route("GET", URL, _list, list_params.InvoiceListParams),
    Route("GET", URL + "/{id}", _retrieve, retrieve_params.InvoiceRetrieveParams),
    Route("POST", URL + "/{id}", _update, update_params.InvoiceUpdateParams),
    Route("DELETE", URL + "/{id}", _delete, delete_params.InvoiceDeleteParams),
    Route("GET", URL + "/{id}/lines", _lines, lines_params.InvoiceLineItemListParams),
    Route("POST", URL + "/{id}/add_lines", _add_lines, add_params.InvoiceAddLinesParams),
    Route("POST", URL + "/{id}/finalize", _finalize, finalize_params.InvoiceFinalizeInvoiceParams),
    Route("POST", URL + "/{id}/send", _send, send_params.InvoiceSendInvoiceParams),
    Route("POST", URL + "/{id}/pay", _pay, pay_params.InvoicePayParams),
    Route("POST", URL + "/{id}/void", _void, void_params.InvoiceVoidInvoiceParams),
    Route(
        "POST",
        URL + "/{id}/mark_uncollectible",
        _write_off,
        uncollectible_params.InvoiceMarkUncollectibleParams,
    ),
)
