"""Packages over JSON: a public price list, and what admins do to it.

`priceInCents` is the contract's name for minor units of the package's currency.
"""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, status
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from topup.db import sql
from topup.db.packages import Draft, Package
from topup.flows import edit_packages, keyed, show_packages
from topup.flows.requests import Answer
from topup.web import auth, errors, idempotency
from topup.web.api import models, paging
from topup.web.auth import AdminDep, OptionalPrincipalDep
from topup.web.context import HouseDep

router = APIRouter(prefix="/api/credit-packages", tags=["Packages"])

Description = Annotated[models.Text, Field(max_length=500)]
Credits = Annotated[models.Whole, Field(ge=1, le=100_000)]
Price = Annotated[models.Whole, Field(ge=1, le=10_000_000, description="In minor units, such as pence.")]
ValidDays = Annotated[
    models.Whole, Field(ge=1, le=36_500, description="How long the credits live after buying; null for ever.")
]
RefundDays = Annotated[
    models.Whole, Field(ge=0, le=36_500, description="How long the buyer may have the price back; null or 0 never.")
]


class NewPackage(models.Body):
    """A package to be."""

    name: models.Name
    description: Description | None = None
    credits: Credits
    price_in_cents: Price
    currency: models.Currency = "gbp"
    is_active: bool = True
    valid_days: ValidDays | None = None
    refund_days: RefundDays | None = None


_ABSENT: Any = None


class Changes(models.Body):
    """Any of a package's fields; null empties one that may be empty. What is not sent stays as it is."""

    model_config = ConfigDict(json_schema_extra=models.without_defaults)

    name: models.Name = _ABSENT
    description: Description | None = None
    credits: Credits = _ABSENT
    price_in_cents: Price = _ABSENT
    currency: models.Currency = _ABSENT
    is_active: bool = _ABSENT
    valid_days: ValidDays | None = None
    refund_days: RefundDays | None = None


class PackageAnswer(models.Answer):
    """A package as it is on the list."""

    id: str
    name: str
    description: str | None
    credits: int
    price_in_cents: int
    currency: str
    is_active: bool
    valid_days: int | None
    refund_days: int | None
    created_at: models.Moment
    updated_at: models.Moment


class PackageList(models.Answer):
    """One page of packages, cheapest first."""

    data: list[PackageAnswer]
    next_cursor: str | None


class _Place(BaseModel):
    price_minor: int
    id: UUID


@router.get("", responses=errors.documented(401, 403))
async def list_packages(
    house: HouseDep,
    found: OptionalPrincipalDep,
    limit: paging.Limit = paging.LIMIT_DEFAULT,
    cursor: paging.Cursor = None,
    include_inactive: Annotated[bool, Query(alias="includeInactive", description="For admins.")] = False,  # noqa: FBT002
) -> PackageList:
    """What is on sale, cheapest first."""
    if include_inactive:
        auth.ensure(found, "admin")
    place = paging.read(_Place, cursor)
    after = (place.price_minor, place.id) if place else None
    rows = await show_packages.by_price(house.pool, with_inactive=include_inactive, after=after, limit=limit + 1)
    page, next_cursor = paging.cut(rows, limit, lambda row: _Place(price_minor=row.price_minor, id=row.id))
    return PackageList(data=[_answer(package) for package in page], next_cursor=next_cursor)


@router.get("/{package_id}", responses=errors.documented(404))
async def show_package(package_id: models.RowId, house: HouseDep) -> PackageAnswer:
    """One package, on sale or not."""
    return _answer(await show_packages.one(house.pool, package_id))


@router.post("", status_code=status.HTTP_201_CREATED, response_model=PackageAnswer, responses=errors.documented(409))
async def create_package(
    body: NewPackage, request: Request, house: HouseDep, admin: AdminDep, offered: idempotency.OptionalKeyDep
) -> Response:
    """Put a package on the list."""
    draft = Draft(
        name=body.name,
        description=body.description,
        credits=body.credits,
        price_minor=body.price_in_cents,
        currency=body.currency,
        is_active=body.is_active,
        valid_days=body.valid_days,
        refund_days=body.refund_days,
    )

    async def act(conn: sql.Connection) -> Answer:
        package = await edit_packages.create(conn, draft)
        return Answer(status.HTTP_201_CREATED, _answer(package).model_dump_json(by_alias=True))

    key = idempotency.key_of(request, admin, offered)
    fingerprint = idempotency.fingerprint_of(request, body)
    answer = await keyed.once(house.pool, key, fingerprint, act, idempotency.wording(request))
    return idempotency.respond(answer)


@router.patch("/{package_id}", responses=errors.documented(404, 409))
async def change_package(package_id: models.RowId, body: Changes, house: HouseDep, _admin: AdminDep) -> PackageAnswer:
    """Change any of a package's fields. Payments already begun keep what they were promised."""
    given = body.model_dump(exclude_unset=True)
    if "price_in_cents" in given:
        given["price_minor"] = given.pop("price_in_cents")
    return _answer(await edit_packages.change(house.pool, package_id, given))


@router.delete("/{package_id}", responses=errors.documented(404))
async def withdraw_package(package_id: models.RowId, house: HouseDep, _admin: AdminDep) -> PackageAnswer:
    """Take a package off sale. It is never removed, since payments point at it."""
    return _answer(await edit_packages.withdraw(house.pool, package_id))


def _answer(package: Package) -> PackageAnswer:
    return PackageAnswer(
        id=str(package.id),
        name=package.name,
        description=package.description,
        credits=package.credits,
        price_in_cents=package.price_minor,
        currency=package.currency,
        is_active=package.is_active,
        valid_days=package.valid_days,
        refund_days=package.refund_days,
        created_at=package.created_at,
        updated_at=package.updated_at,
    )
