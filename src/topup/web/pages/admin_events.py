"""The inbox at the desk: what Stripe said, what became of it, and a button that applies it again.

An event's content is not shown here, since it holds what buyers told Stripe; `topup events show` prints it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from topup import errors
from topup.core import facts
from topup.db import inbox
from topup.flows import retry_events, show_events
from topup.runtime.house import House
from topup.web import csrf
from topup.web.api import models
from topup.web.context import HouseDep
from topup.web.pages import admin_door, forms, frame
from topup.web.pages.wording import Tone

PATH = f"{admin_door.HOME}/events"
PAGE_EVENTS = 30
CONFLICT = 409
_WORDS: dict[str, tuple[str, Tone]] = {
    "credited": ("Credited", "good"),
    "changed": ("Payment changed", "good"),
    "review": ("To be decided", "careful"),
    "unchanged": ("Nothing to change", "calm"),
    "due": ("Money back, looked into", "good"),
    "unknown_payment": ("Names no payment of ours", "calm"),
    "unknown_type": ("Not needed here", "calm"),
    "noted": ("Noted", "calm"),
    "ignored": ("Another mode or account", "careful"),
    "waiting": ("Failed, tried again", "careful"),
    "dead": ("Failed, given up", "bad"),
}
_FILTERS = (("", "All"), (inbox.WAITING, "Tried again"), (inbox.DEAD, "Given up"), ("review", "To be decided"))
Outcome = Literal["", "waiting", "dead", "review"]
EventId = Annotated[str, Query(max_length=255, pattern=models.LINE_PATTERN)]

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Shown:
    """One event as a line."""

    id: str
    type: str
    object_id: str
    words: str
    tone: Tone
    attempts: int
    received_at: datetime
    happened_at: datetime
    next_try_at: datetime | None
    last_error: str
    may_be_replayed: bool


@router.get(PATH)
async def events(
    request: Request, house: HouseDep, entry: admin_door.AdminEntry, outcome: Outcome = "", before: EventId = ""
) -> Response:
    """The latest arrivals first; `before` is the id where the page above ended."""
    return await _page(request, house, entry, outcome=outcome, before=before)


@router.post(f"{PATH}/replay", dependencies=[Depends(csrf.guard)])
async def replay(request: Request, house: HouseDep, entry: admin_door.AdminEntry) -> Response:
    """Apply one event again. What it has done it does not do twice."""
    sent = await forms.read(request, "id")
    if not facts.WORD.fullmatch(sent["id"]):
        raise errors.NotFound
    try:
        row = await retry_events.replay(house.pool, sent["id"], is_live=house.settings.is_live)
    except errors.Conflict as refusal:
        return await _page(request, house, entry, form=forms.refused({}, refusal), status=CONFLICT)
    told = _WORDS.get(row.outcome, (row.outcome, "calm"))[0]
    return await _page(request, house, entry, notice=f"Applied again: {told[0].lower()}{told[1:]}.")


async def _page(
    request: Request,
    house: House,
    entry: admin_door.Entry,
    *,
    outcome: str = "",
    before: str = "",
    notice: str = "",
    form: forms.Form = forms.EMPTY,
    status: int = 200,
) -> Response:
    last = (await show_events.show(house.pool, before)).row if before else None
    wanted = inbox.Wanted(
        outcome or None, before_at=last.received_at if last else None, before_id=last.id if last else None
    )
    rows = await show_events.page(house.pool, wanted, limit=PAGE_EVENTS + 1)
    older = {"outcome": outcome, "before": rows[PAGE_EVENTS - 1].id} if len(rows) > PAGE_EVENTS else None
    return await frame.show(
        request,
        "admin_events.html",
        rail=entry.rail,
        status=status,
        form=form,
        notice=notice,
        events=[_shown(row) for row in rows[:PAGE_EVENTS]],
        filters=[(f"{PATH}?outcome={word}" if word else PATH, text, word == outcome) for word, text in _FILTERS],
        is_newest=not before,
        older=f"{PATH}?{urlencode(older)}" if older else "",
    )


def _shown(row: inbox.Row) -> Shown:
    words, tone = _WORDS.get(row.outcome, (row.outcome, "calm"))
    return Shown(
        id=row.id,
        type=row.type,
        object_id=row.object_id or "",
        words=words,
        tone=tone,
        attempts=row.attempts,
        received_at=row.received_at,
        happened_at=row.happened_at,
        next_try_at=row.next_try_at if row.outcome == inbox.WAITING else None,
        last_error=row.last_error or "",
        may_be_replayed=not row.is_pruned,
    )
