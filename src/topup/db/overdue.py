"""What is overdue and not yet booked: lots that expired, holds that ended.

Found here, booked by topup.flows.settle.
"""

from collections.abc import Sequence
from uuid import UUID

from topup.db import sql

# The sub-select makes the time one value for the statement, so that the indexes on it serve.
AMONG = """
    SELECT DISTINCT account_id FROM (
        SELECT account_id FROM lots
        WHERE account_id = ANY(%(account_ids)s) AND is_living AND remaining > 0 AND expires_at <= (SELECT topup_now())
        UNION ALL
        SELECT account_id FROM holds
        WHERE account_id = ANY(%(account_ids)s) AND status = 'OPEN' AND expires_at <= (SELECT topup_now())
    ) AS overdue
"""


async def among(conn: sql.Connection, account_ids: Sequence[UUID]) -> list[UUID]:
    """Those of some accounts on which anything is overdue."""
    return await sql.values(conn, AMONG, {"account_ids": list(account_ids)})


NEXT = """
    SELECT DISTINCT account_id FROM (
        SELECT account_id FROM lots
        WHERE is_living AND remaining > 0 AND expires_at <= (SELECT topup_now()) AND account_id > %(after_id)s
        UNION ALL
        SELECT account_id FROM holds
        WHERE status = 'OPEN' AND expires_at <= (SELECT topup_now()) AND account_id > %(after_id)s
    ) AS overdue
    ORDER BY account_id LIMIT %(limit)s
"""


async def next_accounts(conn: sql.Connection, *, after_id: UUID, limit: int) -> list[UUID]:
    """The next accounts, by id, on which anything is overdue. It looks at all that is overdue: ask for many."""
    return await sql.values(conn, NEXT, {"after_id": after_id, "limit": limit})
