"""Institutions as rows: their name and what invoices are written to.

Members, cards and sessions have files of their own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from topup.db import sql


@dataclass(frozen=True, slots=True)
class Institution:
    """A school or a company that buys sessions. `country` is ISO 3166, `tax_id_type` Stripe's word for the kind."""

    id: UUID
    name: str
    billing_email: str
    company: str | None
    address_line1: str | None
    address_line2: str | None
    city: str | None
    postal_code: str | None
    country: str | None
    tax_id_type: str | None
    tax_id: str | None
    created_at: datetime


ADD = """
    INSERT INTO institutions (id, name, billing_email, created_by)
    VALUES (%(id)s, %(name)s, %(billing_email)s, %(created_by)s)
    RETURNING id, name, billing_email, company, address_line1, address_line2, city, postal_code, country, tax_id_type,
        tax_id, created_at
"""


async def add(
    conn: sql.Connection, institution_id: UUID, *, name: str, billing_email: str, created_by: UUID
) -> Institution | None:
    """Make an institution."""
    parameters = {"id": institution_id, "name": name, "billing_email": billing_email, "created_by": created_by}
    return await sql.row(conn, Institution, ADD, parameters)


FIND = """
    SELECT id, name, billing_email, company, address_line1, address_line2, city, postal_code, country, tax_id_type,
        tax_id, created_at
    FROM institutions WHERE id = %s
"""


async def find(conn: sql.Connection, institution_id: UUID) -> Institution | None:
    """An institution by id."""
    return await sql.row(conn, Institution, FIND, [institution_id])


LOCK = "SELECT id FROM institutions WHERE id = %s FOR NO KEY UPDATE"


async def lock(conn: sql.Connection, institution_id: UUID) -> None:
    """Let nobody else change who owns it until the transaction ends. Comes before the lock of any membership."""
    await sql.run(conn, LOCK, [institution_id])


CHANGE = """
    UPDATE institutions SET
        name = coalesce(%(name)s, name), billing_email = coalesce(%(billing_email)s, billing_email),
        company = CASE WHEN 'company' = ANY(%(given)s) THEN %(company)s ELSE company END,
        address_line1 = CASE WHEN 'address_line1' = ANY(%(given)s) THEN %(address_line1)s ELSE address_line1 END,
        address_line2 = CASE WHEN 'address_line2' = ANY(%(given)s) THEN %(address_line2)s ELSE address_line2 END,
        city = CASE WHEN 'city' = ANY(%(given)s) THEN %(city)s ELSE city END,
        postal_code = CASE WHEN 'postal_code' = ANY(%(given)s) THEN %(postal_code)s ELSE postal_code END,
        country = CASE WHEN 'country' = ANY(%(given)s) THEN %(country)s ELSE country END,
        tax_id_type = CASE WHEN 'tax_id' = ANY(%(given)s) THEN %(tax_id_type)s ELSE tax_id_type END,
        tax_id = CASE WHEN 'tax_id' = ANY(%(given)s) THEN %(tax_id)s ELSE tax_id END,
        details_rev = details_rev + 1
    WHERE id = %(id)s
    RETURNING id, name, billing_email, company, address_line1, address_line2, city, postal_code, country, tax_id_type,
        tax_id, created_at
"""
CHANGEABLE = (
    "name",
    "billing_email",
    "company",
    "address_line1",
    "address_line2",
    "city",
    "postal_code",
    "country",
    "tax_id_type",
    "tax_id",
)


async def change(conn: sql.Connection, institution_id: UUID, changes: Mapping[str, Any]) -> Institution | None:
    """Change what is given and nothing else; None empties a column. Counts the change, so that Stripe hears of it."""
    parameters = {name: changes.get(name) for name in CHANGEABLE}
    return await sql.row(conn, Institution, CHANGE, {"id": institution_id, "given": list(changes), **parameters})
