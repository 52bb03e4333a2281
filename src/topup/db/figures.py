"""What an operator must know at once, counted: payments of late, events that hold money, accounts that need a look.

Cheap enough to be asked every few seconds: each count has an index that holds little else. Only reads.
"""

from dataclasses import dataclass
from uuid import UUID

from topup.core import event_types
from topup.db import sql


@dataclass(frozen=True, slots=True)
class Books:
    """Accounts in debt and frozen, and how long ago the database was made."""

    in_debt: int
    frozen: int
    deployment_age_seconds: float


BOOKS = """
    SELECT (SELECT count(*) FROM accounts WHERE debt > 0) AS in_debt,
        (SELECT count(*) FROM accounts WHERE frozen_at IS NOT NULL) AS frozen,
        (SELECT extract(epoch FROM clock_timestamp() - created_at) FROM deployment)::float8 AS deployment_age_seconds
"""


async def books(conn: sql.Connection) -> Books:
    """How the accounts stand."""
    return (await sql.rows(conn, Books, BOOKS))[0]


# Ids are made in the order of time.
PAYMENTS = "SELECT status, count(*) FROM payments WHERE id >= %s GROUP BY status"


async def payments_since(conn: sql.Connection, first_id: UUID) -> dict[str, int]:
    """How the payments begun since then stand now, by status."""
    return dict(await sql.pairs(conn, PAYMENTS, [first_id]))


NOT_CREDITED = """
    SELECT count(DISTINCT coalesce(object_id, id)) FROM stripe_events
    WHERE processed_at IS NULL AND type = ANY(%s)
"""


async def paid_not_credited(conn: sql.Connection) -> int:
    """Objects of which a stored and unprocessed event says that money came in."""
    return int(await sql.value(conn, NOT_CREDITED, [sorted(event_types.PAYING)]))


# An asked refund that is not answered yet waits as well: its credits are taken, and the money may not be on its way.
MONEY_BACK_OLDEST = """
    SELECT coalesce(extract(epoch FROM topup_now() - min(since)), 0)::float8
    FROM (SELECT since FROM money_back_due
          UNION ALL SELECT created_at FROM refunds WHERE status = 'requested') AS waiting
"""


async def money_back_oldest_seconds(conn: sql.Connection) -> float:
    """How long the oldest refund or dispute waits to be read at Stripe, or a refund to be answered; 0 for none."""
    return float(await sql.value(conn, MONEY_BACK_OLDEST))


FAILED_JOBS = "SELECT count(*) FROM procrastinate_jobs WHERE status = 'failed'"


async def failed_jobs(conn: sql.Connection) -> int:
    """Turns of timers that failed and are kept for a week."""
    return int(await sql.value(conn, FAILED_JOBS))
