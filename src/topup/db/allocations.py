"""Allocations as rows: what was given to whom until when, and what of it went back. What is left lies in the ledger.

Whoever closes one, or counts what went back, locks it before any account.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from topup.db import sql


@dataclass(frozen=True, slots=True)
class Draft:
    """An allocation to be written. `transfer_id` is the ledger's movement that made it."""

    id: UUID
    membership_id: UUID
    account_id: UUID
    quantity: int
    transfer_id: UUID
    roster_key: str | None
    ends_at: datetime | None


ADD_MANY = """
    INSERT INTO allocations (institution_id, given_by, id, membership_id, account_id, quantity, transfer_id, roster_key,
                             ends_at)
    SELECT %s, %s, n.* FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::bigint[], %s::uuid[], %s::text[],
                                   %s::timestamptz[]) AS n
"""


async def add_many(
    conn: sql.Connection, drafts: Sequence[Draft], *, institution_id: UUID, given_by: UUID | None
) -> None:
    """Write allocations in one statement."""
    rows = [(d.id, d.membership_id, d.account_id, d.quantity, d.transfer_id, d.roster_key, d.ends_at) for d in drafts]
    await sql.run(conn, ADD_MANY, [institution_id, given_by, *sql.columns(rows)])


@dataclass(frozen=True, slots=True)
class Allocation:
    """What staff see of an allocation; `unused` is still with the student, part of it perhaps on hold.

    What has ended and not yet gone back is neither `unused` nor `used`: it is on its way to the pool.
    """

    id: UUID
    institution_id: UUID
    membership_id: UUID
    email: str
    first_name: str | None
    last_name: str | None
    account_id: UUID
    quantity: int
    returned: int
    expired: int
    unused: int
    used: int
    ends_at: datetime | None
    created_at: datetime
    closed_at: datetime | None


COLUMNS = """
    SELECT al.id, al.institution_id, al.membership_id, m.email, u.first_name, u.last_name, al.account_id, al.quantity,
        al.returned, al.expired, coalesce(left_over.unused, 0)::bigint AS unused,
        (al.quantity - al.returned - al.expired - coalesce(left_over.unused, 0) - coalesce(ending.unused, 0))::bigint
            AS used,
        al.ends_at, al.created_at, al.closed_at
"""
# Of which rows of `allocations` is said in between.
WHAT_BECAME = """
    JOIN memberships m ON m.id = al.membership_id
    LEFT JOIN users u ON u.id = m.user_id
    LEFT JOIN LATERAL (
        SELECT sum(l.remaining + l.held) AS unused FROM lots l
        WHERE l.account_id = al.account_id AND l.transfer_id = al.transfer_id AND l.is_living
    ) AS left_over ON true
    LEFT JOIN LATERAL (
        SELECT sum(e.credits) AS unused FROM allocation_ends e JOIN lots l ON l.id = e.lot_id
        WHERE e.account_id = al.account_id AND e.settled_at IS NULL AND l.transfer_id = al.transfer_id
    ) AS ending ON true
"""

ONE_PAGE = """
    FROM (
        SELECT * FROM allocations
        WHERE institution_id = %(institution_id)s AND (%(before_id)s::uuid IS NULL OR id < %(before_id)s)
            AND (%(membership_id)s::uuid IS NULL OR membership_id = %(membership_id)s)
            AND (%(email_part)s = '' OR membership_id IN (
                SELECT id FROM memberships
                WHERE institution_id = %(institution_id)s AND strpos(email, %(email_part)s) > 0))
        ORDER BY id DESC LIMIT %(limit)s
    ) AS al
"""
PAGE = COLUMNS + ONE_PAGE + WHAT_BECAME + "ORDER BY al.id DESC"


async def page(
    conn: sql.Connection,
    institution_id: UUID,
    *,
    membership_id: UUID | None,
    email_part: str,
    before_id: UUID | None,
    limit: int,
) -> list[Allocation]:
    """An institution's allocations, newest first; of one member, or of addresses that have a part in them."""
    parameters = {
        "institution_id": institution_id,
        "membership_id": membership_id,
        "email_part": email_part,
        "before_id": before_id,
        "limit": limit,
    }
    return await sql.rows(conn, Allocation, PAGE, parameters)


FIND = COLUMNS + "FROM allocations al" + WHAT_BECAME + "WHERE al.id = %s"


async def find(conn: sql.Connection, allocation_id: UUID) -> Allocation | None:
    """One allocation, whosever it is."""
    return await sql.row(conn, Allocation, FIND, [allocation_id])


INSTITUTION_OF = "SELECT institution_id FROM allocations WHERE id = %s"


async def institution_of(conn: sql.Connection, allocation_id: UUID) -> UUID | None:
    """Whose pool an allocation came from. That never changes."""
    return await sql.value(conn, INSTITUTION_OF, [allocation_id])


@dataclass(frozen=True, slots=True)
class Given:
    """Where an allocation lies in the ledger."""

    id: UUID
    account_id: UUID
    transfer_id: UUID
    is_closed: bool


LOCK = """
    SELECT id, account_id, transfer_id, closed_at IS NOT NULL AS is_closed FROM allocations
    WHERE id = ANY(%s::uuid[]) ORDER BY id FOR NO KEY UPDATE
"""


async def lock(conn: sql.Connection, allocation_ids: Sequence[UUID]) -> list[Given]:
    """Some allocations, locked in the order of their ids."""
    return await sql.rows(conn, Given, LOCK, [sql.array(allocation_ids)])


LOCK_OPEN_OF_MEMBER = """
    SELECT id, account_id, transfer_id, false AS is_closed FROM allocations
    WHERE membership_id = %s AND closed_at IS NULL ORDER BY id FOR NO KEY UPDATE
"""


async def lock_open_of_member(conn: sql.Connection, membership_id: UUID) -> list[Given]:
    """What a member was given and has not been closed, locked in the order of the ids."""
    return await sql.rows(conn, Given, LOCK_OPEN_OF_MEMBER, [membership_id])


CLOSE = """
    UPDATE allocations a SET closed_at = coalesce(a.closed_at, topup_now()), returned = a.returned + n.returned
    FROM unnest(%s::uuid[], %s::bigint[]) AS n (id, returned) WHERE a.id = n.id
"""


async def close(conn: sql.Connection, rows: Sequence[tuple[UUID, int]]) -> None:
    """Close (allocation, sessions that went back just now)."""
    await sql.run(conn, CLOSE, sql.columns(rows))


@dataclass(frozen=True, slots=True)
class LeftOver:
    """What a member has not used: free to go back at once, or on hold and going back after that."""

    free: int
    held: int


LEFT_OVER = """
    SELECT coalesce(sum(l.remaining), 0)::bigint AS free, coalesce(sum(l.held), 0)::bigint AS held
    FROM accounts a
    JOIN lots l ON l.account_id = a.id AND (l.remaining > 0 OR l.held > 0)
        AND (l.expires_at IS NULL OR l.expires_at > (SELECT topup_now()) OR l.held > 0)
    WHERE a.membership_id = %s
"""


async def left_over(conn: sql.Connection, membership_id: UUID) -> LeftOver:
    """What a member has left of all that they were given."""
    [found] = await sql.rows(conn, LeftOver, LEFT_OVER, [membership_id])
    return found


KNOWN_KEYS = "SELECT roster_key FROM allocations WHERE institution_id = %s AND roster_key = ANY(%s::text[])"


async def known_keys(conn: sql.Connection, institution_id: UUID, keys: Sequence[str]) -> set[str]:
    """Which rows of a roster have been imported before."""
    return set(await sql.values(conn, KNOWN_KEYS, [institution_id, sql.array(keys)]))
