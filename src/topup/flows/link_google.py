"""Lets a signed-in person sign in with Google from now on (fault 75).

Being signed in and holding a fresh token is the proof that both are theirs.
"""

from datetime import datetime

import psycopg
from psycopg_pool import AsyncConnectionPool

from topup import errors
from topup.core.people import Person
from topup.db import users
from topup.flows import sign_in_with_google
from topup.gateway.google import Issuer


async def link_google(
    pool: AsyncConnectionPool, issuer: Issuer | None, *, person: Person, id_token: str, client_id: str, now: datetime
) -> None:
    """Link the identity in the token to this person. Linked to them already is fine; to anybody else is a conflict."""
    identity = await sign_in_with_google.identify(issuer, id_token=id_token, client_id=client_id, now=now)
    known = {"issuer": identity.issuer, "subject": identity.subject}
    taken = errors.Conflict("This Google account, or this person, is linked already.", code="already_linked")
    try:
        async with pool.connection() as conn:
            is_linked = await users.link_identity(conn, person.user_id, **known)
            owner = None if is_linked else await users.find_by_identity(conn, **known)
    except psycopg.errors.UniqueViolation as error:
        raise taken from error
    if not is_linked and (owner is None or owner.id != person.user_id):
        raise taken
