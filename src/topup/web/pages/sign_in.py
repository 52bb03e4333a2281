"""Signing in and out on pages, and setting a new password with a mailed code.

Calls the flows of the JSON interface, and says as little as it does about which addresses are known.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from topup import errors
from topup.flows import forgot_password, reset_password
from topup.flows import sign_in as sign_in_flow
from topup.flows import sign_out as sign_out_flow
from topup.web import cookies, csrf, pace, people
from topup.web.api import auth as bodies
from topup.web.caller import CallerDep
from topup.web.context import HouseDep
from topup.web.pages import entering, forms, frame, typed_address

GUARDED = [Depends(csrf.guard)]
Next = Annotated[str, Query(alias="next", max_length=frame.PATH_LENGTH_MAX)]

router = APIRouter(include_in_schema=False)


@router.get("/sign-in")
async def sign_in_form(request: Request, after: Next = frame.HOME) -> Response:
    """The empty form; somebody signed in needs none."""
    if await people.page_person(request) is not None:
        return frame.go(frame.safe_next(after))
    return await _sign_in(request, forms.Form({"email": typed_address.known(request)}), frame.safe_next(after))


@router.post("/sign-in", dependencies=GUARDED)
async def sign_in(request: Request, house: HouseDep, caller: CallerDep) -> Response:
    """Open a login; unknown and wrong are one answer."""
    values = await forms.read(request, "email", "password")
    after = await entering.next_of(request)
    body, form = forms.judge(bodies.Login, values)
    if body is None:
        return await _sign_in(request, form, after, status=422)
    try:
        opened = await sign_in_flow.sign_in(
            house.pool, house.keys, email=body.email, password=body.password, kind="PAGE", caller=caller
        )
    except errors.Refused as error:
        return await _sign_in(request, forms.refused(values, error), after, status=entering.status_of(error))
    return entering.signed_in(request, opened, after)


@router.post("/sign-out", dependencies=GUARDED)
async def sign_out(request: Request, house: HouseDep) -> Response:
    """End the login, here and in the database."""
    person = await people.page_person(request)
    if person is not None:
        await sign_out_flow.sign_out_of(house.pool, login_id=person.login_id)
    after = (await forms.read(request, "next"))["next"]
    response = frame.go(frame.safe_next(after) if after else "/")
    cookies.sign_out(response, cookies.Jar.of(request, house.settings))
    return response


@router.get("/forgot-password")
async def forgot_form(request: Request) -> Response:
    """Where to send the code."""
    return await frame.show(request, "forgot_password.html", form=forms.EMPTY)


@router.post("/forgot-password", dependencies=GUARDED)
async def forgot(request: Request, house: HouseDep, caller: CallerDep) -> Response:
    """Mail a code, or seem to: the answer is the same for any address."""
    values = await forms.read(request, "email")
    body, form = forms.judge(bodies.Address, values)
    if body is None:
        return await frame.show(request, "forgot_password.html", status=422, form=form)
    try:
        async with pace.even():
            await forgot_password.forgot_password(house.pool, house.keys, email=body.email, caller=caller)
    except errors.Refused as error:
        form = forms.refused(values, error)
        return await frame.show(request, "forgot_password.html", status=entering.status_of(error), form=form)
    response = frame.go("/reset-password")
    typed_address.keep(request, response, body.email)
    return response


@router.get("/reset-password")
async def reset_form(request: Request) -> Response:
    """The form for the code and the new password."""
    return await _reset(request, forms.Form({"email": typed_address.known(request)}))


@router.post("/reset-password", dependencies=GUARDED)
async def reset(request: Request, house: HouseDep, caller: CallerDep) -> Response:
    """Set the password, end every other login, sign in."""
    values = await forms.read(request, "email", "otp", "password")
    values["otp"] = "".join(values["otp"].split())
    body, form = forms.judge(bodies.Reset, values)
    if body is None:
        return await _reset(request, form, status=422)
    try:
        opened = await reset_password.reset_password(
            house.pool,
            house.keys,
            email=body.email,
            code=body.otp,
            password=body.password,
            kind="PAGE",
            caller=caller,
        )
    except errors.Refused as error:
        return await _reset(request, forms.refused(values, error), status=entering.status_of(error))
    return entering.signed_in(request, opened, frame.HOME)


async def _sign_in(request: Request, form: forms.Form, after: str, *, status: int = 200) -> Response:
    return await frame.show(request, "sign_in.html", status=status, form=form, next=after)


async def _reset(request: Request, form: forms.Form, *, status: int = 200) -> Response:
    return await frame.show(request, "reset_password.html", status=status, form=form, password_help=forms.PASSWORD_HELP)
