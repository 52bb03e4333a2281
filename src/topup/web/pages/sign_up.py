"""Signing up on pages: the form, then the code from the mail, then the account.

Calls the same flows as the JSON interface and tells as little about a taken address.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from topup import errors
from topup.flows import register, resend_code, verify_code, welcome
from topup.web import csrf, pace, people
from topup.web.api import auth as bodies
from topup.web.caller import CallerDep
from topup.web.context import HouseDep
from topup.web.pages import entering, forms, frame, rendering, typed_address

GUARDED = [Depends(csrf.guard)]
Next = Annotated[str, Query(alias="next", max_length=frame.PATH_LENGTH_MAX)]

router = APIRouter(include_in_schema=False)


@router.get("/sign-up")
async def sign_up_form(request: Request, after: Next = frame.HOME) -> Response:
    """The empty form; somebody signed in needs none."""
    if await people.page_person(request) is not None:
        return frame.go(frame.safe_next(after))
    return await _sign_up(request, forms.Form({"email": typed_address.known(request)}), frame.safe_next(after))


@router.post("/sign-up", dependencies=GUARDED)
async def sign_up(request: Request, house: HouseDep, caller: CallerDep) -> Response:
    """Keep what was typed and mail a code; the answer is the same for a taken address."""
    values = await forms.read(request, "firstName", "lastName", "email", "password")
    after = await entering.next_of(request)
    body, form = forms.judge(bodies.Register, values)
    if body is None:
        return await _sign_up(request, form, after, status=422)
    try:
        await register.register(
            house.pool,
            house.keys,
            email=body.email,
            password=body.password,
            first_name=body.first_name,
            last_name=body.last_name,
            role=body.role,
            caller=caller,
        )
    except errors.Refused as error:
        return await _sign_up(request, forms.refused(values, error), after, status=entering.status_of(error))
    response = frame.go("/verify" + rendering.next_query(after))
    typed_address.keep(request, response, body.email)
    return response


@router.get("/verify")
async def verify_form(request: Request, after: Next = frame.HOME, sent: int = 0) -> Response:
    """The form for the code."""
    form = forms.Form({"email": typed_address.known(request)})
    notice = "A new code is on its way. Only the newest one works." if sent else ""
    return await _verify(request, form, frame.safe_next(after), notice=notice)


@router.post("/verify", dependencies=GUARDED)
async def verify(request: Request, house: HouseDep, caller: CallerDep) -> Response:
    """Turn the right code into an account and a login."""
    values = await forms.read(request, "email", "otp")
    values["otp"] = "".join(values["otp"].split())
    after = await entering.next_of(request)
    body, form = forms.judge(bodies.Verify, values)
    if body is None:
        return await _verify(request, form, after, status=422)
    try:
        opened = await verify_code.verify_code(
            house.pool, house.keys, email=body.email, code=body.otp, kind="PAGE", caller=caller
        )
    except errors.Refused as error:
        return await _verify(request, forms.refused(values, error), after, status=entering.status_of(error))
    return entering.signed_in(request, opened, after)


@router.post("/verify/resend", dependencies=GUARDED)
async def resend(request: Request, house: HouseDep, caller: CallerDep) -> Response:
    """Mail a new code, or seem to: the answer is the same for any address."""
    values = await forms.read(request, "email")
    after = await entering.next_of(request)
    body, form = forms.judge(bodies.Address, values)
    if body is None:
        return await _verify(request, form, after, status=422)
    try:
        async with pace.even():
            await resend_code.resend_code(house.pool, house.keys, email=body.email, caller=caller)
    except errors.Refused as error:
        return await _verify(request, forms.refused(values, error), after, status=entering.status_of(error))
    response = frame.go("/verify" + entering.query(after, sent=1))
    typed_address.keep(request, response, body.email)
    return response


async def _sign_up(request: Request, form: forms.Form, after: str, *, status: int = 200) -> Response:
    return await frame.show(
        request,
        "sign_up.html",
        status=status,
        form=form,
        next=after,
        welcome_credits=welcome.WELCOME_CREDITS,
        password_help=forms.PASSWORD_HELP,
    )


async def _verify(request: Request, form: forms.Form, after: str, *, status: int = 200, notice: str = "") -> Response:
    return await frame.show(request, "verify.html", status=status, form=form, next=after, notice=notice)
