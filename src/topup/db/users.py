"""People as rows.

Addresses come here in canonical form (`topup.core.addresses`), secrets as hashes only.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from topup.core.people import Role
from topup.db import sql


@dataclass(frozen=True, slots=True)
class User:
    """A person, signed in or not."""

    id: UUID
    email: str
    first_name: str
    last_name: str
    role: Role
    is_admin: bool
    disabled_at: datetime | None


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a password is compared with. `password_hash` is None for people who sign in elsewhere."""

    user_id: UUID
    password_hash: str | None
    disabled_at: datetime | None


FIND = "SELECT id, email, first_name, last_name, role, is_admin, disabled_at FROM users WHERE id = %s"


async def find(conn: sql.Connection, user_id: UUID) -> User | None:
    """A person by id."""
    return await sql.row(conn, User, FIND, [user_id])


NAMES = (
    "SELECT id, coalesce(nullif(trim(first_name || ' ' || last_name), ''), email) FROM users WHERE id = ANY(%s::uuid[])"
)


async def names(conn: sql.Connection, user_ids: Collection[UUID]) -> dict[UUID, str]:
    """What people are called; an address where there is no name."""
    return dict(await sql.pairs(conn, NAMES, [sql.array(list(user_ids))]))


FIND_BY_EMAIL = "SELECT id, email, first_name, last_name, role, is_admin, disabled_at FROM users WHERE email = %s"


async def find_by_email(conn: sql.Connection, email: str) -> User | None:
    """A person by address."""
    return await sql.row(conn, User, FIND_BY_EMAIL, [email])


FIND_BY_IDENTITY = """
    SELECT id, email, first_name, last_name, role, is_admin, disabled_at
    FROM users WHERE identity_issuer = %(issuer)s AND identity_subject = %(subject)s
"""


async def find_by_identity(conn: sql.Connection, *, issuer: str, subject: str) -> User | None:
    """A person by who vouches for them. The address in a token is never the key (fault 75)."""
    return await sql.row(conn, User, FIND_BY_IDENTITY, {"issuer": issuer, "subject": subject})


CREDENTIALS = "SELECT id AS user_id, password_hash, disabled_at FROM users WHERE email = %s"


async def credentials(conn: sql.Connection, email: str) -> Credentials | None:
    """What to compare a password with."""
    return await sql.row(conn, Credentials, CREDENTIALS, [email])


ADD_FROM_REGISTRATION = """
    INSERT INTO users (id, email, first_name, last_name, role, password_hash)
    SELECT %(id)s, email, first_name, last_name, role, password_hash
    FROM pending_registrations WHERE id = %(registration_id)s
    ON CONFLICT (email) DO NOTHING
    RETURNING id, email, first_name, last_name, role, is_admin, disabled_at
"""


async def add_from_registration(conn: sql.Connection, user_id: UUID, registration_id: UUID) -> User | None:
    """Make the person that a registration describes; None when the address has somebody by now."""
    return await sql.row(conn, User, ADD_FROM_REGISTRATION, {"id": user_id, "registration_id": registration_id})


ADD_WITH_IDENTITY = """
    INSERT INTO users (id, email, first_name, last_name, role, identity_issuer, identity_subject)
    VALUES (%(id)s, %(email)s, %(first_name)s, %(last_name)s, 'STUDENT', %(issuer)s, %(subject)s)
    ON CONFLICT DO NOTHING
    RETURNING id, email, first_name, last_name, role, is_admin, disabled_at
"""


async def add_with_identity(
    conn: sql.Connection, user_id: UUID, *, email: str, first_name: str, last_name: str, issuer: str, subject: str
) -> User | None:
    """Make a student whom an issuer vouches for; None when address or identity have somebody by now."""
    parameters = {
        "id": user_id,
        "email": email,
        "first_name": first_name,
        "last_name": last_name,
        "issuer": issuer,
        "subject": subject,
    }
    return await sql.row(conn, User, ADD_WITH_IDENTITY, parameters)


ADD_ADMIN = """
    INSERT INTO users (id, email, first_name, last_name, role, is_admin, password_hash)
    VALUES (%(id)s, %(email)s, %(first_name)s, %(last_name)s, 'STUDENT', true, %(password_hash)s)
    ON CONFLICT (email) DO UPDATE SET is_admin = true, password_hash = excluded.password_hash, disabled_at = NULL
    RETURNING id, email, first_name, last_name, role, is_admin, disabled_at
"""


async def add_admin(
    conn: sql.Connection, user_id: UUID, *, email: str, first_name: str, last_name: str, password_hash: str
) -> User | None:
    """Make an admin, or make the person with this address one, with this password."""
    parameters = {
        "id": user_id,
        "email": email,
        "first_name": first_name,
        "last_name": last_name,
        "password_hash": password_hash,
    }
    return await sql.row(conn, User, ADD_ADMIN, parameters)


STORE_HASH = "UPDATE users SET password_hash = %(password_hash)s WHERE id = %(id)s"


async def set_password(conn: sql.Connection, user_id: UUID, password_hash: str) -> None:
    """Replace the stored password."""
    await sql.run(conn, STORE_HASH, {"id": user_id, "password_hash": password_hash})


LINK_IDENTITY = """
    UPDATE users SET identity_issuer = %(issuer)s, identity_subject = %(subject)s
    WHERE id = %(id)s AND identity_issuer IS NULL
        AND NOT EXISTS (SELECT FROM users WHERE identity_issuer = %(issuer)s AND identity_subject = %(subject)s)
"""


async def link_identity(conn: sql.Connection, user_id: UUID, *, issuer: str, subject: str) -> bool:
    """Let an issuer vouch for a person from now on; False when either side is linked already."""
    return await sql.run(conn, LINK_IDENTITY, {"id": user_id, "issuer": issuer, "subject": subject}) == 1


DISABLE = "UPDATE users SET disabled_at = topup_now() WHERE id = %s AND disabled_at IS NULL"


async def disable(conn: sql.Connection, user_id: UUID) -> None:
    """Ban a person. Acts at once, since every request looks at the row (fault 70)."""
    await sql.run(conn, DISABLE, [user_id])


ENABLE = "UPDATE users SET disabled_at = NULL WHERE id = %s AND disabled_at IS NOT NULL AND erased_at IS NULL"


async def enable(conn: sql.Connection, user_id: UUID) -> bool:
    """Let a banned person in again; False when there was nothing to lift. Who was erased stays nobody."""
    return await sql.run(conn, ENABLE, [user_id]) == 1
