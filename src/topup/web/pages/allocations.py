"""Giving sessions to somebody by their address, the list of what was given, and taking back what is unused.

A form carries a key of its own, so that sending it twice gives once. Taking back says first what it takes.
"""

import hashlib
import json
from datetime import UTC, datetime, time, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from topup import errors
from topup.core import ids
from topup.db import sql
from topup.flows import allocate, keyed, show_pool, take_back
from topup.flows.requests import Answer, KeyReused
from topup.web import csrf, idempotency
from topup.web import errors as problems
from topup.web.api import auth, fields, models
from topup.web.context import HouseDep
from topup.web.pages import allocation_words, forms, frame, paging, reader
from topup.web.pages.institution_door import AllocatingEntry

SEARCH_LENGTH_MAX = 254
Search = Annotated[str, Query(max_length=SEARCH_LENGTH_MAX)]
GUARDED = [Depends(csrf.guard)]
_CREATED = 201
_SENT_BEFORE = "This form was sent before, with something else in it. Look at the list, then send it again."

router = APIRouter(prefix="/institutions/{institution_id}/allocations", include_in_schema=False)


class Gift(models.Body):
    """The form, once its text is read: who is to have how many."""

    email: auth.Email
    quantity: fields.Credits


@router.get("")
async def allocations(
    request: Request,
    house: HouseDep,
    entry: AllocatingEntry,
    search: Search = "",
    cursor: paging.Cursor = "",
    given: str = "",
) -> Response:
    """The form, and what was given, newest first."""
    notice = await _told(house, entry, given) if given else None
    return await _page(request, house, entry, forms.EMPTY, search=search, cursor=cursor, notice=notice)


@router.post("", dependencies=GUARDED)
async def give(request: Request, house: HouseDep, entry: AllocatingEntry) -> Response:
    """Give, and go back to the list; a refusal shows the form with what was typed."""
    typed = await forms.read(request, "email", "quantity", "lastDay", "key")
    body, form = forms.judge(Gift, {"email": typed["email"]}, quantity=forms.whole(typed["quantity"]))
    ends_at, fault = _ends_at(typed["lastDay"], reader.of_request(request))
    if body is None or fault:
        faults = {**form.faults, **({"lastDay": fault} if fault else {})}
        return await _page(request, house, entry, forms.Form(typed, faults), status=422)
    wish = allocate.Wish(None, body.email, body.quantity, ends_at)

    async def act(conn: sql.Connection) -> Answer:
        given = await allocate.allocate(conn, entry.seat, wish, entry.person)
        return Answer(_CREATED, json.dumps({"allocationId": str(given.id)}))

    key = idempotency.key_of(request, entry.person, str(paging.before(typed["key"]) or "") or None)
    fingerprint = hashlib.sha256(f"{entry.home}\n{wish}".encode()).digest()
    try:
        answer = await keyed.once(house.pool, key, fingerprint, act, idempotency.wording(request))
    except errors.Invalid as error:
        fault = {"lastDay": "Enter a day that has not passed, or leave it empty."}
        form = forms.Form(typed, fault) if error.code == "already_expired" else forms.refused(typed, error)
        return await _page(request, house, entry, form, status=422)
    if isinstance(answer, KeyReused):
        return await _page(request, house, entry, forms.Form(typed, refusal=_SENT_BEFORE), status=422)
    said = json.loads(answer.body)
    if answer.status != _CREATED:
        form = forms.Form(typed, refusal=_refusal(said, entry))
        return await _page(request, house, entry, form, status=answer.status)
    return frame.go(f"{entry.home}/allocations?given={said['allocationId']}")


@router.get("/{allocation_id}")
async def allocation(request: Request, house: HouseDep, entry: AllocatingEntry, allocation_id: str) -> Response:
    """One allocation, and the way to take back what is unused."""
    found = await show_pool.one(house.pool, entry.institution_id, forms.id_of(allocation_id))
    return await frame.show(
        request, "allocation.html", rail=entry.rail, home=entry.home, one=allocation_words.shown(found)
    )


@router.post("/{allocation_id}/take-back", dependencies=GUARDED)
async def take(request: Request, house: HouseDep, entry: AllocatingEntry, allocation_id: str) -> Response:
    """Take back what is unused; done twice it takes nothing more."""
    key = forms.id_of(allocation_id)
    try:
        await take_back.one(house.pool, entry.person, key, entry.institution_id)
    except (errors.Refused, errors.Conflict) as error:
        found = await show_pool.one(house.pool, entry.institution_id, key)
        shown = allocation_words.shown(found)
        status = problems.status_of(type(error))
        values = {"rail": entry.rail, "home": entry.home, "one": shown, "refusal": error.detail}
        return await frame.show(request, "allocation.html", status=status, **values)
    return frame.go(f"{entry.home}/allocations/{key}")


async def _page(
    request: Request,
    house: HouseDep,
    entry: AllocatingEntry,
    form: forms.Form,
    *,
    status: int = 200,
    search: str = "",
    cursor: str = "",
    notice: allocation_words.Shown | None = None,
) -> Response:
    part = " ".join(search.split()).lower()
    found = await show_pool.given(
        house.pool,
        entry.institution_id,
        email_part=part,
        before_id=paging.before(cursor),
        limit=paging.ROWS + 1,
    )
    values = {
        "home": entry.home,
        "part": paging.cut([allocation_words.shown(one) for one in found], cursor, search=part),
        "search": part,
    }
    if frame.is_fragment(request) and request.method == "GET":
        return frame.fragment(request, "allocation_rows.html", **values)
    figures = await show_pool.figures(house.pool, entry.institution_id)
    return await frame.show(
        request,
        "allocations.html",
        status=status,
        rail=entry.rail,
        form=form,
        key=str(ids.new()),
        available=figures.available,
        may_pay=entry.may("pay"),
        notice=notice,
        **values,
    )


async def _told(house: HouseDep, entry: AllocatingEntry, given: str) -> allocation_words.Shown | None:
    """What was just given, for the sentence above the form."""
    try:
        key = forms.id_of(given)
        return allocation_words.shown(await show_pool.one(house.pool, entry.institution_id, key))
    except errors.NotFound:
        return None


def _ends_at(text: str, reads: reader.Reader) -> tuple[datetime | None, str]:
    """The end of the last day on the reader's clock, or what is wrong with it."""
    if not text.strip():
        return None, ""
    try:
        day = datetime.strptime(text.strip(), "%Y-%m-%d")  # noqa: DTZ007 - a day of the reader's calendar
        ends_at = datetime.combine(day.date() + timedelta(days=1), time(), reads.zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None, "Enter a day, such as 2027-06-30, or leave it empty."
    return ends_at, ""


def _refusal(said: dict[str, object], entry: AllocatingEntry) -> str:
    """The refusal in the words of this page."""
    if said.get("code") != "insufficient_credits":
        return str(said["detail"])
    more = "Buy more, or give fewer." if entry.may("pay") else "Give fewer, or ask for more to be bought."
    return f"The pool has {said['available']} and you wanted to give {said['required']}. Nothing was given. {more}"
