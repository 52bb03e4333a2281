"""An institution's invoices over JSON: Stripe's for purchases by invoice, our own numbered ones for paid cards.

Addresses at Stripe are good for whoever has them, so they are shown to those alone who may see invoices.
"""

import re
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.responses import Response

from topup.db.invoices import Invoice
from topup.flows import show_invoices
from topup.web import errors as problems
from topup.web import institutions_door
from topup.web.api import models, paging
from topup.web.context import HouseDep

router = APIRouter(prefix="/api/stripe/invoices", tags=["Cards and invoices"])


class InvoiceAnswer(models.Answer):
    """An invoice. `invoicePdf` of our own ones asks for the same sign-in as this call."""

    id: str
    number: str | None
    status: str
    amount_due: int
    amount_paid: int
    currency: str
    hosted_invoice_url: str | None
    invoice_pdf: str | None
    created_at: models.Moment
    purchase_id: str


class InvoiceList(models.Answer):
    """One page of invoices, newest first."""

    data: list[InvoiceAnswer]
    next_cursor: str | None


class _Place(BaseModel):
    id: UUID


class PdfResponse(Response):
    """A PDF, as the description of the API names it."""

    media_type = "application/pdf"


@router.get("", responses=problems.documented(404))
async def list_invoices(
    house: HouseDep,
    seat: institutions_door.InvoiceSeat,
    limit: paging.Limit = paging.LIMIT_DEFAULT,
    cursor: paging.Cursor = None,
) -> InvoiceList:
    """The institution's invoices, newest first."""
    place = paging.read(_Place, cursor)
    rows = await show_invoices.newest(
        house.pool, institution_id=seat.institution_id, before=place.id if place else None, limit=limit + 1
    )
    page, next_cursor = paging.cut(rows, limit, lambda invoice: _Place(id=invoice.id))
    app_url = house.settings.frontend_url
    return InvoiceList(data=[_answer(invoice, app_url) for invoice in page], next_cursor=next_cursor)


@router.get("/{invoice_id}", responses=problems.documented(404))
async def show_invoice(invoice_id: models.RowId, house: HouseDep, seat: institutions_door.InvoiceSeat) -> InvoiceAnswer:
    """One invoice; Stripe is asked for its own, since their addresses change."""
    invoice = await show_invoices.one(
        house.pool, house.stripe, institution_id=seat.institution_id, invoice_id=invoice_id
    )
    return _answer(invoice, house.settings.frontend_url)


@router.get("/{invoice_id}/pdf", response_class=PdfResponse, responses=problems.documented(404))
async def download_invoice(invoice_id: models.RowId, house: HouseDep, seat: institutions_door.InvoiceSeat) -> Response:
    """One of our own invoices as a PDF. Stripe's have theirs at Stripe."""
    document = await show_invoices.document(
        house.pool, institution_id=seat.institution_id, invoice_id=invoice_id, seller=house.settings.app_name
    )
    name = re.sub(r"[^A-Za-z0-9-]", "-", document.number)
    headers = {"Content-Disposition": f'inline; filename="{name}.pdf"', "Cache-Control": "private, no-store"}
    return PdfResponse(document.pdf, headers=headers)


def _answer(invoice: Invoice, app_url: str) -> InvoiceAnswer:
    is_ours = invoice.stripe_invoice_id is None
    own_pdf = f"{app_url.rstrip('/')}{router.prefix}/{invoice.id}/pdf?institutionId={invoice.institution_id}"
    return InvoiceAnswer(
        id=str(invoice.id),
        number=invoice.number,
        status=invoice.status,
        amount_due=invoice.amount_due_minor,
        amount_paid=invoice.amount_paid_minor,
        currency=invoice.currency,
        hosted_invoice_url=invoice.hosted_url,
        invoice_pdf=own_pdf if is_ours else invoice.pdf_url,
        created_at=invoice.created_at,
        purchase_id=str(invoice.payment_id),
    )
