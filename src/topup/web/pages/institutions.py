"""Where staff come in: the one institution that they look after, the list of several, or how to make one.

Making one asks for a name and where its bills go; whoever makes it owns it.
"""

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from topup.flows import create_institution
from topup.web import csrf, people
from topup.web.api import institutions as bodies
from topup.web.context import HouseDep
from topup.web.pages import forms, frame, institution_door, wording

router = APIRouter(include_in_schema=False)


@router.get("/institutions", dependencies=[Depends(people.signed_in)])
async def institutions(request: Request) -> Response:
    """On to the only one; else which, or the way to the first."""
    seats = institution_door.staffed(await people.page_seats(request))
    if len(seats) == 1:
        return frame.go(institution_door.home_of(seats[0]))
    shown = [(institution_door.home_of(seat), seat.institution_name, wording.ROLES[seat.role]) for seat in seats]
    return await frame.show(request, "institutions.html", institutions=shown)


@router.get("/institutions/new")
async def new_institution(request: Request, person: people.SignedInDep) -> Response:
    """The form; bills go to whoever asks, unless they say otherwise."""
    return await _new(request, forms.Form({"billingEmail": person.email}))


@router.post("/institutions", dependencies=[Depends(csrf.guard)])
async def create(request: Request, house: HouseDep, person: people.SignedInDep) -> Response:
    """Make it and go there."""
    values = await forms.read(request, "name", "billingEmail")
    body, form = forms.judge(bodies.NewInstitution, values)
    if body is None:
        return await _new(request, form, status=422)
    async with house.pool.connection() as conn:
        made = await create_institution.create(conn, name=body.name, billing_email=body.billing_email, person=person)
    return frame.go(f"{frame.INSTITUTIONS}/{made.id}")


async def _new(request: Request, form: forms.Form, *, status: int = 200) -> Response:
    return await frame.show(request, "institution_new.html", status=status, form=form)
