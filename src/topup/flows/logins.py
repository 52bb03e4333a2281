"""Opens logins inside a caller's transaction: the last step of every way to sign in.

An API login carries a refresh token, a page login a cookie secret; either leaves the house once and is stored as a
digest. The access token is no secret of a row: whoever answers makes it from what is returned here.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from topup import errors
from topup.core import ids, tokens
from topup.core.people import Person
from topup.db import logins, sql

REFRESH_PREFIX = "topup_rt_"
COOKIE_PREFIX = "topup_pg_"
SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Opened:
    """A login just opened. `secret` is its refresh token, or its cookie for a page."""

    person: Person
    kind: logins.Kind
    secret: str
    opened_at: datetime


async def open_for(conn: sql.Connection, user_id: UUID, *, kind: logins.Kind) -> Opened:
    """Open a login for somebody who has just proved who they are."""
    login_id = ids.new()
    prefix = COOKIE_PREFIX if kind == "PAGE" else REFRESH_PREFIX
    secret = tokens.secret_text(prefix, secrets.token_bytes(SECRET_BYTES))
    cookie_hash = tokens.digest(secret) if kind == "PAGE" else None
    opened_at = await logins.open_one(conn, login_id, user_id=user_id, kind=kind, cookie_hash=cookie_hash)
    if kind == "API":
        await logins.add_refresh(conn, ids.new(), login_id=login_id, token_hash=tokens.digest(secret))
    person = await logins.person_of(conn, login_id)
    if person is None:
        raise errors.NotAllowed("This account is disabled.", code="account_disabled")
    return Opened(person, kind, secret, opened_at)
