"""Who is asking, as a handler depends on it: somebody, perhaps somebody, an admin, or a host application with a scope.

`Principal` is whoever may act: a person or a host application; both have an `actor` by which the ledger and idempotency
name them. A bearer token wins over a cookie, and a bad one is refused rather than passed over.
"""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.openapi.models import HTTPBearer as BearerModel
from fastapi.security import HTTPBearer
from fastapi.security.base import SecurityBase

from topup import errors
from topup.core import api_keys
from topup.core.api_keys import Application, Scope
from topup.core.people import Person
from topup.web import context, csrf, people

Principal = Person | Application

ADMIN_REQUIRED = "Admin access required"
_bearer = HTTPBearer(
    auto_error=False, scheme_name="accessToken", bearerFormat="JWT", description="An access token from signing in."
)


async def optional_principal(request: Request) -> Principal | None:
    """Who is asking, or None when the request names nobody."""
    token = people.bearer_of(request)
    if token is not None and token.startswith(api_keys.MARK):
        application = await context.house_of(request).key_ring.let_in(token)
        request.state.application_id = str(application.application_id)
        return application
    if token is not None:
        return await people.bearer_person(request, token)
    person = await people.page_person(request)
    if person is not None:
        await csrf.check_header(request)
    return person


OptionalPrincipalDep = Annotated[Principal | None, Depends(optional_principal)]


async def person(found: OptionalPrincipalDep, _documented: Annotated[object, Depends(_bearer)]) -> Person:
    """The person; 401 when the request names nobody, 403 when it names an application."""
    if found is None:
        raise errors.Unauthenticated("Sign in first.")
    if isinstance(found, Application):
        raise errors.NotAllowed("This call is for a person who is signed in.", code="person_required")
    return found


PersonDep = Annotated[Person, Depends(person)]


async def buyer_or_admin(found: OptionalPrincipalDep, _documented: Annotated[object, Depends(_bearer)]) -> Principal:
    """Somebody about a payment of their own, or whoever may do what an admin may about any."""
    if isinstance(found, Application):
        return ensure(found, "admin")
    if found is None:
        raise errors.Unauthenticated("Sign in first.")
    return found


BuyerOrAdminDep = Annotated[Principal, Depends(buyer_or_admin)]


def ensure(found: Principal | None, *scopes: Scope) -> Principal:
    """Whoever it is, if they are an admin or an application with one of the scopes; refused otherwise."""
    if found is None:
        raise errors.Unauthenticated("Sign in first, or send an API key.")
    if isinstance(found, Person):
        if not found.is_admin:
            raise errors.NotAllowed(ADMIN_REQUIRED, code="admin_required")
    elif not any(found.may(scope) for scope in scopes):
        raise errors.NotAllowed(f"This API key has not the scope {' or '.join(scopes)}.", code="scope_missing")
    return found


class Door(SecurityBase):
    """Lets in an application whose key has one of the scopes, or an admin, and says so in the API's description."""

    def __init__(self, *scopes: Scope) -> None:
        self.scopes = scopes
        self.scheme_name = "apiKey"
        self.model = BearerModel(description="An API key (`topup_sk_...`) with the right scope, or an admin's token.")

    async def __call__(self, request: Request) -> Principal:
        """Who is asking."""
        return ensure(await optional_principal(request), *self.scopes)


ReaderDep = Annotated[Principal, Depends(Door("read"))]
SpenderDep = Annotated[Principal, Depends(Door("spend"))]
ReaderOrSpenderDep = Annotated[Principal, Depends(Door("read", "spend"))]
GranterDep = Annotated[Principal, Depends(Door("grant"))]
AdminDep = Annotated[Principal, Depends(Door("admin"))]
