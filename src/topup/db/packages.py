"""Packages as rows: what is sold. A package is never removed, since payments point at it; it is taken off sale.

Its price and credits may change at any time: a payment carries the snapshot of what was promised.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from topup.db import sql


@dataclass(frozen=True, slots=True)
class Package:
    """What is sold. `credits` counts whole `unit`s, `price_minor` minor units of `currency`."""

    id: UUID
    name: str
    description: str | None
    unit: str
    credits: int
    price_minor: int
    currency: str
    is_active: bool
    valid_days: int | None
    refund_days: int | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Draft:
    """A package to be."""

    name: str
    description: str | None
    credits: int
    price_minor: int
    currency: str
    is_active: bool
    valid_days: int | None
    refund_days: int | None


FIND = """
    SELECT id, name, description, unit, credits, price_minor, currency, is_active, valid_days, refund_days,
        created_at, updated_at
    FROM packages WHERE id = %s
"""


async def find(conn: sql.Connection, package_id: UUID) -> Package | None:
    """A package, on sale or not."""
    return await sql.row(conn, Package, FIND, [package_id])


LIST = """
    SELECT id, name, description, unit, credits, price_minor, currency, is_active, valid_days, refund_days,
        created_at, updated_at
    FROM packages
    WHERE (is_active OR %(with_inactive)s) AND (price_minor, id) > (%(after_price)s, %(after_id)s)
    ORDER BY price_minor, id LIMIT %(limit)s
"""
_BEFORE_ALL = (-1, UUID(int=0))


async def list_by_price(
    conn: sql.Connection, *, with_inactive: bool, after: tuple[int, UUID] | None, limit: int
) -> list[Package]:
    """Cheapest first; `after` is the price and id of the last one that was seen."""
    price_minor, package_id = after or _BEFORE_ALL
    parameters = {
        "with_inactive": with_inactive,
        "after_price": price_minor,
        "after_id": package_id,
        "limit": limit,
    }
    return await sql.rows(conn, Package, LIST, parameters)


ADD = """
    INSERT INTO packages (id, name, description, credits, price_minor, currency, is_active, valid_days, refund_days)
    VALUES (%(id)s, %(name)s, %(description)s, %(credits)s, %(price_minor)s, %(currency)s, %(is_active)s,
            %(valid_days)s, %(refund_days)s)
    ON CONFLICT (lower(name)) DO NOTHING
    RETURNING id, name, description, unit, credits, price_minor, currency, is_active, valid_days, refund_days,
        created_at, updated_at
"""


async def add(conn: sql.Connection, package_id: UUID, draft: Draft) -> Package | None:
    """Put a package on the list; None when its name, without case, is taken."""
    return await sql.row(conn, Package, ADD, {"id": package_id, **asdict(draft)})


NAME_HOLDER = "SELECT id FROM packages WHERE lower(name) = lower(%s)"


async def name_holder(conn: sql.Connection, name: str) -> UUID | None:
    """Which package has this name, without case."""
    return await sql.value(conn, NAME_HOLDER, [name])


CHANGE = """
    UPDATE packages SET
        name = coalesce(%(name)s, name), credits = coalesce(%(credits)s, credits),
        price_minor = coalesce(%(price_minor)s, price_minor), currency = coalesce(%(currency)s, currency),
        is_active = coalesce(%(is_active)s, is_active),
        description = CASE WHEN 'description' = ANY(%(given)s) THEN %(description)s ELSE description END,
        valid_days = CASE WHEN 'valid_days' = ANY(%(given)s) THEN %(valid_days)s ELSE valid_days END,
        refund_days = CASE WHEN 'refund_days' = ANY(%(given)s) THEN %(refund_days)s ELSE refund_days END,
        updated_at = topup_now()
    WHERE id = %(id)s
    RETURNING id, name, description, unit, credits, price_minor, currency, is_active, valid_days, refund_days,
        created_at, updated_at
"""
CHANGEABLE: Sequence[str] = (
    "name",
    "description",
    "credits",
    "price_minor",
    "currency",
    "is_active",
    "valid_days",
    "refund_days",
)


async def change(conn: sql.Connection, package_id: UUID, changes: Mapping[str, Any]) -> Package | None:
    """Change what is given and nothing else; None empties a column. None when there is no such row."""
    parameters = {name: changes.get(name) for name in CHANGEABLE}
    return await sql.row(conn, Package, CHANGE, {"id": package_id, "given": list(changes), **parameters})
