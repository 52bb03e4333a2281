"""An institution's sessions over JSON: prices, the pool, what is given to whom, and what a student has.

Buying them is `topup.web.api.purchases`, rosters are `topup.web.api.rosters`.
"""

from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import APIRouter, Query, Request, status
from pydantic import BaseModel, ConfigDict, model_validator
from starlette.responses import Response

from topup.db import pools, sql
from topup.db.allocations import Allocation
from topup.flows import allocate, keyed, session_prices, show_my_sessions, show_pool, take_back
from topup.flows.requests import Answer
from topup.web import errors, idempotency, institutions_door
from topup.web.api import fields, models, paging
from topup.web.api.auth import Email
from topup.web.auth import PersonDep
from topup.web.context import HouseDep

router = APIRouter(prefix="/api/sessions", tags=["Sessions"])


class TierAnswer(models.Answer):
    """From this quantity on, each session costs this much."""

    min_quantity: int
    unit_price_in_cents: int
    currency: str


class TierList(models.Answer):
    """All tiers, from the smallest quantity up."""

    data: list[TierAnswer]
    next_cursor: str | None = None


class PoolAnswer(models.Answer):
    """An institution's sessions: purchased = available + allocated + expired + takenBack; allocated includes used."""

    institution_id: str
    account_id: str
    purchased: int
    available: int
    allocated: int
    used: int
    expired: int
    taken_back: int


_ABSENT: Any = None


def _one_student(schema: dict[str, Any]) -> None:
    models.without_defaults(schema)
    schema["oneOf"] = [{"required": ["studentId"]}, {"required": ["email"]}]


class NewAllocation(models.Body):
    """Who is to have how many until when: a student's id, or any address."""

    model_config = ConfigDict(json_schema_extra=_one_student)

    student_id: models.RowId = _ABSENT
    email: Email = _ABSENT
    quantity: fields.Credits
    expires_at: fields.Time | None = None
    institution_id: models.RowId | None = None

    @model_validator(mode="after")
    def _names_one_student(self) -> Self:
        if (self.student_id is None) == (self.email is None):
            raise ValueError("Name the student by studentId or by email, one of the two.")
        return self


class AllocationAnswer(models.Answer):
    """What was given to a student; `unused` is still with them, part of it perhaps on hold."""

    id: str
    institution_id: str
    student_id: str
    email: str
    first_name: str | None
    last_name: str | None
    account_id: str
    quantity: int
    unused: int
    returned: int
    expires_at: models.Moment | None
    created_at: models.Moment
    closed_at: models.Moment | None


class AllocationList(models.Answer):
    """One page of allocations, newest first."""

    data: list[AllocationAnswer]
    next_cursor: str | None


class MineAnswer(models.Answer):
    """Sessions from one institution; `expiresAt` is when the first of them end."""

    institution_id: str
    institution_name: str
    account_id: str
    available: int
    used: int
    expires_at: models.Moment | None


class MineList(models.Answer):
    """One for each institution, newest first."""

    data: list[MineAnswer]
    next_cursor: str | None = None


class _Place(BaseModel):
    id: UUID


@router.get("/prices")
async def list_session_prices(house: HouseDep, _person: PersonDep) -> TierList:
    """What sessions cost. The tier that a quantity reaches prices the whole quantity."""
    return TierList(
        data=[
            TierAnswer(
                min_quantity=tier.min_quantity, unit_price_in_cents=tier.unit_price_minor, currency=tier.currency
            )
            for tier in await session_prices.show(house.pool)
        ]
    )


@router.get("/pool", responses=errors.documented(404))
async def show_session_pool(house: HouseDep, seat: institutions_door.PoolSeat) -> PoolAnswer:
    """The pool's figures."""
    found = await show_pool.figures(house.pool, seat.institution_id)
    return _pool(str(seat.institution_id), found)


@router.post(
    "/allocations",
    status_code=status.HTTP_201_CREATED,
    response_model=AllocationAnswer,
    responses=errors.documented(402, 404, 409),
)
async def allocate_sessions(
    body: NewAllocation, request: Request, house: HouseDep, person: PersonDep, offered: idempotency.OptionalKeyDep
) -> Response:
    """Give sessions from the pool to a student. An address that is no member yet is invited."""
    seat = await institutions_door.from_body(house, person, "allocate", body.institution_id)
    wish = allocate.Wish(body.student_id, body.email, body.quantity, body.expires_at)

    async def act(conn: sql.Connection) -> Answer:
        given = await allocate.allocate(conn, seat, wish, person)
        return Answer(status.HTTP_201_CREATED, _allocation(given).model_dump_json(by_alias=True))

    key = idempotency.key_of(request, person, offered)
    answer = await keyed.once(
        house.pool, key, idempotency.fingerprint_of(request, body), act, idempotency.wording(request)
    )
    return idempotency.respond(answer)


@router.get("/allocations", responses=errors.documented(404))
async def list_allocations(
    house: HouseDep,
    seat: institutions_door.AllocatingSeat,
    limit: paging.Limit = paging.LIMIT_DEFAULT,
    cursor: paging.Cursor = None,
    student_id: Annotated[models.RowId | None, Query(alias="studentId")] = None,
) -> AllocationList:
    """What was given to whom, newest first."""
    before = paging.read(_Place, cursor)
    rows = await show_pool.given(
        house.pool,
        seat.institution_id,
        membership_id=student_id,
        before_id=before.id if before else None,
        limit=limit + 1,
    )
    page, next_cursor = paging.cut(rows, limit, lambda row: _Place(id=row.id))
    return AllocationList(data=[_allocation(row) for row in page], next_cursor=next_cursor)


@router.delete("/allocations/{allocation_id}", responses=errors.documented(404, 409))
async def take_allocation_back(
    allocation_id: models.RowId,
    house: HouseDep,
    person: PersonDep,
    institution_id: institutions_door.InstitutionId = None,
) -> AllocationAnswer:
    """Take back what is unused. What is on hold follows when it is free."""
    return _allocation(await take_back.one(house.pool, person, allocation_id, institution_id))


@router.get("/mine")
async def list_my_sessions(house: HouseDep, person: PersonDep) -> MineList:
    """What the caller has been given, institution by institution."""
    return MineList(
        data=[
            MineAnswer(
                institution_id=str(one.institution_id),
                institution_name=one.institution_name,
                account_id=str(one.account_id),
                available=one.available,
                used=one.used,
                expires_at=one.expires_at,
            )
            for one in await show_my_sessions.mine(house.pool, person)
        ]
    )


def _pool(institution_id: str, found: pools.Pool) -> PoolAnswer:
    return PoolAnswer(
        institution_id=institution_id,
        account_id=str(found.account_id),
        purchased=found.purchased,
        available=found.available,
        allocated=found.allocated,
        used=found.used,
        expired=found.expired,
        taken_back=found.taken_back,
    )


def _allocation(row: Allocation) -> AllocationAnswer:
    return AllocationAnswer(
        id=str(row.id),
        institution_id=str(row.institution_id),
        student_id=str(row.membership_id),
        email=row.email,
        first_name=row.first_name,
        last_name=row.last_name,
        account_id=str(row.account_id),
        quantity=row.quantity,
        unused=row.unused,
        returned=row.returned,
        expires_at=row.ends_at,
        created_at=row.created_at,
        closed_at=row.closed_at,
    )
