"""Which accounts lose credits on which day soon, and have not been told yet.

Read by topup.flows.remind_expiry.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from topup.core import mails
from topup.db import sql


@dataclass(frozen=True, slots=True)
class Due:
    """A person who should hear that credits end on a day (UTC), at the latest `horizon_days` before.

    Sessions are an institution's, and go back to it. A student who is invited is told under the address that they have
    proven; whoever has no account with us is not written to.
    """

    account_id: UUID
    unit: str
    institution_name: str | None
    email: str
    first_name: str
    day: date
    credits: int
    expires_at: datetime
    horizon_days: int
    cause: str


# All of a day's lots are one message, told at the nearest horizon they are within. What came in after that horizon had
# passed is not worth a mail: whoever got credits for a week knows it.
DUE = """
    WITH days AS (
        SELECT account_id, (expires_at AT TIME ZONE 'UTC')::date AS day, sum(remaining)::bigint AS credits,
            min(expires_at) AS expires_at, min(created_at) AS since
        FROM lots
        WHERE is_living AND remaining > 0 AND expires_at > (SELECT topup_now())
            AND expires_at < (SELECT topup_now() + make_interval(days => max(d) + 1) FROM unnest(%(horizons)s::int[]) d)
        GROUP BY 1, 2
    ), near AS (
        SELECT days.*, (
            SELECT min(d) FROM unnest(%(horizons)s::int[]) d
            WHERE days.expires_at <= (SELECT topup_now()) + make_interval(days => d)) AS horizon_days
        FROM days
    ), told AS (
        SELECT near.*, concat_ws(':', account_id, day, horizon_days) AS cause FROM near
        WHERE horizon_days IS NOT NULL AND since < expires_at - make_interval(days => horizon_days)
    )
    SELECT told.account_id, a.unit, i.name AS institution_name, u.email, u.first_name, told.day, told.credits,
        told.expires_at, told.horizon_days, told.cause
    FROM told
    JOIN accounts a ON a.id = told.account_id
    LEFT JOIN memberships m ON m.id = a.membership_id AND m.status <> 'LEFT'
    LEFT JOIN institutions i ON i.id = m.institution_id
    JOIN users u ON u.id = coalesce(a.user_id, m.user_id, (SELECT id FROM users WHERE email = m.email))
    WHERE u.disabled_at IS NULL
        AND NOT EXISTS (SELECT FROM outbox o WHERE o.kind = %(kind)s AND o.cause = told.cause)
    ORDER BY told.account_id, told.day LIMIT %(limit)s
"""


async def due(conn: sql.Connection, *, horizons_days: Sequence[int], limit: int) -> list[Due]:
    """Who is to be told now."""
    parameters = {"horizons": list(horizons_days), "kind": mails.EXPIRY_REMINDER, "limit": limit}
    return await sql.rows(conn, Due, DUE, parameters)
