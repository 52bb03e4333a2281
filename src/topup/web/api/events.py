"""The inbox over JSON, for admins: what Stripe said, what became of it, and once more from the start.

An event's content is not shown here, since it holds what buyers told Stripe; `topup events show` prints it.
"""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime, BaseModel

from topup.db import inbox
from topup.flows import retry_events, show_events
from topup.web import errors
from topup.web.api import models, paging
from topup.web.auth import AdminDep
from topup.web.context import HouseDep

router = APIRouter(prefix="/api/admin/events", tags=["Admin"])

Outcome = Literal[
    "credited",
    "changed",
    "review",
    "unchanged",
    "due",
    "unknown_payment",
    "unknown_type",
    "noted",
    "ignored",
    "waiting",
    "dead",
]
Word = Annotated[str | None, Query(max_length=255, pattern=models.LINE_PATTERN)]
EventId = Annotated[str, Path(max_length=255, pattern=models.ID_PATTERN)]


class Event(models.Answer):
    """An event of Stripe. `waiting`: its effect failed and is tried again; `dead`: tried no longer."""

    id: str
    type: str
    object_id: str | None
    api_version: str | None
    livemode: bool
    outcome: str
    attempts: int
    happened_at: models.Moment
    received_at: models.Moment
    processed_at: models.Moment | None
    next_try_at: models.Moment | None
    last_error: str | None
    is_pruned: bool


class EventList(models.Answer):
    """One page of events, latest arrival first."""

    data: list[Event]
    next_cursor: str | None


class _Place(BaseModel):
    at: AwareDatetime
    id: str


@router.get("")
async def list_events(
    house: HouseDep,
    _by: AdminDep,
    outcome: Annotated[Outcome | None, Query(description="Only those of which this became.")] = None,
    type: Word = None,  # noqa: A002 - the name in the address
    api_version: Annotated[Word, Query(alias="apiVersion")] = None,
    limit: paging.Limit = paging.LIMIT_DEFAULT,
    cursor: paging.Cursor = None,
) -> EventList:
    """The inbox, latest arrival first."""
    place = paging.read(_Place, cursor)
    wanted = inbox.Wanted(outcome, type, api_version, place.at if place else None, place.id if place else None)
    rows = await show_events.page(house.pool, wanted, limit=limit + 1)
    page, next_cursor = paging.cut(rows, limit, lambda row: _Place(at=row.received_at, id=row.id))
    return EventList(data=[_answer(row) for row in page], next_cursor=next_cursor)


@router.post("/{event_id}/replay", responses=errors.documented(404, 409))
async def replay_event(event_id: EventId, house: HouseDep, _by: AdminDep) -> Event:
    """Apply an event again. What it has done it does not do twice; 409 `event_pruned` when only its id is kept."""
    return _answer(await retry_events.replay(house.pool, event_id, is_live=house.settings.is_live))


def _answer(row: inbox.Row) -> Event:
    return Event(
        id=row.id,
        type=row.type,
        object_id=row.object_id,
        api_version=row.api_version,
        livemode=row.is_live,
        outcome=row.outcome,
        attempts=row.attempts,
        happened_at=row.happened_at,
        received_at=row.received_at,
        processed_at=row.processed_at,
        next_try_at=row.next_try_at if row.outcome == inbox.WAITING else None,
        last_error=row.last_error,
        is_pruned=row.is_pruned,
    )
