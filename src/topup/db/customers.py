"""Which Stripe customer a person is: one each.

Written only where it still stands as it was read, so that of parallel first purchases one decides for all.
"""

from dataclasses import dataclass
from uuid import UUID

from topup.db import sql


@dataclass(frozen=True, slots=True)
class Customer:
    """A person as Stripe needs to know them."""

    user_id: UUID
    email: str
    first_name: str
    last_name: str
    stripe_customer_id: str | None


FIND = "SELECT id AS user_id, email, first_name, last_name, stripe_customer_id FROM users WHERE id = %s"


async def find(conn: sql.Connection, user_id: UUID) -> Customer | None:
    """A person and the customer they are, if any yet."""
    return await sql.row(conn, Customer, FIND, [user_id])


REPLACE = """
    UPDATE users SET stripe_customer_id = %(now)s
    WHERE id = %(user_id)s AND stripe_customer_id IS NOT DISTINCT FROM %(was)s::text
"""


async def replace(conn: sql.Connection, user_id: UUID, *, was: str | None, now: str) -> bool:
    """Keep a customer where `was` is still the one kept; False when somebody was faster."""
    return await sql.run(conn, REPLACE, {"user_id": user_id, "was": was, "now": now}) == 1


@dataclass(frozen=True, slots=True)
class Payer:
    """An institution as Stripe needs to know it. `told_rev` is the last change of the details that Stripe has."""

    institution_id: UUID
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
    stripe_customer_id: str | None
    details_rev: int
    told_rev: int


FIND_INSTITUTION = """
    SELECT id AS institution_id, name, billing_email, company, address_line1, address_line2, city, postal_code, country,
        tax_id_type, tax_id, stripe_customer_id, details_rev, stripe_details_rev AS told_rev
    FROM institutions WHERE id = %s
"""


async def find_institution(conn: sql.Connection, institution_id: UUID) -> Payer | None:
    """An institution and the customer it is, if any yet."""
    return await sql.row(conn, Payer, FIND_INSTITUTION, [institution_id])


REPLACE_INSTITUTION = """
    UPDATE institutions SET stripe_customer_id = %(now)s, stripe_details_rev = 0, default_payment_method = NULL
    WHERE id = %(institution_id)s AND stripe_customer_id IS NOT DISTINCT FROM %(was)s::text
"""


async def replace_institution(conn: sql.Connection, institution_id: UUID, *, was: str | None, now: str) -> bool:
    """Keep a customer, to whom nothing is told yet, where `was` is still the one kept."""
    parameters = {"institution_id": institution_id, "was": was, "now": now}
    return await sql.run(conn, REPLACE_INSTITUTION, parameters) == 1


TOLD = """
    UPDATE institutions SET
        stripe_details_rev = CASE WHEN stripe_details_rev IN (%(was)s, %(rev)s) THEN %(rev)s ELSE 0 END
    WHERE id = %(institution_id)s AND stripe_customer_id = %(customer_id)s
    RETURNING stripe_details_rev = details_rev
"""


async def told(conn: sql.Connection, institution_id: UUID, *, customer_id: str, was: int, rev: int) -> bool:
    """Stripe was told the details of `rev`; whether it has the latest now.

    Where somebody else told it something meanwhile, nobody knows whose call came last: then it counts as told nothing.
    """
    parameters = {"institution_id": institution_id, "customer_id": customer_id, "was": was, "rev": rev}
    return bool(await sql.value(conn, TOLD, parameters))
