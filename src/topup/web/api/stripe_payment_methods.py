"""Saved cards over JSON, of an institution or of a person: listed, saved, put first, removed.

The same calls serve both; whose cards are meant is decided by topup.flows.cards. No card data comes here: a card is
typed into Stripe's own element, and only its id is known to us.
"""

import json
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Request, status
from pydantic import Field
from starlette.responses import Response

from topup.db.payment_methods import SavedCard
from topup.flows import cards, keyed
from topup.flows.requests import Answer
from topup.web import errors as problems
from topup.web import idempotency, institutions_door
from topup.web.api import models
from topup.web.auth import PersonDep
from topup.web.context import HouseDep

router = APIRouter(prefix="/api/stripe", tags=["Cards and invoices"])

MethodId = Annotated[str, Path(max_length=255, pattern=models.LINE_PATTERN)]


class WhoseCards(models.Body):
    """Whose cards are meant. Without it: those of the one institution that you pay for, otherwise your own."""

    institution_id: models.RowId | None = None


class CardAnswer(models.Answer):
    """A saved card."""

    id: str
    brand: str
    last4: str
    exp_month: int
    exp_year: int
    is_default: bool


class CardList(models.Answer):
    """All saved cards, newest first."""

    data: list[CardAnswer]
    next_cursor: str | None = None


class SetupAnswer(models.Answer):
    """What the page needs to take a card."""

    client_secret: str = Field(repr=False)
    publishable_key: str


@router.get("/payment-methods", responses=problems.documented(403, 404))
async def list_cards(
    house: HouseDep, person: PersonDep, institution_id: institutions_door.InstitutionId = None
) -> CardList:
    """The cards as Stripe has them now."""
    owner = await cards.owner_of(house.pool, person, institution_id)
    return CardList(data=[_answer(card) for card in await cards.every(house.pool, house.stripe, owner)])


@router.post(
    "/setup-intents",
    status_code=status.HTTP_201_CREATED,
    response_model=SetupAnswer,
    responses=problems.documented(403, 404, 429),
)
async def begin_to_save_a_card(
    request: Request,
    house: HouseDep,
    person: PersonDep,
    offered: idempotency.OptionalKeyDep,
    body: WhoseCards | None = None,
) -> Response:
    """Begin to save a card; the page confirms it with Stripe."""
    owner = await cards.owner_of(house.pool, person, _institution(body))
    key = idempotency.key_of(request, person, offered)

    async def act() -> Answer:
        begun = await cards.begin(house.pool, house.stripe, owner, user_id=person.user_id)
        return Answer(status.HTTP_201_CREATED, json.dumps({"setupIntentId": begun.id}))

    fingerprint = idempotency.fingerprint_of(request, body)
    answer = await keyed.once_outside(house.pool, key, fingerprint, act, idempotency.wording(request))
    if isinstance(answer, Answer) and answer.status == status.HTTP_201_CREATED:
        begun = await house.stripe.retrieve_setup_intent(json.loads(answer.body)["setupIntentId"])
        told = SetupAnswer(client_secret=begun.client_secret, publishable_key=house.settings.stripe_publishable_key)
        answer = Answer(answer.status, told.model_dump_json(by_alias=True), is_replay=answer.is_replay)
    return idempotency.respond(answer)


@router.post("/payment-methods/{method_id}/default", response_model=CardAnswer, responses=problems.documented(403, 404))
async def put_card_first(
    method_id: MethodId,
    request: Request,
    house: HouseDep,
    person: PersonDep,
    offered: idempotency.OptionalKeyDep,
    body: WhoseCards | None = None,
) -> Response:
    """Make a card the one that is offered first and that invoices are charged to."""
    owner = await cards.owner_of(house.pool, person, _institution(body))

    async def act() -> Answer:
        card = await cards.put_first(house.pool, house.stripe, owner, method_id)
        return Answer(status.HTTP_200_OK, _answer(card).model_dump_json(by_alias=True))

    key, fingerprint = idempotency.key_of(request, person, offered), idempotency.fingerprint_of(request, body)
    answer = await keyed.once_outside(house.pool, key, fingerprint, act, idempotency.wording(request))
    return idempotency.respond(answer)


@router.delete(
    "/payment-methods/{method_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems.documented(403, 404),
)
async def remove_card(
    method_id: MethodId, house: HouseDep, person: PersonDep, institution_id: institutions_door.InstitutionId = None
) -> None:
    """Remove a card for ever."""
    owner = await cards.owner_of(house.pool, person, institution_id)
    await cards.remove(house.pool, house.stripe, owner, method_id)


def _institution(body: WhoseCards | None) -> UUID | None:
    return None if body is None else body.institution_id


def _answer(card: SavedCard) -> CardAnswer:
    return CardAnswer(
        id=card.id,
        brand=card.brand,
        last4=card.last4,
        exp_month=card.exp_month,
        exp_year=card.exp_year,
        is_default=card.is_default,
    )
