"""The page that the invitation mail leads to: who invites whom to what, and the button that accepts.

The token stands in the mailed address once and goes at once into a cookie of its own, so that it stands in no address
bar, log or referrer while somebody signs in or opens an account (fault 87).
"""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from topup import errors
from topup.core.people import Person
from topup.core.roles import Role
from topup.db.invitations import Shown
from topup.flows import accept_invitation, show_invitation
from topup.web import context, cookies, csrf, people
from topup.web import errors as problems
from topup.web.context import HouseDep
from topup.web.pages import frame, typed_address, wording

PATH = "/invitation"
COOKIE = "topup-invitation"
TOKEN_LENGTH_MAX = 200
_COOKIE_SECONDS = 24 * 3600
_NO_REFERRER = {"Referrer-Policy": "no-referrer"}

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class State:
    """One state of the page. `act` is what the reader can do now."""

    act: str
    title: str
    detail: str
    next: str
    tone: wording.Tone
    status: int = 200


_UNKNOWN = State(
    "",
    "This invitation is not known",
    "The address may have been cut off on its way to you.",
    "Open the link in the mail again, or copy the whole of it.",
    "bad",
    404,
)
_WITHDRAWN = State(
    "",
    "This invitation was withdrawn",
    "The place is no longer set aside for you.",
    "Ask whoever invited you if you think it should be.",
    "bad",
    404,
)
_REPLACED = State(
    "",
    "There is a newer invitation",
    "You were sent another mail since, and only the link in the newest one works.",
    "Look for the newest mail in your mailbox.",
    "careful",
    404,
)
_USED = State(
    "",
    "This invitation has been used",
    "A link works once, and this one has been.",
    "If it was you, sign in to go on.",
    "careful",
    409,
)
_EXPIRED = State(
    "",
    "This invitation has ended",
    "A link works for 14 days. Nothing that was given to you is lost by it.",
    "Ask whoever invited you for a new one.",
    "careful",
    409,
)


@router.get(PATH)
async def invitation(
    request: Request, house: HouseDep, token: Annotated[str, Query(max_length=TOKEN_LENGTH_MAX)] = ""
) -> Response:
    """Keep the token and show the page without it; then say what the invitation is."""
    if token:
        return await _keep(request, house, token)
    kept = _jar(request).read(request, COOKIE)
    found = await show_invitation.look(house.pool, kept) if kept else None
    return await _show(request, found)


@router.post(PATH, dependencies=[Depends(csrf.guard)])
async def accept(request: Request, house: HouseDep) -> Response:
    """Take the place, as the person who is signed in."""
    person = await people.page_person(request)
    if person is None:
        return frame.go(PATH)
    kept = _jar(request).read(request, COOKIE)
    found = await show_invitation.look(house.pool, kept) if kept else None
    try:
        place, _ = await accept_invitation.accept(house.pool, token=kept, person=person)
    except (errors.Refused, errors.Conflict, errors.NotFound) as error:
        return await _show(request, found, status=problems.status_of(type(error)))
    response = frame.go(_home(place.role, str(place.institution_id)))
    _jar(request).put(response, COOKIE, "", max_age_seconds=0)
    return response


async def _keep(request: Request, house: HouseDep, token: str) -> Response:
    response = frame.go(PATH)
    response.headers.update(_NO_REFERRER)
    if token.isascii() and token.isprintable():
        _jar(request).put(response, COOKIE, token, max_age_seconds=_COOKIE_SECONDS)
        found = await show_invitation.look(house.pool, token)
        if found is not None and await people.page_person(request) is None:
            typed_address.keep(request, response, found.email)
    return response


async def _show(request: Request, found: Shown | None, *, status: int = 0) -> Response:
    person = await people.page_person(request)
    state = _state(found, person)
    response = await frame.show(
        request,
        "invitation.html",
        status=status or state.status,
        state=state,
        found=found,
        home=_home(found.role, str(found.institution_id)) if found else frame.HOME,
        role=wording.INVITED_AS[found.role] if found else "",
    )
    response.headers.update(_NO_REFERRER)
    return response


def _state(found: Shown | None, person: Person | None) -> State:
    """Which of its states an invitation is in for this reader."""
    if found is None:
        return _UNKNOWN
    if found.status == "ACTIVE" and person is not None and found.member_id == person.user_id:
        return State(
            "go on", f"You are in at {found.institution_name}", "The place that was kept for you is yours.", "", "good"
        )
    if found.is_revoked:
        return _WITHDRAWN if found.status == "LEFT" else _REPLACED
    if found.is_used:
        return _USED
    if found.status == "LEFT":
        return _WITHDRAWN
    if found.is_expired:
        return _EXPIRED
    return _open(found, person)


def _open(found: Shown, person: Person | None) -> State:
    title = f"{found.institution_name} invites you"
    if person is None:
        return State("sign up", title, "", f"The invitation is for {found.email}.", "waiting")
    if person.email != found.email:
        detail = f"This invitation was sent to {found.email}, and you are signed in as {person.email}."
        return State("sign out", title, detail, "Sign out, and come back with that address.", "careful")
    return State("accept", title, "", "", "waiting")


def _home(role: Role, institution_id: str) -> str:
    """Where somebody goes on to from their new place."""
    return frame.SESSIONS if role == "STUDENT" else f"{frame.INSTITUTIONS}/{institution_id}"


def _jar(request: Request) -> cookies.Jar:
    return cookies.Jar.of(request, context.house_of(request).settings)
