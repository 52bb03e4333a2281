"""What an institution pays with and is billed by: its cards, its billing details, its invoices.

Acts on cards are in saved_cards.py. Addresses at Stripe run out, so an invoice's are asked for when one is opened.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from topup import errors
from topup.core import ids, money
from topup.db.invoices import Invoice
from topup.db.payment_methods import Owner
from topup.flows import edit_institution, show_invoices
from topup.web import csrf
from topup.web.api import institutions as bodies
from topup.web.api import models
from topup.web.context import HouseDep
from topup.web.pages import billing_details, elements, forms, frame, institution_door, saved_cards

PAGE_INVOICES = 10
SAVED = "details"
_STATES = {
    "open": ("To pay", "waiting"),
    "paid": ("Paid", "good"),
    "void": ("Void, nothing owed", "bad"),
    "uncollectible": ("Written off", "bad"),
}
Short = Annotated[str, Query(max_length=40)]

router = APIRouter(prefix="/institutions", include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Shown:
    """One invoice, money as text."""

    id: UUID
    number: str
    state: str
    tone: str
    total: str
    quantity: int
    created_at: datetime
    purchase_id: UUID
    has_page: bool


@router.get("/{institution_id}/billing")  # noqa: FAST003 - the door takes it
async def billing(
    request: Request, house: HouseDep, entry: institution_door.CardsEntry, cursor: Short = "", done: Short = ""
) -> Response:
    """The page; with a cursor, with older invoices."""
    if (clean := elements.cleaned(request)) is not None:
        return clean
    return await _page(request, house, entry, cursor=cursor, done=done)


@router.post("/{institution_id}/billing", dependencies=[Depends(csrf.guard)])  # noqa: FAST003 - the door takes it
async def change_details(request: Request, house: HouseDep, entry: institution_door.EditorEntry) -> Response:
    """Change what invoices are written to; Stripe is told by whatever bills next."""
    body, form = billing_details.judge(await forms.read(request, *billing_details.NAMES))
    if body is None:
        return await _page(request, house, entry, form=form, status=422)
    await edit_institution.change(house.pool, entry.institution_id, bodies.columns(body))
    return frame.go(f"{entry.home}/billing?done={SAVED}#details")


@router.get("/{institution_id}/invoices/{invoice_id}")  # noqa: FAST003 - the door takes it
async def invoice(house: HouseDep, entry: institution_door.InvoicesEntry, invoice_id: models.RowId) -> Response:
    """On to the invoice's page at Stripe; our own ones are papers only."""
    found = await _invoice(house, entry, invoice_id)
    if found.hosted_url is None:
        raise errors.NotFound
    return frame.go(found.hosted_url)


@router.get("/{institution_id}/invoices/{invoice_id}/pdf")  # noqa: FAST003 - the door takes it
async def invoice_paper(house: HouseDep, entry: institution_door.InvoicesEntry, invoice_id: models.RowId) -> Response:
    """The invoice as a PDF: ours is drawn, Stripe's is at Stripe."""
    found = await _invoice(house, entry, invoice_id)
    if found.stripe_invoice_id is not None:
        if found.pdf_url is None:
            raise errors.NotFound
        return frame.go(found.pdf_url)
    document = await show_invoices.document(
        house.pool, institution_id=entry.institution_id, invoice_id=invoice_id, seller=house.settings.app_name
    )
    name = re.sub(r"[^A-Za-z0-9-]", "-", document.number)
    headers = {"Content-Disposition": f'attachment; filename="{name}.pdf"', "Cache-Control": "private, no-store"}
    return Response(document.pdf, headers=headers, media_type="application/pdf")


async def _invoice(house: HouseDep, entry: institution_door.Entry, invoice_id: UUID) -> Invoice:
    return await show_invoices.one(house.pool, house.stripe, institution_id=entry.institution_id, invoice_id=invoice_id)


async def _page(
    request: Request,
    house: HouseDep,
    entry: institution_door.Entry,
    *,
    cursor: str = "",
    done: str = "",
    form: forms.Form | None = None,
    status: int = 200,
) -> Response:
    if form is None:
        form = billing_details.of_institution(await edit_institution.show(house.pool, entry.institution_id))
    found = await show_invoices.newest(
        house.pool, institution_id=entry.institution_id, before=ids.read(cursor), limit=PAGE_INVOICES + 1
    )
    kept = await saved_cards.kept(house, Owner(institution_id=entry.institution_id), datetime.now(UTC))
    return await frame.show(
        request,
        "billing.html",
        status=status,
        rail=entry.rail,
        name=entry.seat.institution_name,
        kept=kept,
        home=entry.home,
        back=f"{entry.home}/billing",
        script=elements.used_by(request),
        form=form,
        countries=billing_details.countries(),
        tax_kinds=_tax_kinds(form),
        invoices=_shown(found[:PAGE_INVOICES]),
        is_newest=not cursor,
        older=str(found[PAGE_INVOICES - 1].id) if len(found) > PAGE_INVOICES else "",
        done=saved_cards.DONE.get(done, "Billing details saved." if done == SAVED else ""),
    )


def _tax_kinds(form: forms.Form) -> dict[str, str]:
    """The kinds on offer, and the one that is set if it is none of them."""
    chosen = form.values.get("tax_kind", "")
    return {
        **billing_details.TAX_KINDS,
        **({chosen: chosen} if chosen and chosen not in billing_details.TAX_KINDS else {}),
    }


def _shown(found: Sequence[Invoice]) -> list[Shown]:
    return [
        Shown(
            id=one.id,
            number=one.number or "",
            state=_STATES.get(one.status, (one.status, "waiting"))[0],
            tone=_STATES.get(one.status, (one.status, "waiting"))[1],
            total=money.short(one.amount_due_minor, one.currency),
            quantity=one.quantity,
            created_at=one.created_at,
            purchase_id=one.payment_id,
            has_page=one.hosted_url is not None,
        )
        for one in found
    ]
