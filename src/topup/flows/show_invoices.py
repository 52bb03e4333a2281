"""An institution's invoices: the list, one, or the PDF of one of our own.

Stripe's are asked for when one is looked at, since their addresses run out; where Stripe does not answer, what is
stored is shown. A PDF is drawn when it is wanted, from the row alone, so it is the same each time.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import psycopg_pool
import structlog

from topup import errors
from topup.db import invoices
from topup.db.invoices import Invoice
from topup.flows import invoice_purchase
from topup.gateway import invoice_pdf, protocol

Pool = psycopg_pool.AsyncConnectionPool
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Document:
    """An invoice as a file."""

    number: str
    pdf: bytes


async def newest(pool: Pool, *, institution_id: UUID, before: UUID | None, limit: int) -> Sequence[Invoice]:
    """Newest first, as stored; `before` is the last one that was seen."""
    async with pool.connection() as conn:
        return await invoices.page(conn, institution_id, before=before, limit=limit)


async def one(pool: Pool, stripe: protocol.Stripe, *, institution_id: UUID, invoice_id: UUID) -> Invoice:
    """One as it stands now; NotFound for another institution's."""
    invoice = await _find(pool, invoice_id, institution_id)
    if invoice.stripe_invoice_id is None:
        return invoice
    try:
        await invoice_purchase.refresh(pool, stripe, invoice.stripe_invoice_id)
    except errors.GatewayError as error:
        log.info("invoice_not_refreshed", invoice_id=str(invoice_id), code=error.code)
    return await _find(pool, invoice_id, institution_id)


async def stored(pool: Pool, *, institution_id: UUID, invoice_id: UUID) -> Invoice:
    """One as it is kept, without asking Stripe; NotFound for another institution's."""
    return await _find(pool, invoice_id, institution_id)


async def document(pool: Pool, *, institution_id: UUID, invoice_id: UUID, seller: str) -> Document:
    """One of our own as a PDF; NotFound for one that Stripe draws."""
    invoice = await _find(pool, invoice_id, institution_id)
    if invoice.stripe_invoice_id is not None or invoice.number is None:
        raise errors.NotFound
    paper = invoice_pdf.Paper(
        seller=seller,
        number=invoice.number,
        billed_to=invoice.billed_to,
        description=invoice.package_name,
        quantity=invoice.quantity,
        unit_price_minor=invoice.unit_price_minor,
        total_minor=invoice.amount_due_minor,
        currency=invoice.currency,
        issued_at=invoice.created_at,
        paid_at=invoice.paid_at,
        reference=str(invoice.payment_id),
    )
    return Document(invoice.number, await asyncio.to_thread(invoice_pdf.draw, paper))


async def _find(pool: Pool, invoice_id: UUID, institution_id: UUID) -> Invoice:
    async with pool.connection() as conn:
        found = await invoices.find(conn, invoice_id, institution_id=institution_id)
    if found is None:
        raise errors.NotFound
    return found
