"""Holds through the machine door: set credits aside, use some or all of them up, give the rest back.

For work whose price is known only afterwards. A hold ends by itself, so a host that dies blocks nobody's credits for
long.
"""

from datetime import datetime
from typing import Annotated, Literal, cast
from uuid import UUID

from fastapi import Request, status
from pydantic import AwareDatetime, BaseModel, Field
from starlette.responses import Response

from topup.core import ids
from topup.db import holds
from topup.flows import read_account
from topup.flows.requests import Answer, OfHold
from topup.ledger import commands
from topup.ledger.commands import Cause, HoldView, Text
from topup.web import errors, lean
from topup.web.api import fields, models, paging, posting
from topup.web.api.transactions import TransactionAnswer
from topup.web.auth import AdminDep, ReaderDep, SpenderDep
from topup.web.context import HouseDep
from topup.web.idempotency import OptionalKeyDep, RequiredKeyDep

router = lean.router("Holds")

SECONDS_MAX = 86_400
SECONDS_DEFAULT = 3600
Status = Literal["OPEN", "CAPTURED", "RELEASED", "EXPIRED"]


class NewHold(models.Body):
    """What is set aside, and for how long."""

    amount: fields.Credits
    expires_in_seconds: Annotated[int, Field(strict=True, ge=1, le=SECONDS_MAX)] = SECONDS_DEFAULT
    description: fields.Description | None = None


class Capture(models.Body):
    """How much of a hold is used up: all of it when no amount is given."""

    amount: fields.Credits | None = None
    final: Annotated[bool, Field(description="Give the rest back and close the hold.")] = True


class Release(models.Body):
    """Nothing needs saying."""


class HoldAnswer(models.Answer):
    """Credits set aside, and what became of them."""

    id: str
    account_id: str
    amount: int
    captured: int
    status: Status
    expires_at: models.Moment


class HoldList(models.Answer):
    """One page of holds."""

    data: list[HoldAnswer]
    next_cursor: str | None


class _Place(BaseModel):
    id: UUID


class _StuckPlace(BaseModel):
    expires_at: AwareDatetime
    id: UUID


@router.post(
    "/api/accounts/{account_id}/holds",
    status_code=status.HTTP_201_CREATED,
    response_model=HoldAnswer,
    responses=errors.documented(402, 404, 409),
)
async def place_hold(
    account_id: models.RowId, body: NewHold, request: Request, house: HouseDep, by: SpenderDep, key: RequiredKeyDep
) -> Response:
    """Set credits aside."""
    command = commands.PlaceHold(
        account_id, body.amount, ids.new(), body.expires_in_seconds, by.actor, body.description
    )
    return await posting.post(house, request, by, key, body, command, _placed)


@router.get("/api/accounts/{account_id}/holds", responses=errors.documented(404))
async def list_open_holds(
    account_id: models.RowId,
    house: HouseDep,
    _by: ReaderDep,
    limit: paging.Limit = paging.LIMIT_DEFAULT,
    cursor: paging.Cursor = None,
) -> HoldList:
    """What is set aside on an account now, newest first."""
    before = paging.read(_Place, cursor)
    rows = await read_account.open_holds(
        house.pool, account_id, before_id=before.id if before else None, limit=limit + 1
    )
    page, next_cursor = paging.cut(rows, limit, lambda hold: _Place(id=hold.id))
    return HoldList(data=[_answer(hold) for hold in page], next_cursor=next_cursor)


@router.post(
    "/api/holds/{hold_id}/captures",
    status_code=status.HTTP_201_CREATED,
    response_model=TransactionAnswer,
    responses=errors.documented(404, 409),
)
async def capture_hold(
    hold_id: models.RowId,
    request: Request,
    house: HouseDep,
    by: SpenderDep,
    key: RequiredKeyDep,
    body: Capture | None = None,
) -> Response:
    """Use up what was set aside, or a part of it; the rest goes back unless `final` is false."""
    wanted = body or Capture()
    cause, text = Cause("capture", f"{by.actor}/{key}"), Text(source_id=str(hold_id))
    asked = OfHold(
        hold_id,
        lambda account_id: commands.Capture(
            account_id, hold_id, wanted.amount, cause, by.actor, is_final=wanted.final, text=text
        ),
    )
    return await posting.post(house, request, by, key, body, asked, posting.entry)


@router.post("/api/holds/{hold_id}/release", response_model=HoldAnswer, responses=errors.documented(404, 409))
async def release_hold(
    hold_id: models.RowId,
    request: Request,
    house: HouseDep,
    by: SpenderDep,
    key: OptionalKeyDep,
    body: Release | None = None,
) -> Response:
    """Give everything back that is still set aside, and close the hold."""
    asked = OfHold(hold_id, lambda account_id: commands.Release(account_id, hold_id, by.actor))
    return await posting.post(house, request, by, key, body, asked, _released)


@router.get("/api/holds/{hold_id}", responses=errors.documented(404))
async def show_hold(hold_id: models.RowId, house: HouseDep, _by: ReaderDep) -> HoldAnswer:
    """A hold as it stands."""
    return _answer(await read_account.hold(house.pool, hold_id))


@router.get("/api/admin/holds", tags=["Admin"])
async def list_stuck_holds(
    house: HouseDep, _by: AdminDep, limit: paging.Limit = paging.LIMIT_DEFAULT, cursor: paging.Cursor = None
) -> HoldList:
    """Holds that are past their end and still open, the longest overdue first: normally none for more than a minute."""
    after = paging.read(_StuckPlace, cursor)
    rows = await read_account.stuck_holds(
        house.pool, after=(after.expires_at, after.id) if after else None, limit=limit + 1
    )
    page, next_cursor = paging.cut(rows, limit, lambda hold: _StuckPlace(expires_at=hold.expires_at, id=hold.id))
    return HoldList(data=[_answer(hold) for hold in page], next_cursor=next_cursor)


def _placed(done: commands.Done) -> Answer:
    return Answer(status.HTTP_201_CREATED, _answer(cast("HoldView", done.hold)).model_dump_json(by_alias=True))


def _released(done: commands.Done) -> Answer:
    return Answer(status.HTTP_200_OK, _answer(cast("HoldView", done.hold)).model_dump_json(by_alias=True))


def _answer(hold: holds.Hold | HoldView) -> HoldAnswer:
    return HoldAnswer(
        id=str(hold.id),
        account_id=str(hold.account_id),
        amount=hold.credits,
        captured=hold.captured,
        status=cast("Status", hold.status),
        expires_at=cast("datetime", hold.expires_at),
    )
