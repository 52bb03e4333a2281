"""Rosters over HTTP: a CSV file comes in, and what it would do, or did, goes out row by row.

The file is the body itself (`text/csv`) or the one file of a form. A dry run writes nothing.
"""

import asyncio
import hashlib
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request, status
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import Response

from topup.core import rosters
from topup.flows import import_roster, keyed, plan_roster
from topup.flows.requests import Answer
from topup.web import errors, idempotency, institutions_door
from topup.web.api import models
from topup.web.auth import PersonDep
from topup.web.context import HouseDep

router = APIRouter(prefix="/api/sessions/rosters", tags=["Sessions"])

_FORM = "multipart/form-data"
_PLAIN = {"", "text/csv", "text/plain", "application/csv", "application/vnd.ms-excel", "application/octet-stream"}
_BODY = {
    "requestBody": {
        "required": True,
        "description": "Columns `email`, `quantity` and, if wanted, `expiresAt` and `name`; at most 10,000 rows.",
        "content": {"text/csv": {"schema": {"type": "string"}}},
    }
}


class RosterRow(models.Answer):
    """What a row would do; `row` is the line of the file, the header being 1. `detail` says what is wrong."""

    row: int
    outcome: Literal["allocate", "invite", "already_given", "wrong"]
    email: str | None = None
    quantity: int | None = None
    expires_at: models.Moment | None = None
    name: str | None = None
    column: str | None = None
    detail: str | None = None


class RosterSummary(models.Answer):
    """How many rows would do what, how many sessions that takes, and how many the pool has."""

    rows: int
    allocate: int
    invite: int
    already_given: int
    wrong: int
    quantity: int
    available: int


class RosterAnswer(models.Answer):
    """What importing would do (dry run) or did. `data` is the dry run's alone."""

    roster_id: str
    is_dry_run: bool
    is_importable: bool
    summary: RosterSummary
    data: list[RosterRow]


class ProgressAnswer(models.Answer):
    """How far an import is."""

    roster_id: str
    status: Literal["RUNNING", "DONE", "FAILED"]
    rows_total: int
    rows_done: int


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    response_model=RosterAnswer,
    responses={
        status.HTTP_200_OK: {"model": RosterAnswer, "description": "A dry run: nothing was written."},
        **errors.documented(402, 404, 409),
    },
    openapi_extra=_BODY,
)
async def import_roster_call(
    request: Request,
    house: HouseDep,
    person: PersonDep,
    seat: institutions_door.AllocatingSeat,
    offered: idempotency.OptionalKeyDep,
    dry_run: Annotated[bool, Query(alias="dryRun", description="Only say what would happen.")] = False,  # noqa: FBT002
) -> Response:
    """Give sessions to everybody on a list: all of it or nothing. The same row imported again gives nothing."""
    raw = await _file(request)
    roster = await asyncio.to_thread(rosters.read, raw)
    if dry_run:
        planned = await plan_roster.show(house.pool, seat.institution_id, roster)
        return Response(_answer(planned, is_dry_run=True), status.HTTP_200_OK, media_type="application/json")

    async def act() -> Answer:
        done = await import_roster.run(house.pool, seat, roster, person.user_id)
        return Answer(status.HTTP_201_CREATED, _answer(done, is_dry_run=False))

    key = idempotency.key_of(request, person, offered)
    fingerprint = hashlib.sha256(f"{request.scope['path']}\n{seat.institution_id}\n{roster.id}".encode()).digest()
    answer = await keyed.once_outside(house.pool, key, fingerprint, act, idempotency.wording(request))
    return idempotency.respond(answer)


@router.get("/{roster_id}", responses=errors.documented(404))
async def show_roster_progress(
    roster_id: Annotated[models.Line, Path(max_length=64)], house: HouseDep, seat: institutions_door.AllocatingSeat
) -> ProgressAnswer:
    """How far the import of a roster is; the dry run says its id."""
    found = await import_roster.progress(house.pool, seat.institution_id, roster_id)
    return ProgressAnswer.model_validate(
        {"roster_id": found.id, "status": found.status, "rows_total": found.rows_total, "rows_done": found.rows_done}
    )


async def _file(request: Request) -> bytes:
    """The bytes of the roster, whichever way they came."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media in _PLAIN:
        return await request.body()
    if media != _FORM:
        raise HTTPException(status.HTTP_415_UNSUPPORTED_MEDIA_TYPE)
    async with request.form(max_files=1, max_fields=5) as form:
        for part in form.values():
            if isinstance(part, UploadFile):
                return await part.read()
    return b""


def _answer(planned: plan_roster.Plan, *, is_dry_run: bool) -> str:
    outcomes = list(planned.outcomes.values())
    wrong_rows = {fault.number for fault in planned.faults}
    return RosterAnswer(
        roster_id=planned.roster.id,
        is_dry_run=is_dry_run,
        is_importable=not planned.faults and planned.quantity() <= planned.available,
        summary=RosterSummary(
            rows=len(outcomes) + len(wrong_rows),
            allocate=outcomes.count("allocate"),
            invite=outcomes.count("invite"),
            already_given=outcomes.count("already_given"),
            wrong=len(wrong_rows),
            quantity=planned.quantity(),
            available=planned.available,
        ),
        data=_rows(planned) if is_dry_run else [],
    ).model_dump_json(by_alias=True)


def _rows(planned: plan_roster.Plan) -> list[RosterRow]:
    right = [
        RosterRow(
            row=row.number,
            outcome=planned.outcomes[row.number],
            email=row.email,
            quantity=row.quantity,
            expires_at=row.ends_at,
            name=row.name,
        )
        for row in planned.roster.rows
        if row.number in planned.outcomes
    ]
    wrong = [
        RosterRow(row=fault.number, outcome="wrong", column=fault.column, detail=fault.detail)
        for fault in planned.faults
    ]
    return sorted([*right, *wrong], key=lambda row: row.row)
