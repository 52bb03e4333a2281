"""My sessions: what each institution gave somebody, what of it they used, and when the rest ends.

A person sees their own and nobody else's; the sessions are used in the application of whoever gave them.
"""

from fastapi import APIRouter, Request
from starlette.responses import Response

from topup.flows import show_my_sessions
from topup.web import people
from topup.web.context import HouseDep
from topup.web.pages import frame

router = APIRouter(include_in_schema=False)


@router.get("/sessions")
async def sessions(request: Request, house: HouseDep, person: people.SignedInDep) -> Response:
    """All of them, institution by institution."""
    mine = await show_my_sessions.mine(house.pool, person)
    return await frame.show(request, "sessions.html", mine=mine, available=sum(one.available for one in mine))
