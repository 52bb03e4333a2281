"""Tells people that credits of theirs end soon: 30, 7 and 1 days before, one mail for an account, a day and a horizon.

Only people who have an account with us are written to, also of sessions that an institution gave them; a host
application tells its own users. Run by the worker every
hour; a run that is missed is made up for by the next, and none tells anything twice.
"""

import psycopg_pool

from topup.core import mails
from topup.db import expiring, outbox

Pool = psycopg_pool.AsyncConnectionPool
HORIZONS_DAYS = (30, 7, 1)
BATCH_MAILS = 500


async def remind(pool: Pool) -> int:
    """Write the mails that are due; how many."""
    written = 0
    while count := await _remind_some(pool):
        written += count
    return written


async def _remind_some(pool: Pool) -> int:
    async with pool.connection() as conn:
        due = await expiring.due(conn, horizons_days=HORIZONS_DAYS, limit=BATCH_MAILS)
        return await outbox.put_many(conn, [_message(one) for one in due])


def _message(due: expiring.Due) -> outbox.Message:
    details = {
        "firstName": due.first_name,
        "credits": due.credits,
        "unit": due.unit,
        "institutionName": due.institution_name,
        "expiresAt": due.expires_at.isoformat(),
    }
    return outbox.Message(mails.EXPIRY_REMINDER, due.cause, due.email, details)
