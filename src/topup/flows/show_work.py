"""Shows how the work behind the scenes stands: the worker, what waits in outbox and inbox, what needs a person.

For the figures that alarms are made of; only reads.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg_pool

from topup.core import ids
from topup.db import condition, figures, heartbeats, outbox, reconciliations

LATELY = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Work:
    """One moment of it."""

    hearts: Sequence[heartbeats.Heartbeat]
    outbox: outbox.Backlog
    inbox: condition.Inbox
    payments_in_review: int
    payments_lately: Mapping[str, int]
    paid_not_credited: int
    money_back_oldest_seconds: float
    failed_jobs: int
    books: figures.Books
    reconciliation: reconciliations.Report | None


async def show(pool: psycopg_pool.AsyncConnectionPool, *, now: datetime) -> Work:
    """Look once. `now` is the wall clock's, by which ids are made."""
    first_id = ids.build(int((now - LATELY).timestamp() * 1000), 0)
    async with pool.connection() as conn:
        return Work(
            hearts=await heartbeats.everyone(conn),
            outbox=await outbox.backlog(conn),
            inbox=await condition.inbox(conn),
            payments_in_review=(await condition.standing(conn)).payments_in_review,
            payments_lately=await figures.payments_since(conn, first_id),
            paid_not_credited=await figures.paid_not_credited(conn),
            money_back_oldest_seconds=await figures.money_back_oldest_seconds(conn),
            failed_jobs=await figures.failed_jobs(conn),
            books=await figures.books(conn),
            reconciliation=await reconciliations.last(conn, "recent", "full"),
        )
