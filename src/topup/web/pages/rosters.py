"""Rosters: a list of students comes in as a file, is shown row by row before anything happens, then imported.

The file is kept, so that whoever uploaded it may leave and come back, and so that what is confirmed is what was shown.
A worker imports it, all of it or nothing; the page says how far it is.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.datastructures import UploadFile
from starlette.responses import Response

from topup.core import rosters
from topup.flows import plan_roster, roster_queue
from topup.web import csrf
from topup.web.context import HouseDep
from topup.web.pages import forms, frame
from topup.web.pages.institution_door import AllocatingEntry

GUARDED = [Depends(csrf.guard)]
ROWS = 100
NAME_LENGTH_MAX = 120
UNNAMED = "Roster"
_NO_FILE = "Choose a file first."
_KINDS = {"add": "Will be added", "known": "Already have", "wrong": "Cannot"}

router = APIRouter(prefix="/institutions/{institution_id}/rosters", include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the file, what would happen in plain words, and where something is wrong the column it is in."""

    line: int
    kind: str
    column: str
    email: str
    name: str
    quantity: int | None
    ends_at: datetime | None
    words: str


@dataclass(frozen=True, slots=True)
class Tab:
    """The rows of one kind, how many there are, and whether they are shown."""

    kind: str
    title: str
    rows: int
    is_shown: bool


@dataclass(frozen=True, slots=True)
class DryRun:
    """What the file would do. `short` is how many sessions the pool lacks for it."""

    tabs: Sequence[Tab]
    shown: Sequence[Row]
    page: int
    pages: int
    students: int
    new_students: int
    sessions: int
    available: int
    short: int
    wrong: int

    @property
    def is_importable(self) -> bool:
        """Whether there is something to do and nothing in its way."""
        return self.students > 0 and not self.wrong and not self.short


@router.get("")
async def uploads(request: Request, house: HouseDep, entry: AllocatingEntry) -> Response:
    """Where to upload, and the last files."""
    return await _uploads(request, house, entry, forms.EMPTY)


@router.post("", dependencies=GUARDED)
async def upload(request: Request, house: HouseDep, entry: AllocatingEntry) -> Response:
    """Keep the file and show what it would do."""
    sent = (await request.form()).get("file")
    raw = await sent.read() if isinstance(sent, UploadFile) else b""
    if not raw:
        return await _uploads(request, house, entry, forms.Form({}, {"file": _NO_FILE}), status=422)
    roster = await asyncio.to_thread(rosters.read, raw)
    name = _named(sent.filename if isinstance(sent, UploadFile) else "")
    await roster_queue.keep(house.pool, entry.seat, roster, raw, name=name, by=entry.person.user_id)
    return frame.go(f"{entry.home}/rosters/{roster.id}")


@router.get("/{roster_id}")
async def roster(
    request: Request,
    house: HouseDep,
    entry: AllocatingEntry,
    roster_id: str,
    show: Annotated[str, Query(max_length=10)] = "",
    page: Annotated[int, Query(ge=1, le=1000)] = 1,
) -> Response:
    """What the file would do; while it is imported how far it is; afterwards what it did."""
    progress = await roster_queue.progress(house.pool, entry.institution_id, roster_id)
    values = {"home": entry.home, "progress": progress, "file": progress.file}
    if progress.file.wanted_at is not None and progress.file.refusal is None:
        if frame.is_fragment(request):
            return frame.fragment(request, "roster_progress.html", **values)
        return await frame.show(request, "roster_import.html", rail=entry.rail, **values)
    raw = await roster_queue.raw(house.pool, entry.institution_id, roster_id)
    read = await asyncio.to_thread(rosters.read, raw)
    planned = await plan_roster.show(house.pool, entry.institution_id, read)
    dry_run = await asyncio.to_thread(_dry_run, planned, show, page)
    if frame.is_fragment(request):
        return frame.fragment(request, "roster_refused.html", **values)
    return await frame.show(
        request, "roster.html", rail=entry.rail, dry_run=dry_run, may_pay=entry.may("pay"), **values
    )


@router.post("/{roster_id}/import", dependencies=GUARDED)
async def import_roster(request: Request, house: HouseDep, entry: AllocatingEntry, roster_id: str) -> Response:
    """Have it imported. Asked twice, it is imported once."""
    del request
    await roster_queue.progress(house.pool, entry.institution_id, roster_id)
    await roster_queue.want(house.pool, entry.seat, roster_id, by=entry.person.user_id)
    return frame.go(f"{entry.home}/rosters/{roster_id}")


async def _uploads(
    request: Request, house: HouseDep, entry: AllocatingEntry, form: forms.Form, *, status: int = 200
) -> Response:
    files = await roster_queue.newest(house.pool, entry.institution_id)
    return await frame.show(
        request, "rosters.html", status=status, rail=entry.rail, home=entry.home, form=form, files=files
    )


def _named(given: str | None) -> str:
    """The file's own name without its folders, as far as it can be shown."""
    name = "".join(char for char in (given or "").replace("\\", "/").rpartition("/")[2] if char.isprintable())
    return name.strip()[:NAME_LENGTH_MAX] or UNNAMED


def _dry_run(planned: plan_roster.Plan, show: str, page: int) -> DryRun:
    rows = [_row(row, planned.outcomes[row.number]) for row in planned.roster.rows if row.number in planned.outcomes]
    rows += [_wrong(fault) for fault in planned.faults]
    by_kind = {kind: [row for row in rows if row.kind == kind] for kind in _KINDS}
    first = "wrong" if by_kind["wrong"] else next((kind for kind in _KINDS if by_kind[kind]), "add")
    kind = show if show in _KINDS else first
    pages = max(1, -(-len(by_kind[kind]) // ROWS))
    page = min(page, pages)
    due = planned.due()
    return DryRun(
        tabs=[Tab(one, title, len(by_kind[one]), one == kind) for one, title in _KINDS.items()],
        shown=by_kind[kind][(page - 1) * ROWS : page * ROWS],
        page=page,
        pages=pages,
        students=len(due),
        new_students=sum(1 for outcome in planned.outcomes.values() if outcome == "invite"),
        sessions=planned.quantity(),
        available=planned.available,
        short=max(0, planned.quantity() - planned.available),
        wrong=len(by_kind["wrong"]),
    )


def _row(row: rosters.Row, outcome: plan_roster.What) -> Row:
    words = {
        "allocate": "A member: gets them at once",
        "invite": "New: is invited by mail, and the sessions wait",
        "already_given": "Was given by an earlier roster: gets nothing again",
    }
    kind = "known" if outcome == "already_given" else "add"
    return Row(row.number, kind, "", row.email, row.name or "", row.quantity, row.ends_at, words[outcome])


def _wrong(fault: rosters.Fault) -> Row:
    return Row(fault.number, "wrong", fault.column or "", "", "", None, None, fault.detail)
