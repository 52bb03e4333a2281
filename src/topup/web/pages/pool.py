"""The pool's page: how many sessions there are to give, where the others are, and what was given last.

Shows figures that the ledger adds up at this moment and changes nothing.
"""

from fastapi import APIRouter, Request
from starlette.responses import Response

from topup.flows import show_pool
from topup.web.context import HouseDep
from topup.web.pages import allocation_words, balance, frame, institution_door

RECENT_ROWS = 6

router = APIRouter(include_in_schema=False)


@router.get("/institutions/{institution_id}")  # noqa: FAST003 - the door takes it
async def pool(request: Request, house: HouseDep, entry: institution_door.PoolEntry) -> Response:
    """The figures, and for those who give sessions the newest allocations."""
    figures = await show_pool.figures(house.pool, entry.institution_id)
    may_allocate = entry.may("allocate")
    recent = await show_pool.given(house.pool, entry.institution_id, limit=RECENT_ROWS) if may_allocate else ()
    return await frame.show(
        request,
        "pool.html",
        rail=entry.rail,
        home=entry.home,
        pool=figures,
        parts=balance.parts_of_pool(
            available=figures.available, unused=figures.allocated - figures.used, used=figures.used
        ),
        may_allocate=may_allocate,
        may_pay=entry.may("pay"),
        recent=[allocation_words.shown(one) for one in recent],
    )
