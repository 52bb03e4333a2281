"""Invoices: drafted, counted up, finalized, sent, and paid by card, by transfer or by other means."""

import pytest

from tests.sandbox.boxes import Answer, Box

TRANSFER = {
    "payment_method_types": ["customer_balance", "card"],
    "payment_method_options": {
        "customer_balance": {"funding_type": "bank_transfer", "bank_transfer": {"type": "gb_bank_transfer"}},
    },
}


def customer(box: Box) -> Answer:
    return box.stripe.v1.customers.create(params={"name": "Université de Démonstration", "email": "finance@x.example"})


def draft(box: Box, customer_id: str, **more: object) -> Answer:
    params = {"customer": customer_id, "collection_method": "send_invoice", "days_until_due": 30, **more}
    return box.stripe.v1.invoices.create(params={**params, "pending_invoice_items_behavior": "exclude"})


def add(box: Box, invoice: Answer, amount: int = 250_000, **more: object) -> Answer:
    params = {"customer": invoice.customer, "invoice": invoice.id, "amount": amount, "currency": "gbp", **more}
    return box.stripe.v1.invoice_items.create(params={"description": "Sessions", **params})


def opened(box: Box, customer_id: str, **more: object) -> Answer:
    made = draft(box, customer_id, **more)
    add(box, made)
    return box.stripe.v1.invoices.finalize_invoice(made.id)


def types(box: Box) -> list[str]:
    return [event.type for event in box.stripe.v1.events.list(params={"limit": 50}).data]


def test_draft_becomes_an_open_invoice_with_number_and_addresses(box: Box) -> None:
    made = draft(box, customer(box).id, metadata={"order": "1"})
    assert (made.status, made.number, made.hosted_invoice_url, made.total) == ("draft", None, None, 0)
    add(box, made)
    invoice = box.stripe.v1.invoices.finalize_invoice(made.id)
    assert (invoice.status, invoice.total, invoice.amount_due) == ("open", 250_000, 250_000)
    assert invoice.number.endswith("-0001")
    assert invoice.due_date == invoice.created + 30 * 24 * 3600
    assert invoice.hosted_invoice_url.startswith(f"{box.url}/i/")
    sent = box.stripe.v1.invoices.send_invoice(invoice.id)
    assert sent.status == "open"
    assert types(box)[:2] == ["invoice.sent", "invoice.finalized"]
    with pytest.raises(box.errors.InvalidRequestError):
        box.stripe.v1.invoices.finalize_invoice(invoice.id)
    with pytest.raises(box.errors.InvalidRequestError):
        add(box, invoice)


def test_taxes_on_top_and_inside_add_up(box: Box) -> None:
    rates = box.stripe.v1.tax_rates
    on_top = rates.create(params={"display_name": "VAT", "percentage": 20, "inclusive": False})
    inside = rates.create(params={"display_name": "VAT", "percentage": 20, "inclusive": True})
    made = draft(box, customer(box).id, default_tax_rates=[on_top.id])
    add(box, made, 10_000)
    add(box, made, 1_200, tax_rates=[inside.id])
    after = box.stripe.v1.invoices.retrieve(made.id)
    assert (after.subtotal, after.total) == (11_200, 13_200)
    assert (after.subtotal_excluding_tax, after.total_excluding_tax) == (11_000, 11_000)
    assert sorted((tax.amount, tax.tax_behavior) for tax in after.total_taxes) == [
        (200, "inclusive"),
        (2000, "exclusive"),
    ]


def test_many_lines_are_paged_and_the_invoice_shows_the_first_ten(box: Box) -> None:
    made = draft(box, customer(box).id)
    price = {"currency": "gbp", "unit_amount": 100, "product_data": {"name": "Seat"}}
    lines = [{"price_data": price, "quantity": number} for number in range(1, 13)]
    made = box.stripe.v1.invoices.add_lines(made.id, params={"lines": lines})
    assert (len(made.lines.data), made.lines.has_more, made.total) == (10, True, 7800)
    listed = box.stripe.v1.invoices.line_items.list(made.id, params={"limit": 100}).data
    assert [line.quantity for line in listed] == list(range(1, 13))


def test_transfer_pays_the_oldest_open_invoice_when_it_is_enough(box: Box) -> None:
    buyer = customer(box)
    first, second = (opened(box, buyer.id, payment_settings=TRANSFER) for _ in range(2))
    fund = box.stripe.v1.test_helpers.customers.fund_cash_balance
    fund(buyer.id, params={"amount": 200_000, "currency": "gbp"})
    assert box.stripe.v1.invoices.retrieve(first.id).status == "open"
    assert "payment_intent.partially_funded" in types(box)
    fund(buyer.id, params={"amount": 60_000, "currency": "gbp"})
    paid = box.stripe.v1.invoices.retrieve(first.id, params={"expand": ["payments"]})
    assert (paid.status, paid.amount_paid, paid.amount_remaining) == ("paid", 250_000, 0)
    assert box.stripe.v1.invoices.retrieve(second.id).status == "open"
    payment = paid.payments.data[0]
    assert (payment.status, payment.payment.type) == ("paid", "payment_intent")
    found = box.stripe.v1.invoice_payments.list(
        params={"payment": {"type": "payment_intent", "payment_intent": payment.payment.payment_intent}},
    )
    assert [one.invoice for one in found.data] == [first.id]
    balance = box.stripe.v1.customers.cash_balance.retrieve(buyer.id)
    assert balance.available["gbp"] == 10_000
    assert {"invoice.paid", "invoice_payment.paid", "invoice.payment_succeeded"} <= set(types(box))


def test_invoice_is_charged_to_the_default_card(box: Box) -> None:
    buyer = customer(box)
    card = box.stripe.v1.payment_methods.attach("pm_card_visa", params={"customer": buyer.id})
    made = draft(box, buyer.id)
    add(box, made)
    with pytest.raises(box.errors.InvalidRequestError, match="no default_payment_method"):
        box.stripe.v1.invoices.pay(made.id)
    box.stripe.v1.customers.update(buyer.id, params={"invoice_settings": {"default_payment_method": card.id}})
    box.stripe.v1.invoices.finalize_invoice(made.id)
    assert box.stripe.v1.invoices.pay(made.id).status == "paid"
    with pytest.raises(box.errors.InvalidRequestError):
        box.stripe.v1.invoices.pay(made.id)


def test_declined_card_leaves_the_invoice_open_and_counts_the_attempt(box: Box) -> None:
    invoice = opened(box, customer(box).id)
    with pytest.raises(box.errors.CardError):
        box.stripe.v1.invoices.pay(invoice.id, params={"payment_method": "pm_card_visa_chargeDeclined"})
    after = box.stripe.v1.invoices.retrieve(invoice.id)
    assert (after.status, after.attempt_count, after.attempted) == ("open", 1, True)
    assert "invoice.payment_failed" in types(box)


def test_invoice_is_paid_in_the_browser_with_its_confirmation_secret(box: Box) -> None:
    invoice = opened(box, customer(box).id)
    expanded = box.stripe.v1.invoices.retrieve(invoice.id, params={"expand": ["confirmation_secret"]})
    secret = expanded.confirmation_secret.client_secret
    intent_id = secret.partition("_secret_")[0]
    paid = box.web.post(
        f"/v1/payment_intents/{intent_id}/confirm",
        data={"client_secret": secret, "payment_method": "pm_card_visa"},
        headers={"Authorization": "Bearer pk_test_browser"},
    )
    assert paid.json()["status"] == "succeeded"
    assert box.stripe.v1.invoices.retrieve(invoice.id).status == "paid"


def test_hosted_invoice_takes_a_card_and_a_transfer(box: Box) -> None:
    invoice = opened(box, customer(box).id, payment_settings=TRANSFER)
    page = box.web.get(invoice.hosted_invoice_url)
    assert "£2,500.00" in page.text
    assert "Université de Démonstration" in page.text
    declined = box.web.post(
        invoice.hosted_invoice_url,
        data={"card_number": "4000000000000002", "exp_month": "12", "exp_year": "34", "cvc": "123"},
    )
    assert (declined.status_code, "declined" in declined.text) == (402, True)
    arrived = box.web.post(invoice.hosted_invoice_url, data={"transfer": "1"})
    assert (arrived.status_code, arrived.headers["location"]) == (303, invoice.hosted_invoice_url)
    assert "Paid" in box.web.get(invoice.hosted_invoice_url).text
    pdf = box.web.get(invoice.invoice_pdf)
    assert pdf.headers["content-type"] == "application/pdf"
    assert pdf.content.startswith(b"%PDF-1.")
    assert box.web.get("/i/nothing").status_code == 404


def test_card_that_asks_pays_a_hosted_invoice_after_3d_secure(box: Box) -> None:
    invoice = opened(box, customer(box).id)
    card = {"card_number": "4000002760003184", "exp_month": "12", "exp_year": "34", "cvc": "123"}
    asks = box.web.post(invoice.hosted_invoice_url, data=card)
    back = box.web.post(asks.headers["location"], data={"outcome": "complete"})
    assert back.headers["location"].startswith(invoice.hosted_invoice_url)
    assert box.stripe.v1.invoices.retrieve(invoice.id).status == "paid"


def test_void_written_off_and_paid_elsewhere(box: Box) -> None:
    invoices, buyer = box.stripe.v1.invoices, customer(box)
    void = invoices.void_invoice(opened(box, buyer.id).id)
    assert void.status == "void"
    with pytest.raises(box.errors.InvalidRequestError):
        invoices.pay(void.id, params={"payment_method": "pm_card_visa"})
    written_off = invoices.mark_uncollectible(opened(box, buyer.id).id)
    assert written_off.status == "uncollectible"
    elsewhere = invoices.pay(written_off.id, params={"paid_out_of_band": True})
    assert (elsewhere.status, elsewhere.amount_paid_off_stripe) == ("paid", 250_000)
    listed = invoices.list(params={"customer": buyer.id, "status": "void"}).data
    assert [one.id for one in listed] == [void.id]
    assert len(invoices.list(params={"collection_method": "send_invoice"}).data) == 2
    assert invoices.list(params={"collection_method": "charge_automatically"}).data == []


def test_invoice_of_nothing_is_paid_when_finalized(box: Box) -> None:
    assert box.stripe.v1.invoices.finalize_invoice(draft(box, customer(box).id).id).status == "paid"


def test_draft_that_advances_by_itself_is_finalized_and_sent_after_an_hour(box: Box) -> None:
    made = draft(box, customer(box).id, auto_advance=True)
    add(box, made)
    box.control("clock", advance_s=3599)
    assert box.stripe.v1.invoices.retrieve(made.id).status == "draft"
    box.control("clock", advance_s=2)
    assert box.stripe.v1.invoices.retrieve(made.id).status == "open"
    assert "invoice.sent" in types(box)
    box.control("clock", advance_s=31 * 24 * 3600)
    assert types(box)[0] == "invoice.overdue"


def test_drafts_are_changed_and_deleted_and_open_ones_are_not(box: Box) -> None:
    buyer = customer(box)
    made = draft(box, buyer.id)
    item = add(box, made, 500)
    box.stripe.v1.invoice_items.delete(item.id)
    changed = box.stripe.v1.invoices.update(made.id, params={"description": "Autumn", "metadata": {"a": "1"}})
    assert (changed.total, changed.description, changed.metadata["a"]) == (0, "Autumn", "1")
    assert box.stripe.v1.invoices.delete(made.id).deleted
    kept = opened(box, buyer.id)
    assert box.stripe.v1.invoices.update(kept.id, params={"metadata": {"b": "2"}}).metadata["b"] == "2"
    for refused in (
        lambda: box.stripe.v1.invoices.delete(kept.id),
        lambda: box.stripe.v1.invoices.update(kept.id, params={"description": "x"}),
    ):
        with pytest.raises(box.errors.InvalidRequestError):
            refused()


def test_pending_items_wait_for_the_next_invoice_that_includes_them(box: Box) -> None:
    buyer = customer(box)
    box.stripe.v1.invoice_items.create(params={"customer": buyer.id, "amount": 700, "currency": "gbp"})
    assert draft(box, buyer.id).total == 0
    params = {"customer": buyer.id, "pending_invoice_items_behavior": "include"}
    assert box.stripe.v1.invoices.create(params=params).total == 700


def test_sending_needs_a_due_date(box: Box) -> None:
    with pytest.raises(box.errors.InvalidRequestError) as refused:
        box.stripe.v1.invoices.create(params={"customer": customer(box).id, "collection_method": "send_invoice"})
    assert refused.value.param == "days_until_due"
