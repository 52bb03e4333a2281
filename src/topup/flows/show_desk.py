"""What waits for a person at the desk: payments to review, disputes to answer, accounts that are frozen or in debt.

Only reads. How the worker's own work stands is told by topup.runtime.doctor.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg_pool

from topup.db import disputes, holders, payments

SHOWN_MAX = 50


@dataclass(frozen=True, slots=True)
class Waiting:
    """At most fifty of each, the oldest payments and the worst accounts first."""

    payments: Sequence[payments.Payment]
    accounts: Sequence[holders.Holder]
    disputes: Sequence[disputes.Waiting]


async def waiting(pool: psycopg_pool.AsyncConnectionPool) -> Waiting:
    """Look once."""
    async with pool.connection() as conn:
        return Waiting(
            payments=await payments.list_in_review(conn, limit=SHOWN_MAX),
            accounts=await holders.troubled(conn, limit=SHOWN_MAX),
            disputes=await disputes.waiting(conn, limit=SHOWN_MAX),
        )
