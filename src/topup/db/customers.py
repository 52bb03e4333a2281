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
