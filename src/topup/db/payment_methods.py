"""Whose saved card is whose, by Stripe's id: of an institution or of a person, never of both.

Written from what Stripe lists for the owner's own customer, so nobody can claim a card by naming it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from topup.db import sql


@dataclass(frozen=True, slots=True)
class Owner:
    """Who pays: an institution, or a person for themselves. One of the two is set."""

    user_id: UUID | None = None
    institution_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class SavedCard:
    """A card as it is shown."""

    id: str
    brand: str
    last4: str
    exp_month: int
    exp_year: int
    is_default: bool


@dataclass(frozen=True, slots=True)
class Listed:
    """A card as Stripe lists it."""

    id: str
    brand: str
    last4: str
    exp_month: int
    exp_year: int
    created_at: datetime


KEEP = """
    INSERT INTO payment_methods (id, user_id, institution_id, stripe_customer_id, brand, last4, exp_month, exp_year,
        created_at)
    SELECT c.id, %(user_id)s, %(institution_id)s, %(customer_id)s, c.brand, c.last4, c.exp_month, c.exp_year,
        c.created_at
    FROM unnest(%(ids)s::text[], %(brands)s::text[], %(last4s)s::text[], %(months)s::smallint[], %(years)s::smallint[],
        %(created)s::timestamptz[]) AS c (id, brand, last4, exp_month, exp_year, created_at)
    ORDER BY c.id
    ON CONFLICT (id) DO UPDATE SET brand = excluded.brand, last4 = excluded.last4, exp_month = excluded.exp_month,
        exp_year = excluded.exp_year
"""
FORGET = """
    UPDATE payment_methods SET detached_at = topup_now()
    WHERE detached_at IS NULL AND stripe_customer_id = %s AND NOT id = ANY(%s)
"""


async def keep(conn: sql.Connection, owner: Owner, *, customer_id: str, listed: Sequence[Listed]) -> None:
    """Make the rows of a customer those that Stripe lists: new ones in, changed ones changed, missing ones detached."""
    if listed:
        parameters = {
            "user_id": owner.user_id,
            "institution_id": owner.institution_id,
            "customer_id": customer_id,
            "ids": [card.id for card in listed],
            "brands": [card.brand for card in listed],
            "last4s": [card.last4 for card in listed],
            "months": [card.exp_month for card in listed],
            "years": [card.exp_year for card in listed],
            "created": [card.created_at for card in listed],
        }
        await sql.run(conn, KEEP, parameters)
    await sql.run(conn, FORGET, [customer_id, [card.id for card in listed]])


CUSTOMER_OF_INSTITUTION = "SELECT stripe_customer_id FROM institutions WHERE id = %s"
CUSTOMER_OF_USER = "SELECT stripe_customer_id FROM users WHERE id = %s"


async def customer_of(conn: sql.Connection, owner: Owner) -> str | None:
    """The owner's customer at Stripe, if any yet."""
    if owner.institution_id is not None:
        return await sql.value(conn, CUSTOMER_OF_INSTITUTION, [owner.institution_id])
    return await sql.value(conn, CUSTOMER_OF_USER, [owner.user_id])


OWN = """
    SELECT m.id, m.brand, m.last4, m.exp_month, m.exp_year,
        m.id = coalesce(i.default_payment_method, u.default_payment_method, '') AS is_default
    FROM payment_methods m LEFT JOIN institutions i ON i.id = m.institution_id LEFT JOIN users u ON u.id = m.user_id
    WHERE m.detached_at IS NULL AND (m.institution_id = %(institution_id)s OR m.user_id = %(user_id)s)
    ORDER BY m.created_at DESC, m.id
"""


async def own(conn: sql.Connection, owner: Owner) -> list[SavedCard]:
    """The owner's cards, newest first."""
    return await sql.rows(conn, SavedCard, OWN, {"institution_id": owner.institution_id, "user_id": owner.user_id})


DETACH = "UPDATE payment_methods SET detached_at = coalesce(detached_at, topup_now()) WHERE id = ANY(%s)"


async def detach(conn: sql.Connection, method_ids: Collection[str]) -> int:
    """Cards that nobody has any more; how many of them we knew."""
    return await sql.run(conn, DETACH, [list(method_ids)])


CHOOSE_OF_INSTITUTION = "UPDATE institutions SET default_payment_method = %s WHERE id = %s"
CHOOSE_OF_USER = "UPDATE users SET default_payment_method = %s WHERE id = %s"


async def choose_default(conn: sql.Connection, owner: Owner, method_id: str) -> None:
    """Which of the owner's cards comes first."""
    if owner.institution_id is not None:
        await sql.run(conn, CHOOSE_OF_INSTITUTION, [method_id, owner.institution_id])
    else:
        await sql.run(conn, CHOOSE_OF_USER, [method_id, owner.user_id])
