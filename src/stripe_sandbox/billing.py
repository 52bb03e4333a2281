"""The life of an invoice: counted up, finalized, sent, paid by whichever way, voided or written off.

Decides totals, states and Stripe's events. Called by the invoice calls, by the hosted invoice page, by arriving bank
transfers, by `settlements` when an invoice's payment intent ends, and by the timers.
"""

import contextlib
from typing import Final

from stripe_sandbox import attempts, errors, ids, intents
from stripe_sandbox.nouns import customers, tax_ids, tax_rates
from stripe_sandbox.store import Body
from stripe_sandbox.work import Work

DAY_S: Final = 24 * 3600
SHOWN_LINES: Final = 10


def lines_of(work: Work, invoice: Body) -> list[Body]:
    """Return all lines of an invoice."""
    return work.hidden(invoice["id"])["lines"]


def count(work: Work, invoice: Body, lines: list[Body]) -> Body:
    """Give a draft these lines and add them up; returns the invoice."""
    work.hide(invoice["id"], lines=lines)
    taxes = _sum_taxes(lines)
    inclusive, exclusive = (
        sum(tax["amount"] for tax in taxes if tax["tax_behavior"] == kind) for kind in ("inclusive", "exclusive")
    )
    subtotal_minor = sum(line["amount"] for line in lines)
    total_minor = subtotal_minor + exclusive
    changes: Body = {
        "lines": shown_lines(invoice["id"], lines),
        "subtotal": subtotal_minor,
        "subtotal_excluding_tax": subtotal_minor - inclusive,
        "total": total_minor,
        "total_excluding_tax": total_minor - inclusive - exclusive,
        "total_taxes": taxes,
        "amount_due": max(total_minor, 0),
        "amount_remaining": max(total_minor, 0),
    }
    return work.change(invoice, changes)


def shown_lines(invoice_id: str, lines: list[Body]) -> Body:
    """Return the list object with the first lines, as an invoice carries it."""
    url = f"/v1/invoices/{invoice_id}/lines"
    return {"object": "list", "data": lines[:SHOWN_LINES], "has_more": len(lines) > SHOWN_LINES, "url": url}


def finalize(work: Work, invoice: Body) -> Body:
    """Turn a draft into an open invoice with a number, addresses and something to pay; nothing to pay means paid."""
    _check_status(invoice, ("draft",), "finalize")
    number = _next_number(work, invoice["customer"])
    secret = ids.random_text(40)
    hosted = f"{work.url}/i/{secret}"
    changes: Body = {
        "status": "open",
        "number": invoice["number"] or number,
        "hosted_invoice_url": hosted,
        "invoice_pdf": f"{hosted}/pdf",
        "customer_tax_ids": tax_ids.of_customer(work, invoice["customer"]),
        "effective_at": invoice["effective_at"] or work.now,
        "automatically_finalizes_at": None,
        "ending_balance": 0,
        "status_transitions": {**invoice["status_transitions"], "finalized_at": work.now},
    }
    work.hide(invoice["id"], secret=secret)
    work.store.remember(f"invoice_secret:{secret}", invoice["id"])
    invoice = work.change(invoice, changes)
    if invoice["amount_due"]:
        _ask_for_money(work, invoice)
        work.emit("invoice.finalized", invoice)
        return _advance(work, invoice)
    work.emit("invoice.finalized", invoice)
    return mark_paid(work, invoice)


def finalize_when_due(work: Work, invoice_id: str) -> None:
    """Finalize a draft that advances by itself, once its hour is over."""
    invoice = work.find(invoice_id)
    if invoice and invoice.get("status") == "draft" and invoice["auto_advance"]:
        finalize(work, invoice)


def overdue_when_due(work: Work, invoice_id: str) -> None:
    """Tell that an open invoice has passed its due date."""
    invoice = work.find(invoice_id)
    if invoice and invoice.get("status") == "open":
        work.emit("invoice.overdue", invoice)


def send(work: Work, invoice: Body) -> Body:
    """Say that the invoice was mailed, finalizing a draft first; the sandbox mails nobody."""
    if invoice["status"] == "draft":
        invoice = finalize(work, {**invoice, "auto_advance": False})
    _check_status(invoice, ("open", "paid", "uncollectible"), "send")
    work.emit("invoice.sent", invoice)
    return invoice


def pay(work: Work, invoice: Body, method: Body, terms: attempts.Terms) -> Body:
    """Attempt to pay an open invoice with this method; raises the decline."""
    _check_status(invoice, ("open", "uncollectible"), "pay")
    return attempt(work, invoice, intent_of(work, invoice), method, terms)


def attempt(work: Work, invoice: Body, intent: Body, method: Body, terms: attempts.Terms) -> Body:
    """Confirm the invoice's intent and bring the invoice into line, whatever comes of it."""
    tried = {"attempted": True, "attempt_count": invoice["attempt_count"] + 1}
    try:
        intent = attempts.confirm(work, intent, method, terms)
    except errors.Refusal as refusal:
        if refusal.keeps:
            work.change(invoice, tried, "invoice.payment_failed")
        raise
    invoice = work.change(invoice, tried)
    if intent["status"] == "requires_action":
        work.emit("invoice.payment_action_required", invoice)
    return settled(work, invoice, intent)


def settled(work: Work, invoice: Body, intent: Body) -> Body:
    """Bring an invoice into line with its payment intent."""
    if intent["status"] == "succeeded" and invoice["status"] in {"open", "uncollectible"}:
        _close_payment(work, invoice, "paid", intent["amount_received"])
        return mark_paid(work, invoice)
    return invoice


def debit_failed(work: Work, invoice: Body) -> None:
    """Tell that the debit an invoice waited for did not arrive."""
    work.emit("invoice.payment_failed", invoice)


def mark_paid(work: Work, invoice: Body, *, is_off_stripe: bool = False) -> Body:
    """Call an invoice paid."""
    changes: Body = {
        "status": "paid",
        "attempted": True,
        "auto_advance": False,
        "amount_paid": invoice["amount_due"],
        "amount_paid_off_stripe": invoice["amount_due"] if is_off_stripe else 0,
        "amount_remaining": 0,
        "status_transitions": {**invoice["status_transitions"], "paid_at": work.now},
    }
    return work.change(invoice, changes, "invoice.updated", "invoice.paid", "invoice.payment_succeeded")


def pay_out_of_band(work: Work, invoice: Body) -> Body:
    """Call an invoice paid by money that Stripe never saw."""
    _check_status(invoice, ("open", "uncollectible"), "pay")
    _drop_intent(work, invoice, "automatic")
    return mark_paid(work, invoice, is_off_stripe=True)


def void(work: Work, invoice: Body) -> Body:
    """Take back an invoice that should not have been; nobody can pay it any more."""
    _check_status(invoice, ("open", "uncollectible"), "void")
    _drop_intent(work, invoice, "void_invoice")
    times = {**invoice["status_transitions"], "voided_at": work.now}
    changes: Body = {"status": "void", "auto_advance": False, "status_transitions": times}
    return work.change(invoice, changes, "invoice.updated", "invoice.voided")


def write_off(work: Work, invoice: Body) -> Body:
    """Mark an invoice as one that will hardly be paid; it still can be."""
    _check_status(invoice, ("open",), "mark as uncollectible")
    times = {**invoice["status_transitions"], "marked_uncollectible_at": work.now}
    changes: Body = {"status": "uncollectible", "auto_advance": False, "status_transitions": times}
    return work.change(invoice, changes, "invoice.updated", "invoice.marked_uncollectible")


def intent_of(work: Work, invoice: Body) -> Body:
    """Return the payment intent of a finalized invoice."""
    found = work.find(work.hidden(invoice["id"]).get("intent"))
    if found is None:
        raise errors.not_now("This invoice has nothing to pay.", code="invoice_no_payment_method_types")
    return found


def by_secret(work: Work, secret: str) -> Body | None:
    """Return the invoice that a hosted address names."""
    return work.find(work.store.recall(f"invoice_secret:{secret}"))


def _sum_taxes(lines: list[Body]) -> list[Body]:
    sums: dict[tuple[str, str], Body] = {}
    for tax in (tax for line in lines for tax in line["taxes"]):
        key = (tax["tax_rate_details"]["tax_rate"], tax["tax_behavior"])
        known = sums.get(key)
        sums[key] = (
            {**known, **{name: known[name] + tax[name] for name in ("amount", "taxable_amount")}} if known else tax
        )
    return list(sums.values())


def retaxed(work: Work, line: Body, rate_ids: list[str]) -> Body:
    """Return a line with the taxes of these rates."""
    rates = tax_rates.all_of(work, rate_ids, "tax_rates")
    return {**line, "taxes": tax_rates.taxes(line["amount"], rates)}


def _next_number(work: Work, customer_id: str) -> str:
    customer = customers.living(work, customer_id)
    sequence = customer["next_invoice_sequence"]
    work.change(customer, {"next_invoice_sequence": sequence + 1})
    return f"{customer['invoice_prefix']}-{sequence:04}"


def _ask_for_money(work: Work, invoice: Body) -> None:
    wanted = invoice["payment_settings"]["payment_method_types"]
    types = wanted or intents.method_types(invoice["currency"], None, None)
    more = {"customer": invoice["customer"], "description": f"Invoice {invoice['number']}"}
    body = intents.new(work, invoice["amount_due"], invoice["currency"], types, **more)
    intent = work.add(body, "payment_intent.created", invoice=invoice["id"])
    payment: Body = {
        "id": ids.new("inpay_"),
        "object": "invoice_payment",
        "amount_paid": None,
        "amount_requested": invoice["amount_due"],
        "created": work.now,
        "currency": invoice["currency"],
        "invoice": invoice["id"],
        "is_default": True,
        "livemode": False,
        "payment": {"payment_intent": intent["id"], "type": "payment_intent"},
        "status": "open",
        "status_transitions": {"canceled_at": None, "paid_at": None},
    }
    work.add(payment)
    work.hide(invoice["id"], intent=intent["id"], payment=payment["id"])


def _advance(work: Work, invoice: Body) -> Body:
    """Do what follows finalization by itself: sending, or charging the customer's default method."""
    if invoice["due_date"]:
        work.later(invoice["due_date"] - work.moment, "overdue_invoice", invoice["id"])
    if not invoice["auto_advance"]:
        return invoice
    if invoice["collection_method"] == "send_invoice":
        return send(work, invoice)
    method = default_method(work, invoice)
    if method:
        # A decline is told by events; nobody waits for an answer here.
        with contextlib.suppress(errors.Refusal):
            return pay(work, invoice, method, attempts.Terms(is_off_session=True))
    return work.get("invoice", invoice["id"])


def default_method(work: Work, invoice: Body) -> Body | None:
    """Return the method an invoice is charged to without being told: its own, or its customer's default."""
    customer = work.find(invoice["customer"]) or {}
    default = (customer.get("invoice_settings") or {}).get("default_payment_method")
    return work.find(invoice["default_payment_method"] or default)


def _close_payment(work: Work, invoice: Body, status: str, amount_paid: int | None) -> None:
    payment = work.find(work.hidden(invoice["id"]).get("payment"))
    if payment is None or payment["status"] != "open":
        return
    moment = {"paid": "paid_at", "canceled": "canceled_at"}[status]
    times = {**payment["status_transitions"], moment: work.now}
    changes: Body = {"status": status, "amount_paid": amount_paid, "status_transitions": times}
    work.change(payment, changes, *(["invoice_payment.paid"] if status == "paid" else []))


def _drop_intent(work: Work, invoice: Body, reason: str) -> None:
    intent = work.find(work.hidden(invoice["id"]).get("intent"))
    if intent and intent["status"] in intents.CONFIRMABLE:
        changes = {"status": "canceled", "canceled_at": work.now, "cancellation_reason": reason, "next_action": None}
        work.change(intent, changes, "payment_intent.canceled")
    _close_payment(work, invoice, "canceled", None)


def _check_status(invoice: Body, allowed: tuple[str, ...], verb: str) -> None:
    if invoice["status"] not in allowed:
        message = f"You can't {verb} this invoice: its status is {invoice['status']}."
        code = "invoice_not_editable" if verb == "finalize" else "invoice_unexpected_state"
        raise errors.not_now(message, code=code)
