"""The packages of a new deployment.

One statement, which does nothing where there is any package at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from topup.db import sql


@dataclass(frozen=True, slots=True)
class StarterPackage:
    """A package to begin with."""

    id: UUID
    name: str
    description: str
    credits: int
    price_minor: int
    currency: str


ADD = """
    INSERT INTO packages (id, name, description, credits, price_minor, currency)
    SELECT * FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::text[])
    WHERE NOT EXISTS (SELECT FROM packages)
    ON CONFLICT DO NOTHING
"""


async def add(conn: sql.Connection, packages: Sequence[StarterPackage]) -> int:
    """Add them; how many were added."""
    columns = [[getattr(package, name) for package in packages] for name in StarterPackage.__slots__]
    return await sql.run(conn, ADD, columns)
