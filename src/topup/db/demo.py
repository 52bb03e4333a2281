"""Rows that only a demo has: people without a password, and the key that its host application keeps.

Called by topup.flows.seed_demo.
"""

from uuid import UUID

from topup.core.api_keys import SCOPES, Key
from topup.core.demo_people import DemoPerson
from topup.db import sql
from topup.db.users import User

ADD_PERSON = """
    INSERT INTO users (id, email, first_name, last_name, role)
    VALUES (%(id)s, %(email)s, %(first_name)s, %(last_name)s, %(role)s)
    ON CONFLICT (email) DO NOTHING
    RETURNING id, email, first_name, last_name, role, is_admin, disabled_at
"""


async def add_person(conn: sql.Connection, user_id: UUID, person: DemoPerson) -> User | None:
    """Make somebody of the demo; None when they are there already."""
    parameters = {
        "id": user_id,
        "email": person.email,
        "first_name": person.first_name,
        "last_name": person.last_name,
        "role": person.role,
    }
    return await sql.row(conn, User, ADD_PERSON, parameters)


KEEP_KEY = """
    INSERT INTO api_keys (id, application_id, name, prefix, secret_hash, scopes)
    VALUES (%(id)s, %(application_id)s, %(name)s, %(prefix)s, %(secret_hash)s, %(scopes)s)
    ON CONFLICT (prefix) DO NOTHING
"""


async def keep_key(conn: sql.Connection, key: Key, *, key_id: UUID, application_id: UUID, name: str) -> None:
    """Keep the demo's own key, with every scope; one that an admin has ended stays ended."""
    parameters = {
        "id": key_id,
        "application_id": application_id,
        "name": name,
        "prefix": key.prefix,
        "secret_hash": key.digest(),
        "scopes": list(SCOPES),
    }
    await sql.run(conn, KEEP_KEY, parameters)
