"""What the ledger noted for going back to its pool, and what still lies with students who should have none of it.

Read and settled by topup.flows.return_ended alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from topup.db import sql


@dataclass(frozen=True, slots=True)
class End:
    """A line that booked allocated sessions as expired, and the terms on which they go back."""

    account_id: UUID
    seq: int
    lot_id: UUID
    credits: int
    allocation_id: UUID | None
    returns_to: UUID
    own_expires_at: datetime | None
    priority: int
    source: Any
    payment_id: UUID | None


LOCK_DUE = """
    SELECT e.account_id, e.seq, e.lot_id, e.credits, al.id AS allocation_id, l.returns_to, l.own_expires_at, l.priority,
        l.source, l.payment_id
    FROM allocation_ends e JOIN lots l ON l.id = e.lot_id LEFT JOIN allocations al ON al.transfer_id = l.transfer_id
    WHERE e.settled_at IS NULL
    ORDER BY e.account_id, e.seq LIMIT %s FOR NO KEY UPDATE OF e SKIP LOCKED
"""


async def lock_due(conn: sql.Connection, *, limit: int) -> list[End]:
    """What is to go back, locked; what another worker has in hand is left to it."""
    return await sql.rows(conn, End, LOCK_DUE, [limit])


SETTLE = """
    UPDATE allocation_ends e SET settled_at = topup_now()
    FROM unnest(%s::uuid[], %s::bigint[]) AS n (account_id, seq)
    WHERE e.account_id = n.account_id AND e.seq = n.seq
"""


async def settle(conn: sql.Connection, ends: Sequence[End]) -> None:
    """These are done with: gone back, or expired for good."""
    await sql.run(conn, SETTLE, sql.columns([(end.account_id, end.seq) for end in ends]))


COUNT = """
    UPDATE allocations a SET returned = a.returned + n.returned, expired = a.expired + n.expired
    FROM (
        SELECT id, sum(returned)::bigint AS returned, sum(expired)::bigint AS expired
        FROM unnest(%s::uuid[], %s::bigint[], %s::bigint[]) AS one (id, returned, expired) GROUP BY id
    ) AS n
    WHERE a.id = n.id
"""


async def count(conn: sql.Connection, rows: Sequence[tuple[UUID, int, int]]) -> None:
    """Count (allocation, went back, expired for good)."""
    await sql.run(conn, COUNT, sql.columns(rows))


ENDED = """
    SELECT id FROM allocations WHERE closed_at IS NULL AND ends_at <= (SELECT topup_now()) ORDER BY ends_at LIMIT %s
"""


async def ended(conn: sql.Connection, *, limit: int) -> list[UUID]:
    """Open allocations whose end has passed."""
    return await sql.values(conn, ENDED, [limit])


WITHOUT_LOTS = """
    SELECT al.id FROM allocations al
    WHERE al.id = ANY(%s::uuid[]) AND NOT EXISTS (
        SELECT FROM lots l WHERE l.account_id = al.account_id AND l.transfer_id = al.transfer_id
            AND l.is_living)
"""


async def without_lots(conn: sql.Connection, allocation_ids: Sequence[UUID]) -> list[UUID]:
    """Those of some allocations of which nothing is left, not even on hold."""
    return await sql.values(conn, WITHOUT_LOTS, [sql.array(allocation_ids)])


@dataclass(frozen=True, slots=True)
class Stray:
    """Sessions of an allocation that was closed, free again after a hold or a reversal."""

    allocation_id: UUID
    account_id: UUID
    transfer_id: UUID
    returns_to: UUID


STRAYS = """
    SELECT DISTINCT al.id AS allocation_id, al.account_id, al.transfer_id, l.returns_to
    FROM lots l
    JOIN allocations al ON al.transfer_id = l.transfer_id
    JOIN accounts a ON a.id = l.account_id
    WHERE l.returns_to IS NOT NULL AND l.remaining > 0 AND l.is_living
        AND al.closed_at IS NOT NULL AND a.frozen_at IS NULL
    ORDER BY al.id LIMIT %s
"""


async def strays(conn: sql.Connection, *, limit: int) -> list[Stray]:
    """What should be in a pool and is not."""
    return await sql.rows(conn, Stray, STRAYS, [limit])
