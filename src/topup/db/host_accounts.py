"""Accounts as a host application keeps them: opened under its own id of a user, found by address, listed.

Figures are as booked; topup.flows.read_account has what is overdue booked first.
"""

from dataclasses import dataclass
from uuid import UUID

from topup.db import sql

OPEN = """
    INSERT INTO accounts (id, unit, external_id, email, name)
    VALUES (%(id)s, %(unit)s, %(external_id)s, %(email)s, %(name)s)
    ON CONFLICT (external_id, unit) WHERE external_id IS NOT NULL DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose account it is, as the host application says. A field it did not mention is left as it is."""

    external_id: str
    unit: str
    email: str | None
    name: str | None
    has_email: bool
    has_name: bool


async def open_one(conn: sql.Connection, account_id: UUID, holder: Holder) -> bool:
    """Open the account; False when there is one already."""
    return await sql.run(conn, OPEN, {"id": account_id, **_parameters(holder)}) == 1


RENAME = """
    UPDATE accounts SET email = new.email, name = new.name
    FROM (
        SELECT id, CASE WHEN %(has_email)s THEN %(email)s ELSE email END AS email,
            CASE WHEN %(has_name)s THEN %(name)s ELSE name END AS name
        FROM accounts WHERE external_id = %(external_id)s AND unit = %(unit)s
    ) AS new
    WHERE accounts.id = new.id AND (accounts.email, accounts.name) IS DISTINCT FROM (new.email, new.name)
"""


async def rename(conn: sql.Connection, holder: Holder) -> None:
    """Give the account the address and name that were mentioned. Writes nothing when they are the same."""
    await sql.run(conn, RENAME, _parameters(holder))


FIND_ID = "SELECT id FROM accounts WHERE external_id = %s AND unit = %s"


async def find_id(conn: sql.Connection, *, external_id: str, unit: str) -> UUID | None:
    """The account of the host application's own id."""
    return await sql.value(conn, FIND_ID, [external_id, unit])


PAGE_IDS = """
    SELECT id FROM accounts
    WHERE system_name IS NULL AND (%(email)s::text IS NULL OR email = %(email)s)
        AND (%(unit)s::text IS NULL OR unit = %(unit)s) AND (%(before_id)s::uuid IS NULL OR id < %(before_id)s)
    ORDER BY id DESC LIMIT %(limit)s
"""


async def page_ids(
    conn: sql.Connection, *, email: str | None, unit: str | None, before_id: UUID | None, limit: int
) -> list[UUID]:
    """Accounts by address and unit, newest first."""
    parameters = {"email": email, "unit": unit, "before_id": before_id, "limit": limit}
    return await sql.values(conn, PAGE_IDS, parameters)


def _parameters(holder: Holder) -> dict[str, object]:
    return {
        "external_id": holder.external_id,
        "unit": holder.unit,
        "email": holder.email,
        "name": holder.name,
        "has_email": holder.has_email,
        "has_name": holder.has_name,
    }
