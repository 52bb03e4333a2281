"""Invoices over JSON: Stripe's for purchases by invoice, our own numbered ones with a PDF for paid cards."""

import re

import httpx2
import pytest

from tests import institutions, pages_at_stripe
from tests.stripe_boxes import StripeBox
from tests.web import billing
from tests.web.billing import INVOICES, World
from topup.settings import Settings

world = billing.world


@pytest.fixture
def settings(settings: Settings, stripe_box: StripeBox) -> Settings:
    return settings.model_copy(
        update={"stripe_api_base": stripe_box.url, "stripe_publishable_key": billing.PUBLISHABLE_KEY}
    )


async def paid_by_card(world: World, quantity: int = 10) -> str:
    """The id of the invoice of a purchase by card."""
    bought = await world.buy(quantity)
    pages_at_stripe.pays(world.box, bought["clientSecret"])
    invoice_id = (await world.purchase(bought["purchaseId"]))["invoiceId"]
    assert invoice_id is not None
    return invoice_id


async def test_card_purchase_has_our_own_paid_invoice(world: World) -> None:
    invoice_id = await paid_by_card(world)
    told = (await world.bill.get(f"{INVOICES}/{invoice_id}")).json()
    assert told == {
        "id": invoice_id,
        "number": told["number"],
        "status": "paid",
        "amountDue": 6_000,
        "amountPaid": 6_000,
        "currency": "gbp",
        "hostedInvoiceUrl": None,
        "invoicePdf": told["invoicePdf"],
        "createdAt": told["createdAt"],
        "purchaseId": told["purchaseId"],
    }
    assert re.fullmatch("TU-[0-9]{4}-000001", told["number"])
    assert (await world.bill.get(INVOICES)).json() == {"data": [told], "nextCursor": None}
    pdf = await world.bill.client.get(told["invoicePdf"])
    assert (pdf.status_code, pdf.headers["content-type"], pdf.content[:5]) == (200, "application/pdf", b"%PDF-")
    assert f'filename="{told["number"]}.pdf"' in pdf.headers["content-disposition"]


async def test_pdf_needs_sign_in_and_the_role(world: World, client: httpx2.AsyncClient) -> None:
    """Fault 66."""
    invoice_id = await paid_by_card(world)
    path = f"{INVOICES}/{invoice_id}/pdf"
    assert (await client.get(path)).status_code == 401
    statuses = {who: (await person.get(path)).status_code for who, person in world.people.items()}
    assert statuses == {"OWNER": 200, "BILLING": 200, "MANAGER": 403, "STUDENT": 403, "other": 404, "none": 404}


async def test_name_in_letters_that_no_font_has_breaks_no_invoice(world: World) -> None:
    """And what looks like markup stays what it is."""
    name = "学校 مدرسة 😀 #panic() $x$ \\ [ ] @ref <a>"
    await institutions.run(world.house, "UPDATE institutions SET name = %s", [name])
    invoice_id = await paid_by_card(world)
    pdf = await world.bill.get(f"{INVOICES}/{invoice_id}/pdf")
    assert (pdf.status_code, pdf.content[:5]) == (200, b"%PDF-")


async def test_invoice_keeps_whom_it_was_billed_to(world: World) -> None:
    """Fault 58: the next one is written to the new name."""
    first = await paid_by_card(world)
    await institutions.run(world.house, "UPDATE institutions SET name = 'Moved'", [])
    before = (await world.bill.get(f"{INVOICES}/{first}/pdf")).content
    after = (await world.bill.get(f"{INVOICES}/{await paid_by_card(world)}/pdf")).content
    assert before == (await world.bill.get(f"{INVOICES}/{first}/pdf")).content != after


async def test_stripes_invoice_is_shown_with_its_addresses_and_its_fate(world: World) -> None:
    bought = await world.buy(10, payBy="INVOICE")
    told = (await world.bill.get(f"{INVOICES}/{bought['invoiceId']}")).json()
    [invoice] = world.box.client.invoices.list().data
    assert (told["status"], told["number"], told["amountDue"], told["amountPaid"]) == ("open", invoice.number, 6_000, 0)
    assert (told["hostedInvoiceUrl"], told["invoicePdf"]) == (invoice.hosted_invoice_url, invoice.invoice_pdf)
    assert (await world.bill.get(f"{INVOICES}/{bought['invoiceId']}/pdf")).status_code == 404
    world.box.web.post(told["hostedInvoiceUrl"], data={"transfer": "1"})
    seen = (await world.bill.get(f"{INVOICES}/{bought['invoiceId']}")).json()
    assert (seen["status"], seen["amountPaid"]) == ("paid", 6_000)
    assert (await world.school.pool())["available"] == 10


async def test_stripe_down_still_shows_what_is_known(world: World) -> None:
    """Fault 35."""
    bought = await world.buy(10, payBy="INVOICE")
    world.box.control("outage", manner="502")
    told = await world.bill.get(f"{INVOICES}/{bought['invoiceId']}")
    world.box.end_outage()
    assert (told.status_code, told.json()["status"]) == (200, "open")


async def test_invoices_are_paged_and_another_institutions_are_not_there(world: World) -> None:
    made = [(await world.buy(quantity, payBy="INVOICE"))["invoiceId"] for quantity in (1, 2, 3)]
    first = (await world.bill.get(INVOICES, limit=2)).json()
    rest = (await world.bill.get(INVOICES, limit=2, cursor=first["nextCursor"])).json()
    assert [one["id"] for one in first["data"] + rest["data"]] == made[::-1]
    assert (await world.people["other"].get(INVOICES)).json()["data"] == []
    theirs, none = [await world.people["other"].get(f"{INVOICES}/{one}") for one in (made[0], billing.NOBODYS)]
    assert (theirs.status_code, none.status_code) == (404, 404)
    assert {**theirs.json(), "requestId": ""} == {**none.json(), "requestId": ""}
