"""Packages at the desk: what is on sale and what is not, a new one, and changes to one that is there.

The rules of a package are those of the JSON interface. What was bought before keeps what it was promised.
"""

from collections.abc import Mapping
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from topup import errors
from topup.core import money
from topup.db.packages import Draft, Package
from topup.flows import edit_packages, show_packages
from topup.runtime.house import House
from topup.web import csrf
from topup.web.api import models
from topup.web.api.packages import NewPackage
from topup.web.context import HouseDep
from topup.web.pages import admin_door, figures, forms, frame

PATH = f"{admin_door.HOME}/packages"
PACKAGES_MAX = 100
CONFLICT, INVALID = 409, 422
_FIELDS = ("name", "description", "credits", "price", "currency", "validDays", "refundDays")

router = APIRouter(include_in_schema=False)


@router.get(PATH)
async def packages(request: Request, house: HouseDep, entry: admin_door.AdminEntry) -> Response:
    """All of them, cheapest first."""
    found = await show_packages.by_price(house.pool, with_inactive=True, after=None, limit=PACKAGES_MAX)
    shown = [(one, money.short(one.price_minor, one.currency), _about(one)) for one in found]
    return await frame.show(request, "admin_packages.html", rail=entry.rail, packages=shown)


@router.get(f"{PATH}/new")
async def new(request: Request, entry: admin_door.AdminEntry) -> Response:
    """The form of a new one."""
    return await _form(request, entry, None, forms.Form({"currency": "GBP"}))


@router.post(PATH, dependencies=[Depends(csrf.guard)])
async def create(request: Request, house: HouseDep, entry: admin_door.AdminEntry) -> Response:
    """Put it on the list."""
    return await _keep(request, house, entry, None)


@router.get(PATH + "/{package_id}")
async def edit(request: Request, house: HouseDep, entry: admin_door.AdminEntry, package_id: models.RowId) -> Response:
    """One of them, to be changed."""
    found = await show_packages.one(house.pool, package_id)
    return await _form(request, entry, found, forms.Form(_values(found)))


@router.post(PATH + "/{package_id}", dependencies=[Depends(csrf.guard)])
async def change(request: Request, house: HouseDep, entry: admin_door.AdminEntry, package_id: models.RowId) -> Response:
    """Change it. Checkouts that are open keep the price they began with."""
    return await _keep(request, house, entry, await show_packages.one(house.pool, package_id))


@router.post(PATH + "/{package_id}/sale", dependencies=[Depends(csrf.guard)])
async def switch(
    house: HouseDep, _entry: admin_door.AdminEntry, request: Request, package_id: models.RowId
) -> Response:
    """Take it off sale, or put it on sale again."""
    sent = await forms.read(request, "isActive")
    await edit_packages.change(house.pool, package_id, {"is_active": sent["isActive"] == "yes"})
    return frame.go(PATH)


async def _keep(request: Request, house: House, entry: admin_door.Entry, package: Package | None) -> Response:
    values = await forms.read(request, *_FIELDS)
    told = {
        "name": values["name"],
        "description": values["description"],
        "currency": values["currency"].strip().lower(),
    }
    numbers = {
        "credits": forms.whole(values["credits"]),
        "priceInCents": money.typed(values["price"], told["currency"]),
    }
    numbers |= {name: forms.whole(values[name]) for name in ("validDays", "refundDays") if values[name].strip()}
    body, form = forms.judge(NewPackage, told, **numbers)
    form = forms.Form(values, form.faults)
    if body is None:
        return await _form(request, entry, package, form, status=INVALID)
    draft = Draft(
        name=body.name,
        description=body.description or None,
        credits=body.credits,
        price_minor=body.price_in_cents,
        currency=body.currency,
        is_active=True if package is None else package.is_active,
        valid_days=body.valid_days,
        refund_days=body.refund_days,
    )
    try:
        await _write(house, package, draft)
    except errors.Conflict as refusal:
        return await _form(request, entry, package, forms.refused(values, refusal), status=CONFLICT)
    return frame.go(PATH)


async def _write(house: House, package: Package | None, draft: Draft) -> None:
    if package is None:
        async with house.pool.connection() as conn:
            await edit_packages.create(conn, draft)
        return
    changes = {name: getattr(draft, name) for name in Draft.__slots__ if name != "is_active"}
    await edit_packages.change(house.pool, package.id, changes)


async def _form(
    request: Request, entry: admin_door.Entry, package: Package | None, form: forms.Form, *, status: int = 200
) -> Response:
    action: UUID | str = package.id if package else ""
    return await frame.show(
        request,
        "admin_package.html",
        rail=entry.rail,
        status=status,
        form=form,
        package=package,
        action=f"{PATH}/{action}" if package else PATH,
    )


def _values(package: Package) -> Mapping[str, str]:
    return {
        "name": package.name,
        "description": package.description or "",
        "credits": str(package.credits),
        "price": str(money.major(package.price_minor, package.currency)),
        "currency": package.currency.upper(),
        "validDays": str(package.valid_days or ""),
        "refundDays": str(package.refund_days or ""),
    }


def _about(package: Package) -> str:
    told = [figures.counted(package.credits, package.unit)]
    if package.valid_days:
        told.append(f"for {figures.counted(package.valid_days, 'day')}")
    if package.refund_days:
        told.append(f"refundable for {figures.counted(package.refund_days, 'day')}")
    return ", ".join(told)
