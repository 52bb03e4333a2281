"""Signing up, in and out over JSON.

Thin: each call is one flow. Page logins go the same ways in `topup.web.pages`, with a cookie instead of two tokens.
"""

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, status
from pydantic import AfterValidator, Field, StringConstraints, WithJsonSchema

from topup.core import addresses, passwords, tokens
from topup.core.people import Person, Role
from topup.flows import forgot_password as forgot_flow
from topup.flows import link_google as link_flow
from topup.flows import logins
from topup.flows import refresh as refresh_flow
from topup.flows import register as register_flow
from topup.flows import resend_code as resend_flow
from topup.flows import reset_password as reset_flow
from topup.flows import sign_in as sign_in_flow
from topup.flows import sign_in_with_google as google_flow
from topup.flows import sign_out as sign_out_flow
from topup.flows import verify_code as verify_flow
from topup.runtime.house import House
from topup.web import errors, pace
from topup.web.api import models
from topup.web.auth import PersonDep
from topup.web.caller import CallerDep
from topup.web.context import HouseDep

router = APIRouter(prefix="/api/auth", tags=["Signing in"])

CODE_SENT = "If this address can be used, a code is on its way to it."

Email = Annotated[
    str,
    StringConstraints(max_length=addresses.LENGTH_MAX),
    AfterValidator(addresses.canonical),
    WithJsonSchema({"type": "string", "format": "email", "maxLength": addresses.LENGTH_MAX}),
]
NewPassword = Annotated[models.Line, Field(min_length=passwords.LENGTH_MIN, max_length=passwords.LENGTH_MAX)]
Password = Annotated[models.Line, Field(min_length=1, max_length=passwords.LENGTH_MAX)]
Otp = Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")]


class Register(models.Body):
    """Somebody new."""

    email: Email
    password: NewPassword
    first_name: models.Name
    last_name: models.Name
    role: Role = "STUDENT"


class Verify(models.Body):
    """The code that was mailed to an address."""

    email: Email
    otp: Otp


class Address(models.Body):
    """A mail address."""

    email: Email


class Login(models.Body):
    """An address and its password."""

    email: Email
    password: Password


class RefreshToken(models.Body):
    """What a login is continued or ended with."""

    refresh_token: models.Secret


class GoogleToken(models.Body):
    """An ID token as Google's button gives it to a page."""

    id_token: models.Secret


class Reset(models.Body):
    """A mailed code and the password to be."""

    email: Email
    otp: Otp
    password: NewPassword


class CodeSent(models.Answer):
    """A code is on its way and ends then."""

    message: str
    expires_at: models.Moment


class Sent(models.Answer):
    """A mail is on its way, if the address is known."""

    message: str


class UserAnswer(models.Answer):
    """A signed-in person."""

    id: str
    email: str
    first_name: str
    last_name: str
    role: Role
    is_admin: bool
    account_id: str


class LoginAnswer(models.Answer):
    """A login: two tokens and whose they are."""

    access_token: str
    expires_in: Literal[3600] = tokens.ACCESS_SECONDS
    refresh_token: str
    user: UserAnswer


@router.post("/register", status_code=status.HTTP_202_ACCEPTED, responses=errors.documented(429))
async def register(body: Register, house: HouseDep, caller: CallerDep) -> CodeSent:
    """Mail a code to the address. The answer is the same when the address is taken."""
    registered = await register_flow.register(
        house.pool,
        house.keys,
        email=body.email,
        password=body.password,
        first_name=body.first_name,
        last_name=body.last_name,
        role=body.role,
        caller=caller,
    )
    return CodeSent(message=CODE_SENT, expires_at=registered.expires_at)


@router.post("/verify-otp", responses=errors.documented(401, 429))
async def verify_otp(body: Verify, house: HouseDep, caller: CallerDep) -> LoginAnswer:
    """Prove the address with the mailed code and sign in. A new student is given welcome credits, once."""
    opened = await verify_flow.verify_code(
        house.pool, house.keys, email=body.email, code=body.otp, kind="API", caller=caller
    )
    return login_answer(house, opened)


@router.post("/resend-otp", status_code=status.HTTP_202_ACCEPTED, responses=errors.documented(429))
async def resend_otp(body: Address, house: HouseDep, caller: CallerDep) -> Sent:
    """Mail a new code; the old one ends."""
    async with pace.even():
        await resend_flow.resend_code(house.pool, house.keys, email=body.email, caller=caller)
    return Sent(message=CODE_SENT)


@router.post("/login", responses=errors.documented(401, 403, 429))
async def login(body: Login, house: HouseDep, caller: CallerDep) -> LoginAnswer:
    """Sign in with address and password."""
    opened = await sign_in_flow.sign_in(
        house.pool, house.keys, email=body.email, password=body.password, kind="API", caller=caller
    )
    return login_answer(house, opened)


@router.post("/google", responses=errors.documented(401, 403, 404, 409, 429))
async def google(body: GoogleToken, house: HouseDep, caller: CallerDep) -> LoginAnswer:
    """Sign in with a Google ID token. An address that has an account already is refused with `sign_in_to_link`."""
    opened = await google_flow.sign_in_with_google(
        house.pool,
        house.keys,
        house.google,
        id_token=body.id_token,
        client_id=house.settings.google_client_id,
        kind="API",
        caller=caller,
        now=datetime.now(UTC),
    )
    return login_answer(house, opened)


@router.post("/google/link", status_code=status.HTTP_204_NO_CONTENT, responses=errors.documented(404, 409))
async def link_google(body: GoogleToken, house: HouseDep, person: PersonDep) -> None:
    """Let the signed-in person sign in with this Google account from now on."""
    await link_flow.link_google(
        house.pool,
        house.google,
        person=person,
        id_token=body.id_token,
        client_id=house.settings.google_client_id,
        now=datetime.now(UTC),
    )


@router.post("/refresh", responses=errors.documented(401))
async def refresh(body: RefreshToken, house: HouseDep) -> LoginAnswer:
    """Trade a refresh token for the next one. A token that comes back after its use ends the sign-in."""
    return login_answer(house, await refresh_flow.refresh(house.pool, refresh_token=body.refresh_token))


@router.post("/logout", status_code=status.HTTP_204_NO_CONTENT)
async def logout(body: RefreshToken, house: HouseDep) -> None:
    """End the sign-in that a refresh token belongs to; its access tokens end with it."""
    await sign_out_flow.sign_out(house.pool, refresh_token=body.refresh_token)


@router.post("/forgot-password", status_code=status.HTTP_202_ACCEPTED, responses=errors.documented(429))
async def forgot_password(body: Address, house: HouseDep, caller: CallerDep) -> Sent:
    """Mail a code with which a new password may be set. The answer is the same for any address."""
    async with pace.even():
        await forgot_flow.forgot_password(house.pool, house.keys, email=body.email, caller=caller)
    return Sent(message=CODE_SENT)


@router.post("/reset-password", responses=errors.documented(401, 403, 429))
async def reset_password(body: Reset, house: HouseDep, caller: CallerDep) -> LoginAnswer:
    """Set a new password with the mailed code; every other sign-in ends."""
    opened = await reset_flow.reset_password(
        house.pool,
        house.keys,
        email=body.email,
        code=body.otp,
        password=body.password,
        kind="API",
        caller=caller,
    )
    return login_answer(house, opened)


@router.get("/me")
async def me(person: PersonDep) -> UserAnswer:
    """Who is signed in."""
    return user_answer(person)


def login_answer(house: House, opened: logins.Opened) -> LoginAnswer:
    """A login as the contract shows it."""
    access_token = tokens.issue_access(
        house.keys.access_token,
        user_id=opened.person.user_id,
        login_id=opened.person.login_id,
        issued_at=opened.opened_at,
    )
    return LoginAnswer(access_token=access_token, refresh_token=opened.secret, user=user_answer(opened.person))


def user_answer(person: Person) -> UserAnswer:
    """A person as the contract shows them."""
    return UserAnswer(
        id=str(person.user_id),
        email=person.email,
        first_name=person.first_name,
        last_name=person.last_name,
        role=person.role,
        is_admin=person.is_admin,
        account_id=str(person.account_id),
    )
