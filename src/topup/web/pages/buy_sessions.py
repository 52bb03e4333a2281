"""Buying sessions for an institution: how many, what they cost, and how to pay.

A card is charged by the page's script, which opens the purchase over the JSON interface (POST /api/sessions/purchases)
and confirms it with Stripe; a plain form can only ask for an invoice, and says so. The form names a quantity and a way
to pay and nothing else (fault 62). Its request number makes a double click one purchase (fault 50).
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from topup import errors
from topup.core import ids, money, session_prices
from topup.core.session_prices import Tier
from topup.db.institutions import Institution
from topup.db.payment_methods import Owner
from topup.flows import cards, edit_institution, purchase_sessions, show_pool
from topup.flows import session_prices as prices
from topup.web import csrf
from topup.web import errors as problems
from topup.web.context import HouseDep
from topup.web.pages import card_rows, elements, figures, forms, frame, institution_door, session_offers

NOT_CHARGED = "You have not been charged."
NEEDS_SCRIPT = (
    "Paying by card needs JavaScript, because Stripe’s own card fields run in it, and it did not run here. "
    f"{NOT_CHARGED} Choose the invoice instead, or turn JavaScript on."
)
WHAT_TO_ENTER = f"Enter a whole number from 1 to {figures.whole(session_prices.QUANTITY_MAX)}."
FIRST_QUANTITY = 10
INVOICE, NEW_CARD = "invoice", "new"
_WHOLE = re.compile(r"[0-9]{1,9}")
_REQUEST = re.compile(r"[0-9a-f-]{36}")

router = APIRouter(prefix="/institutions", include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to buy, as typed; `quantity` is None where that is no number of sessions."""

    typed: str
    way: str = ""

    @property
    def quantity(self) -> int | None:
        """How many, or None."""
        text = "".join(self.typed.split())
        count = int(text) if _WHOLE.fullmatch(text) else 0
        return count if 1 <= count <= session_prices.QUANTITY_MAX else None


@dataclass(frozen=True, slots=True)
class Ways:
    """How the institution can pay. `chosen` is a card's id, NEW_CARD or INVOICE."""

    cards: Sequence[card_rows.Row]
    are_cards_known: bool
    chosen: str


@router.get("/{institution_id}/buy")  # noqa: FAST003 - the door takes it
async def buy_form(
    request: Request,
    house: HouseDep,
    entry: institution_door.PayingEntry,
    quantity: Annotated[str, Query(max_length=40)] = str(FIRST_QUANTITY),
) -> Response:
    """The page, for a quantity; one that cannot be bought is said to be wrong beside its field."""
    return await _page(request, house, entry, Wish(quantity))


@router.post("/{institution_id}/buy", dependencies=[Depends(csrf.guard)])  # noqa: FAST003 - the door takes it
async def buy(request: Request, house: HouseDep, entry: institution_door.PayingEntry) -> Response:
    """Make the purchase and its invoice, and go to it. A card cannot be charged from here."""
    sent = await forms.read(request, "quantity", "way", "instead", "request")
    wish = Wish(sent["quantity"], INVOICE if sent["instead"] == INVOICE else sent["way"])
    if wish.quantity is None:
        return await _page(request, house, entry, wish)
    if wish.way != INVOICE:
        return await _page(request, house, entry, wish, refusal=NEEDS_SCRIPT, status=422)
    order = purchase_sessions.Order(
        institution_id=entry.institution_id,
        user_id=entry.person.user_id,
        quantity=wish.quantity,
        pay_by="INVOICE",
        method_id=None,
        is_card_saved=False,
        request_key=_digest(entry.person.actor, sent["request"], wish.quantity),
    )
    try:
        payment = await purchase_sessions.start(house.pool, house.stripe, order)
    except (errors.Refused, errors.Conflict, errors.GatewayError, errors.Unavailable) as error:
        return await _page(request, house, entry, wish, refusal=told(error), status=problems.status_of(type(error)))
    return frame.go(f"{entry.home}/purchases/{payment.id}")


def told(error: errors.TopupError) -> str:
    """The sentence of a refusal, with what it means for the money."""
    return error.detail if NOT_CHARGED in error.detail else f"{error.detail} {NOT_CHARGED}"


async def ways_of(house: HouseDep, institution_id: UUID, *, chosen: str = "") -> Ways:
    """How this institution can pay now; where Stripe does not say which cards there are, a new one still does."""
    try:
        saved = await cards.every(house.pool, house.stripe, Owner(institution_id=institution_id))
    except (errors.GatewayError, errors.Unavailable):
        return Ways((), are_cards_known=False, chosen=chosen or NEW_CARD)
    rows = card_rows.rows(saved, datetime.now(UTC))
    first = card_rows.first_good(rows)
    known = {INVOICE, NEW_CARD, *(row.id for row in rows if not row.has_ended)}
    usual = first.id if first else NEW_CARD
    return Ways(rows, are_cards_known=True, chosen=chosen if chosen in known else usual)


async def _page(
    request: Request,
    house: HouseDep,
    entry: institution_door.Entry,
    wish: Wish,
    *,
    refusal: str = "",
    status: int = 200,
) -> Response:
    tiers = await prices.show(house.pool)
    offer, fault = _offer(wish.quantity, tiers)
    billed = await edit_institution.show(house.pool, entry.institution_id)
    return await frame.show(
        request,
        "buy_sessions.html",
        status=422 if fault and status == 200 else status,  # noqa: PLR2004 - where nothing else was wrong
        rail=entry.rail,
        home=entry.home,
        name=entry.seat.institution_name,
        institution_id=entry.institution_id,
        billed=billed,
        billed_lines=_lines(billed),
        pool=await show_pool.figures(house.pool, entry.institution_id),
        typed=wish.typed.strip() if wish.quantity is None else str(wish.quantity),
        fault=fault,
        refusal=refusal,
        offer=offer,
        steps=session_offers.steps(tiers, wish.quantity),
        currency=tiers[0].currency if tiers else "gbp",
        decimals=money.decimals(tiers[0].currency) if tiers else 2,
        quantity_max=session_prices.QUANTITY_MAX,
        due_days=session_prices.DUE_DAYS,
        ways=await ways_of(house, entry.institution_id, chosen=wish.way),
        script=elements.used_by(request),
        request_number=str(ids.new()),
    )


def _offer(quantity: int | None, tiers: Sequence[Tier]) -> tuple[session_offers.Offer | None, str]:
    if quantity is None:
        return None, WHAT_TO_ENTER
    try:
        return session_offers.of_quantity(quantity, tiers), ""
    except errors.Conflict as error:
        return None, error.detail


def _lines(billed: Institution) -> list[str]:
    """Whom the invoice is written to, line by line."""
    place = " ".join(part for part in (billed.city, billed.postal_code) if part)
    lines = (billed.company or billed.name, billed.address_line1, billed.address_line2, place, billed.billing_email)
    return [line for line in lines if line]


def _digest(actor: str, number: str, quantity: int) -> bytes | None:
    """What makes the same form sent twice one purchase; the number alone would be anybody's to guess."""
    if not _REQUEST.fullmatch(number):
        return None
    return hashlib.sha256(f"{actor}\npage\n{number}\n{quantity}".encode()).digest()
