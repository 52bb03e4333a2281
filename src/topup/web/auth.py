"""Who is asking, as a handler depends on it: somebody, perhaps somebody, or an admin.

`Principal` is whoever may act: people now, host applications by API key next; both have an `actor` by which the
ledger and idempotency name them. A bearer token wins over a cookie, and a bad one is refused rather than passed over.
"""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from topup import errors
from topup.core.people import Person
from topup.web import csrf, people

Principal = Person

ADMIN_REQUIRED = "Admin access required"
_bearer = HTTPBearer(
    auto_error=False, scheme_name="accessToken", bearerFormat="JWT", description="An access token from signing in."
)

page_person = people.page_person


async def optional_person(request: Request) -> Person | None:
    """The person, or None when the request names nobody."""
    token = people.bearer_of(request)
    if token is not None:
        return await people.bearer_person(request, token)
    person = await people.page_person(request)
    if person is not None:
        await csrf.check_header(request)
    return person


OptionalPersonDep = Annotated[Person | None, Depends(optional_person)]


async def person(found: OptionalPersonDep, _documented: Annotated[object, Depends(_bearer)]) -> Person:
    """The person; 401 when the request names nobody."""
    if found is None:
        raise errors.Unauthenticated("Sign in first.")
    return found


PersonDep = Annotated[Person, Depends(person)]


async def admin(found: PersonDep) -> Principal:
    """Somebody who may use admin calls; 403 for everybody else."""
    if not found.is_admin:
        raise errors.NotAllowed(ADMIN_REQUIRED, code="admin_required")
    return found


AdminDep = Annotated[Principal, Depends(admin)]
