"""Who decided a payment that stood in review, how and why: written once, kept for ever.

Called by topup.flows.resolve_review and whoever shows a payment to an admin.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from topup.db import sql


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision to be written."""

    payment_id: UUID
    outcome: str
    reason: str
    actor: str


INSERT = """
    INSERT INTO payment_resolutions (payment_id, outcome, reason, actor)
    VALUES (%(payment_id)s, %(outcome)s, %(reason)s, %(actor)s)
"""


async def insert(conn: sql.Connection, decided: Decided) -> None:
    """Keep it; a payment is decided once."""
    await sql.run(conn, INSERT, asdict(decided))


@dataclass(frozen=True, slots=True)
class Resolution:
    """A decision as it was made."""

    outcome: str
    reason: str
    actor: str
    resolved_at: datetime


FIND = "SELECT outcome, reason, actor, resolved_at FROM payment_resolutions WHERE payment_id = %s"


async def find(conn: sql.Connection, payment_id: UUID) -> Resolution | None:
    """The decision about a payment, if there was one."""
    return await sql.row(conn, Resolution, FIND, [payment_id])
