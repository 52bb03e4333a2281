"""Signed-in devices as rows: opening, finding and ending a login, and the chain of refresh tokens under one.

Every request asks `find` or `find_by_cookie`, so that signing out, a ban and a changed role act at once (fault 70).
All times are the database's. A person without an account is not found: both are made in one transaction.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from topup.core.people import Person
from topup.db import sql

Kind = Literal["API", "PAGE"]
DAYS_VALID = 30
DAYS_IDLE = 14


@dataclass(frozen=True, slots=True)
class Refresh:
    """A refresh token that was presented, with its row locked."""

    id: UUID
    login_id: UUID
    is_used: bool
    is_living: bool


OPEN = """
    INSERT INTO logins (id, user_id, kind, cookie_hash, expires_at)
    VALUES (%(id)s, %(user_id)s, %(kind)s, %(cookie_hash)s, topup_now() + make_interval(days => %(days_valid)s))
    RETURNING created_at
"""


async def open_one(
    conn: sql.Connection, login_id: UUID, *, user_id: UUID, kind: Kind, cookie_hash: bytes | None
) -> datetime:
    """Write a login that ends in `DAYS_VALID`; its beginning."""
    parameters = {
        "id": login_id,
        "user_id": user_id,
        "kind": kind,
        "cookie_hash": cookie_hash,
        "days_valid": DAYS_VALID,
    }
    return await sql.value(conn, OPEN, parameters)


_LIVING = """
    SELECT login.user_id, person.email, first_name, last_name, role, is_admin,
        account.id AS account_id, login.id AS login_id
    FROM logins AS login JOIN users AS person ON person.id = login.user_id
        JOIN accounts AS account ON account.user_id = person.id AND account.unit = 'credit'
    WHERE login.ended_at IS NULL AND login.expires_at > topup_now() AND person.disabled_at IS NULL
"""
FIND = (
    _LIVING
    + """
    AND login.id = %(login_id)s AND login.user_id = %(user_id)s AND login.kind = 'API'
    AND %(token_expires_at)s > topup_now()
"""
)


async def find(conn: sql.Connection, *, login_id: UUID, user_id: UUID, token_expires_at: datetime) -> Person | None:
    """Who holds an access token that ends at `token_expires_at`, if token, login and person still stand."""
    parameters = {"login_id": login_id, "user_id": user_id, "token_expires_at": token_expires_at}
    return await sql.row(conn, Person, FIND, parameters)


FIND_BY_COOKIE = (
    _LIVING
    + """
    AND login.cookie_hash = %(cookie_hash)s AND login.kind = 'PAGE'
    AND login.seen_at > topup_now() - make_interval(days => %(days_idle)s)
"""
)


async def find_by_cookie(conn: sql.Connection, cookie_hash: bytes) -> Person | None:
    """Who holds a page cookie, if the login still stands and was used within `DAYS_IDLE`."""
    return await sql.row(conn, Person, FIND_BY_COOKIE, {"cookie_hash": cookie_hash, "days_idle": DAYS_IDLE})


TOUCH = """
    UPDATE logins SET seen_at = topup_now()
    WHERE id = %s AND seen_at < topup_now() - interval '10 minutes' AND ended_at IS NULL
"""


async def touch(conn: sql.Connection, login_id: UUID) -> None:
    """Say that a login was used; written at most every ten minutes, so that looking at pages costs no writes."""
    await sql.run(conn, TOUCH, [login_id])


PERSON_OF = _LIVING + " AND login.id = %s"


async def person_of(conn: sql.Connection, login_id: UUID) -> Person | None:
    """Whose living login this is."""
    return await sql.row(conn, Person, PERSON_OF, [login_id])


END = "UPDATE logins SET ended_at = topup_now(), ended_reason = %(reason)s WHERE id = %(id)s AND ended_at IS NULL"


async def end(conn: sql.Connection, login_id: UUID, *, reason: str) -> bool:
    """End one login; False when it had ended."""
    return await sql.run(conn, END, {"id": login_id, "reason": reason}) == 1


END_ALL = """
    UPDATE logins SET ended_at = topup_now(), ended_reason = %(reason)s
    WHERE user_id = %(user_id)s AND ended_at IS NULL
"""


async def end_all(conn: sql.Connection, user_id: UUID, *, reason: str) -> int:
    """End every login of a person; how many there were."""
    return await sql.run(conn, END_ALL, {"user_id": user_id, "reason": reason})


ADD_REFRESH = """
    INSERT INTO refresh_tokens (id, login_id, token_hash, expires_at)
    SELECT %(id)s, id, %(token_hash)s, least(expires_at, topup_now() + make_interval(days => %(days_idle)s))
    FROM logins WHERE id = %(login_id)s
    RETURNING created_at
"""


async def add_refresh(conn: sql.Connection, token_id: UUID, *, login_id: UUID, token_hash: bytes) -> datetime:
    """Give a login its next refresh token, which ends with the login at the latest; when it was made."""
    parameters = {"id": token_id, "login_id": login_id, "token_hash": token_hash, "days_idle": DAYS_IDLE}
    return await sql.value(conn, ADD_REFRESH, parameters)


LOCK_REFRESH = """
    SELECT token.id, token.login_id, token.used_at IS NOT NULL AS is_used,
        token.expires_at > topup_now() AND login.ended_at IS NULL AND login.expires_at > topup_now() AS is_living
    FROM refresh_tokens AS token JOIN logins AS login ON login.id = token.login_id
    WHERE token.token_hash = %s FOR UPDATE OF token
"""


async def lock_refresh(conn: sql.Connection, token_hash: bytes) -> Refresh | None:
    """The presented refresh token with its row locked, so that of two twins the second sees the first's use."""
    return await sql.row(conn, Refresh, LOCK_REFRESH, [token_hash])


USE_REFRESH = "UPDATE refresh_tokens SET used_at = topup_now() WHERE id = %s"


async def use_refresh(conn: sql.Connection, token_id: UUID) -> None:
    """Use a locked refresh token up."""
    await sql.run(conn, USE_REFRESH, [token_id])


PRUNE_REFRESH = "DELETE FROM refresh_tokens WHERE expires_at < topup_now() - interval '1 day'"
PRUNE_LOGINS = """
    DELETE FROM logins AS login
    WHERE (expires_at < topup_now() - interval '60 days' OR ended_at < topup_now() - interval '60 days')
        AND NOT EXISTS (SELECT FROM refresh_tokens WHERE login_id = login.id)
"""


async def prune(conn: sql.Connection) -> int:
    """Forget tokens that ended and logins that ended two months ago; how many rows."""
    return await sql.run(conn, PRUNE_REFRESH) + await sql.run(conn, PRUNE_LOGINS)
