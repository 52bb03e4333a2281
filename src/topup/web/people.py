"""Finds the person behind a request: by the bearer token of programs, or by the cookie of the pages.

Looks the login up at every request, once, so that signing out, a ban and a changed role act at once (fault 70).
`topup.web.auth` turns what is found here into what a handler may depend on.
"""

from collections.abc import Sequence
from typing import Annotated, cast

from fastapi import Depends, Request

from topup import errors
from topup.core import tokens
from topup.core.people import Person
from topup.db import logins, memberships
from topup.db.memberships import Seat
from topup.web import context, cookies


def bearer_of(request: Request) -> str | None:
    """The bearer token of the request; None when it has no such header."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


async def bearer_person(request: Request, token: str) -> Person:
    """The person whose access token this is, or a refusal."""
    house = context.house_of(request)
    access = tokens.read_access(house.keys.access_token, token)
    if access is not None:
        async with house.pool.connection() as conn:
            person = await logins.find(
                conn, login_id=access.login_id, user_id=access.user_id, token_expires_at=access.expires_at
            )
        if person is not None:
            request.state.user_id = str(person.user_id)
            return person
    raise errors.Unauthenticated("Your sign-in is not valid or has ended. Sign in again.", code="token_invalid")


async def page_person(request: Request) -> Person | None:
    """The person whose page cookie this is; asked of the database once a request."""
    if not hasattr(request.state, "page_person"):
        request.state.page_person = await _page_person(request)
    return cast("Person | None", request.state.page_person)


async def signed_in(request: Request) -> Person:
    """The person whose page cookie this is, or a refusal, by which a browser is sent to sign in."""
    person = await page_person(request)
    if person is None:
        raise errors.Unauthenticated("Sign in first.")
    return person


SignedInDep = Annotated[Person, Depends(signed_in)]


async def page_seats(request: Request) -> Sequence[Seat]:
    """Where the person of the page cookie belongs, newest first; asked of the database once a request."""
    if not hasattr(request.state, "page_seats"):
        person = await page_person(request)
        request.state.page_seats = [] if person is None else await _page_seats(request, person)
    return cast("Sequence[Seat]", request.state.page_seats)


async def _page_seats(request: Request, person: Person) -> Sequence[Seat]:
    async with context.house_of(request).pool.connection() as conn:
        return await memberships.seats(conn, user_id=person.user_id, email=person.email)


async def _page_person(request: Request) -> Person | None:
    house = context.house_of(request)
    secret = cookies.Jar.of(request, house.settings).read(request, cookies.LOGIN)
    if not secret:
        return None
    async with house.pool.connection() as conn:
        person = await logins.find_by_cookie(conn, tokens.digest(secret))
        if person is not None:
            await logins.touch(conn, person.login_id)
            request.state.user_id = str(person.user_id)
    return person
