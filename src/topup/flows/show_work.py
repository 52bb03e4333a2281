"""Shows how the work behind the scenes stands: the worker, what waits in outbox and inbox, what needs a person.

For the figures that alarms are made of; only reads.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg_pool

from topup.db import condition, heartbeats, outbox


@dataclass(frozen=True, slots=True)
class Work:
    """One moment of it."""

    hearts: Sequence[heartbeats.Heartbeat]
    outbox: outbox.Backlog
    inbox: condition.Inbox
    payments_in_review: int


async def show(pool: psycopg_pool.AsyncConnectionPool) -> Work:
    """Look once."""
    async with pool.connection() as conn:
        return Work(
            hearts=await heartbeats.everyone(conn),
            outbox=await outbox.backlog(conn),
            inbox=await condition.inbox(conn),
            payments_in_review=(await condition.standing(conn)).payments_in_review,
        )
