"""Saved cards on pages, of an institution or of the person who looks: shown, begun, put first, removed.

The same acts serve both. A card is typed into Stripe's own fields; the page's script is given a client secret by a JSON
answer that nothing keeps, and is told nothing else (fault 66: a card that somebody only names is not there).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import JSONResponse, Response

from topup import errors
from topup.core.people import Person
from topup.db.payment_methods import Owner
from topup.flows import cards, enter
from topup.web import csrf, people
from topup.web.api import models
from topup.web.context import HouseDep
from topup.web.pages import card_rows, elements, frame

GUARDED = [Depends(csrf.guard)]
DONE = {
    "card": "Card saved.",
    "default": "That card now comes first.",
    "removed": "Card removed.",
}
MethodId = Annotated[str, Path(max_length=255, pattern=models.LINE_PATTERN)]
Short = Annotated[str, Query(max_length=40)]

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Kept:
    """What is saved; nothing is known of it where Stripe does not answer."""

    rows: Sequence[card_rows.Row]
    is_known: bool
    first: card_rows.Row | None


@router.get("/cards")
async def own_cards(request: Request, house: HouseDep, done: Short = "") -> Response:
    """A person's own cards."""
    if (clean := elements.cleaned(request)) is not None:
        return clean
    person = await people.signed_in(request)
    return await frame.show(
        request,
        "cards.html",
        kept=await kept(house, Owner(user_id=person.user_id), datetime.now(UTC)),
        home="",
        back="/cards",
        script=elements.used_by(request),
        done=DONE.get(done, ""),
    )


@router.post("/cards/new", dependencies=GUARDED)
@router.post("/institutions/{institution_id}/cards/new", dependencies=GUARDED)
async def begin(house: HouseDep, person: people.SignedInDep, institution_id: models.RowId | None = None) -> Response:
    """Begin to save a card; the page's script goes on with the secret."""
    owner = await _owner(house, person, institution_id)
    begun = await cards.begin(house.pool, house.stripe, owner, user_id=person.user_id)
    return JSONResponse({"clientSecret": begun.client_secret}, headers={"Cache-Control": "no-store"})


@router.post("/cards/{method_id}/default", dependencies=GUARDED)
@router.post("/institutions/{institution_id}/cards/{method_id}/default", dependencies=GUARDED)
async def put_first(
    house: HouseDep,
    person: people.SignedInDep,
    method_id: MethodId,
    institution_id: models.RowId | None = None,
) -> Response:
    """Make a card the one that is offered first."""
    await cards.put_first(house.pool, house.stripe, await _owner(house, person, institution_id), method_id)
    return frame.go(_back(institution_id, "default"))


@router.post("/cards/{method_id}/remove", dependencies=GUARDED)
@router.post("/institutions/{institution_id}/cards/{method_id}/remove", dependencies=GUARDED)
async def remove(
    house: HouseDep,
    person: people.SignedInDep,
    method_id: MethodId,
    institution_id: models.RowId | None = None,
) -> Response:
    """Remove a card for ever."""
    await cards.remove(house.pool, house.stripe, await _owner(house, person, institution_id), method_id)
    return frame.go(_back(institution_id, "removed"))


async def kept(house: HouseDep, owner: Owner, now: datetime) -> Kept:
    """The owner's cards as Stripe has them now."""
    try:
        rows = card_rows.rows(await cards.every(house.pool, house.stripe, owner), now)
    except (errors.GatewayError, errors.Unavailable):
        return Kept((), is_known=False, first=None)
    return Kept(rows, is_known=True, first=card_rows.first_good(rows))


async def _owner(house: HouseDep, person: Person, institution_id: UUID | None) -> Owner:
    if institution_id is None:
        return Owner(user_id=person.user_id)
    seat = await enter.enter(house.pool, person, "keep_cards", institution_id)
    return Owner(institution_id=seat.institution_id)


def _back(institution_id: UUID | None, done: str) -> str:
    page = "/cards" if institution_id is None else f"/institutions/{institution_id}/billing"
    return f"{page}?done={done}"
