"""The price list, one package on its own, and the button that opens Stripe's page.

Public to look at; buying asks to sign in and comes back. The form names a package and nothing else: price, credits and
account come from our own rows (fault 62). Whatever is refused says that nobody was charged.
"""

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from topup import errors
from topup.core.people import Person
from topup.db.statements import Balance
from topup.flows import checkout, show_account, show_packages
from topup.web import csrf, people
from topup.web import errors as problems
from topup.web.api import models
from topup.web.context import HouseDep
from topup.web.pages import forms, frame, offers

BUYERS = "STUDENT"
NOT_CHARGED = "You have not been charged."
CANCELLED = "You left Stripe’s page before paying. You have not been charged, and nothing was ordered."

router = APIRouter(include_in_schema=False)


@router.get("/")
async def prices(request: Request, house: HouseDep) -> Response:
    """What is on sale, for anybody."""
    return await _prices(request, house)


@router.get("/packages")
async def cancelled(request: Request, house: HouseDep) -> Response:
    """Where Stripe's page sends somebody who turns back."""
    return await _prices(request, house, notice=CANCELLED)


@router.get("/buy/{package_id}")
async def package(request: Request, house: HouseDep, package_id: models.RowId) -> Response:
    """One package, for somebody who chose it before signing in."""
    found = await show_packages.one(house.pool, package_id)
    if await people.page_person(request) is None:
        return frame.go("/sign-up?next=" + request.url.path)
    return await frame.show(request, "buy.html", offer=offers.of_package(found), is_on_sale=found.is_active)


@router.post("/buy", dependencies=[Depends(csrf.guard)])
async def buy(request: Request, house: HouseDep, person: people.SignedInDep) -> Response:
    """Open a checkout for one package and go to Stripe's page."""
    sent = await forms.read(request, "packageId")
    try:
        payment = await checkout.start(
            house.pool,
            house.stripe,
            buyer=checkout.Buyer(person.user_id, person.account_id, person.role),
            package_id=forms.id_of(sent["packageId"]),
            app_url=house.settings.frontend_url,
        )
    except (errors.Refused, errors.Conflict, errors.GatewayError, errors.Unavailable) as error:
        refusal = error.detail if NOT_CHARGED in error.detail else f"{error.detail} {NOT_CHARGED}"
        return await _prices(request, house, refusal=refusal, status=problems.status_of(type(error)))
    if payment.checkout_url is None:
        raise errors.Broken(f"Checkout {payment.id} has no page to go to.")
    return frame.go(payment.checkout_url)


async def _prices(
    request: Request, house: HouseDep, *, notice: str = "", refusal: str = "", status: int = 200
) -> Response:
    person = await people.page_person(request)
    found = await show_packages.by_price(house.pool)
    return await frame.show(
        request,
        "prices.html",
        status=status,
        offers=offers.of_packages(found),
        standing=await _standing(house, person),
        may_buy=person is not None and person.role == BUYERS,
        notice=notice,
        refusal=refusal,
    )


async def _standing(house: HouseDep, person: Person | None) -> Balance | None:
    if person is None:
        return None
    return await show_account.standing(house.pool, account_id=person.account_id)
