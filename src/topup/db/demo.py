"""Rows that only a demo has: people without a password, and the key that its host application keeps.

Called by topup.flows.seed_demo.
"""

from uuid import UUID

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
