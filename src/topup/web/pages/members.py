"""The members of an institution: who is in and who is invited, bringing somebody, and ending a membership.

What happens to somebody's unused sessions is said before they are removed. Who may do what is in the roles' table.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from topup import errors
from topup.core import roles
from topup.core.roles import Role
from topup.db.memberships import Membership, Seat
from topup.flows import enter, invite_member, remove_member, show_members
from topup.web import csrf, people
from topup.web import errors as problems
from topup.web.api import institutions as bodies
from topup.web.context import HouseDep
from topup.web.pages import forms, frame, institution_door, paging, wording
from topup.web.pages.allocations import Search
from topup.web.pages.institution_door import MembersEntry

GUARDED = [Depends(csrf.guard)]

router = APIRouter(prefix="/institutions/{institution_id}", include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Shown:
    """One row. `ends` is the word for ending this membership; empty where the reader may not."""

    id: UUID
    name: str
    email: str
    role: str
    is_invited: bool
    joined_at: datetime | None
    invited_until: datetime | None
    may_invite: bool
    ends: str


@dataclass(frozen=True, slots=True)
class Asked:
    """Which part of the list."""

    search: str = ""
    role: str = ""
    cursor: str = ""


@router.get("/members")
async def members(
    request: Request,
    house: HouseDep,
    entry: MembersEntry,
    search: Search = "",
    role: Annotated[str, Query(max_length=20)] = "",
    cursor: paging.Cursor = "",
    invited: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    """The form, and everybody, newest first."""
    notice = await _invited(house, entry, invited) if invited else None
    return await _page(request, house, entry, forms.EMPTY, asked=Asked(search, role, cursor), notice=notice)


@router.post("/members", dependencies=GUARDED)
async def invite(request: Request, house: HouseDep, entry: MembersEntry) -> Response:
    """Invite by mail; also for a new mail to somebody who has been invited."""
    typed = await forms.read(request, "email", "role")
    body, form = forms.judge(bodies.NewMember, typed)
    if body is None:
        return await _page(request, house, entry, form, status=422)
    try:
        call = roles.call_of_invitation(body.role)
        if not entry.may(call):
            raise enter.not_allowed(call)
        await invite_member.charge(house.pool, house.keys, email=body.email, person=entry.person)
        async with house.pool.connection() as conn:
            made = await invite_member.invite(conn, entry.seat, email=body.email, role=body.role, person=entry.person)
    except (errors.Refused, errors.Conflict) as error:
        status = problems.status_of(type(error))
        return await _page(request, house, entry, forms.refused(typed, error), status=status)
    return frame.go(f"{entry.home}/members?invited={made.id}")


@router.get("/members/{member_id}")
async def member(request: Request, house: HouseDep, entry: MembersEntry, member_id: str) -> Response:
    """One member, and what happens to their sessions when the membership ends."""
    return await _ending(request, house, entry, forms.id_of(member_id))


@router.post("/members/{member_id}/remove", dependencies=GUARDED)
async def remove(request: Request, house: HouseDep, entry: MembersEntry, member_id: str) -> Response:
    """End the membership and go back to the list, or away when it was one's own."""
    key = forms.id_of(member_id)
    try:
        await remove_member.remove(house.pool, entry.person, institution_id=entry.institution_id, membership_id=key)
    except (errors.Refused, errors.Conflict) as error:
        status = problems.status_of(type(error))
        return await _ending(request, house, entry, key, refusal=error.detail, status=status)
    return frame.go(frame.INSTITUTIONS if key == entry.seat.membership_id else f"{entry.home}/members")


@router.get("/leave")
async def leaving(request: Request, house: HouseDep, institution_id: str) -> Response:
    """What happens when somebody leaves; anybody may."""
    seat = await _own_seat(request, institution_id)
    return await _leave(request, house, seat)


@router.post("/leave", dependencies=GUARDED)
async def leave(request: Request, house: HouseDep, person: people.SignedInDep, institution_id: str) -> Response:
    """Leave."""
    seat = await _own_seat(request, institution_id)
    try:
        await remove_member.remove(
            house.pool, person, institution_id=seat.institution_id, membership_id=seat.membership_id
        )
    except errors.Conflict as error:
        return await _leave(request, house, seat, refusal=error.detail, status=409)
    return frame.go(frame.HOME)


async def _page(
    request: Request,
    house: HouseDep,
    entry: MembersEntry,
    form: forms.Form,
    *,
    status: int = 200,
    asked: Asked | None = None,
    notice: Shown | None = None,
) -> Response:
    asked = asked or Asked()
    part = " ".join(asked.search.split()).lower()
    wanted = next((known for known in roles.ROLES if known == asked.role), None)
    found = await show_members.page(
        house.pool,
        entry.institution_id,
        role=wanted,
        email_part=part,
        before_id=paging.before(asked.cursor),
        limit=paging.ROWS + 1,
    )
    values = {
        "home": entry.home,
        "part": paging.cut([_shown(one, entry) for one in found], asked.cursor, search=part, role=wanted or ""),
        "search": part,
        "role": wanted or "",
    }
    if frame.is_fragment(request) and request.method == "GET":
        return frame.fragment(request, "member_rows.html", **values)
    return await frame.show(
        request,
        "members.html",
        status=status,
        rail=entry.rail,
        form=form,
        counts=await show_members.counts(house.pool, entry.institution_id),
        roles=[(one, wording.ROLES[one], wording.ROLE_RIGHTS[one]) for one in _invitable(entry)],
        every_role=[(one, wording.ROLES[one]) for one in roles.ROLES],
        notice=notice,
        **values,
    )


def _invitable(entry: MembersEntry) -> list[Role]:
    """The roles that this reader may invite to, the usual one first."""
    return [role for role in reversed(roles.ROLES) if entry.may(roles.call_of_invitation(role))]


def _shown(one: Membership, entry: MembersEntry) -> Shown:
    is_invited = one.status == "INVITED"
    may_end = entry.may(roles.call_of_removal(one.role, has_come=not is_invited))
    ends = "Withdraw" if is_invited else "Remove"
    if one.id == entry.seat.membership_id:
        may_end, ends = True, "Leave"
    return Shown(
        id=one.id,
        name=f"{one.first_name or ''} {one.last_name or ''}".strip(),
        email=one.email,
        role=wording.ROLES[one.role],
        is_invited=is_invited,
        joined_at=one.joined_at,
        invited_until=one.invited_until if is_invited else None,
        may_invite=is_invited and entry.may(roles.call_of_invitation(one.role)),
        ends=ends if may_end else "",
    )


async def _invited(house: HouseDep, entry: MembersEntry, invited: str) -> Shown | None:
    """Who was just invited, for the sentence above the form."""
    try:
        found, _ = await show_members.one(
            house.pool, institution_id=entry.institution_id, membership_id=forms.id_of(invited)
        )
    except errors.NotFound:
        return None
    return _shown(found, entry)


async def _ending(
    request: Request, house: HouseDep, entry: MembersEntry, key: UUID, *, refusal: str = "", status: int = 200
) -> Response:
    found, left_over = await show_members.one(house.pool, institution_id=entry.institution_id, membership_id=key)
    return await frame.show(
        request,
        "member.html",
        status=status,
        rail=entry.rail,
        home=entry.home,
        one=_shown(found, entry),
        role_key=found.role,
        left_over=left_over,
        refusal=refusal,
    )


async def _own_seat(request: Request, institution_id: str) -> Seat:
    await people.signed_in(request)
    key = forms.id_of(institution_id)
    seats = await people.page_seats(request)
    seat = next((seat for seat in seats if seat.institution_id == key), None)
    if seat is None:
        raise errors.NotFound
    return seat


async def _leave(request: Request, house: HouseDep, seat: Seat, *, refusal: str = "", status: int = 200) -> Response:
    _, left_over = await show_members.one(
        house.pool, institution_id=seat.institution_id, membership_id=seat.membership_id
    )
    return await frame.show(
        request,
        "leave.html",
        status=status,
        seat=seat,
        left_over=left_over,
        back=frame.SESSIONS if seat.role == "STUDENT" else institution_door.home_of(seat),
        refusal=refusal,
    )
