"""One-time codes and the registrations they activate, as rows.

One living code per purpose and address: a new one takes the old one's place. A try is counted before anything is
compared, in a statement whose transaction the caller commits first, so that a hundred parallel guesses are five
(fault 71).
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from topup.core.codes import Purpose
from topup.core.people import Role
from topup.db import sql


@dataclass(frozen=True, slots=True)
class Registration:
    """Somebody who has not proved their address yet."""

    id: UUID
    email: str
    first_name: str


@dataclass(frozen=True, slots=True)
class Try:
    """A code that may be compared once for this counted try."""

    id: UUID
    code_hmac: bytes
    registration_id: UUID | None
    user_id: UUID | None


ADD_REGISTRATION = """
    INSERT INTO pending_registrations (id, email, first_name, last_name, role, password_hash)
    VALUES (%(id)s, %(email)s, %(first_name)s, %(last_name)s, %(role)s, %(password_hash)s)
"""


async def add_registration(
    conn: sql.Connection,
    registration_id: UUID,
    *,
    email: str,
    first_name: str,
    last_name: str,
    role: Role,
    password_hash: str,
) -> None:
    """Keep what the person typed until a code proves the address."""
    parameters = {
        "id": registration_id,
        "email": email,
        "first_name": first_name,
        "last_name": last_name,
        "role": role,
        "password_hash": password_hash,
    }
    await sql.run(conn, ADD_REGISTRATION, parameters)


LATEST_REGISTRATION = """
    SELECT id, email, first_name FROM pending_registrations
    WHERE email = %s AND created_at > topup_now() - interval '1 day' ORDER BY created_at DESC LIMIT 1
"""


async def latest_registration(conn: sql.Connection, email: str) -> Registration | None:
    """What was last typed for an address, within a day."""
    return await sql.row(conn, Registration, LATEST_REGISTRATION, [email])


ISSUE = """
    INSERT INTO codes (id, purpose, email, registration_id, user_id, code_hmac, expires_at)
    VALUES (%(id)s, %(purpose)s, %(email)s, %(registration_id)s, %(user_id)s, %(code_hmac)s,
            topup_now() + make_interval(mins => %(minutes_valid)s))
    ON CONFLICT (purpose, email) WHERE used_at IS NULL AND ended_at IS NULL DO UPDATE
    SET id = excluded.id, registration_id = excluded.registration_id, user_id = excluded.user_id,
        code_hmac = excluded.code_hmac, attempts = 0, created_at = topup_now(), expires_at = excluded.expires_at
    RETURNING expires_at
"""


async def issue(
    conn: sql.Connection,
    code_id: UUID,
    *,
    purpose: Purpose,
    email: str,
    code_hmac: bytes,
    minutes_valid: int,
    registration_id: UUID | None = None,
    user_id: UUID | None = None,
) -> datetime:
    """Write a code in place of any living one of the same purpose and address; when it ends."""
    parameters = {
        "id": code_id,
        "purpose": purpose,
        "email": email,
        "registration_id": registration_id,
        "user_id": user_id,
        "code_hmac": code_hmac,
        "minutes_valid": minutes_valid,
    }
    return await sql.value(conn, ISSUE, parameters)


COUNT_TRY = """
    UPDATE codes SET attempts = attempts + 1
    WHERE purpose = %(purpose)s AND email = %(email)s AND used_at IS NULL AND ended_at IS NULL
        AND attempts < 5 AND expires_at > topup_now()
    RETURNING id, code_hmac, registration_id, user_id
"""


async def count_try(conn: sql.Connection, *, purpose: Purpose, email: str) -> Try | None:
    """Count one try at the living code. Commit before comparing. None when there is no code to try, or no try left."""
    return await sql.row(conn, Try, COUNT_TRY, {"purpose": purpose, "email": email})


USE = "UPDATE codes SET used_at = topup_now() WHERE id = %s AND used_at IS NULL AND ended_at IS NULL"


async def use(conn: sql.Connection, code_id: UUID) -> bool:
    """Use a code up; False when a twin was first or a newer code took its place."""
    return await sql.run(conn, USE, [code_id]) == 1


PRUNE_CODES = "DELETE FROM codes WHERE created_at < topup_now() - interval '2 days'"
PRUNE_REGISTRATIONS = """
    DELETE FROM pending_registrations AS registration
    WHERE created_at < topup_now() - interval '2 days'
        AND NOT EXISTS (SELECT FROM codes WHERE registration_id = registration.id)
"""


async def prune(conn: sql.Connection) -> int:
    """Forget codes and registrations of days ago; how many rows."""
    return await sql.run(conn, PRUNE_CODES) + await sql.run(conn, PRUNE_REGISTRATIONS)
