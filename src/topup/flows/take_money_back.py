"""Takes credits back when money went back: for each payment that is due, what Stripe says now becomes what we hold.

A delivery only marks its payment as due. Here Stripe is read (outside any transaction), the payment is locked, and when
somebody else looked meanwhile, which the count of looks tells, it is read again: so what is posted is never older than
what was posted before (faults 5, 47). Retried with growing pauses while Stripe is away. Run by the worker all the time.
"""

from collections.abc import Collection
from datetime import timedelta
from uuid import UUID

import psycopg_pool
import structlog

from topup import errors
from topup.db import money_back, payments, sql
from topup.flows import level_credits, read_charge
from topup.gateway import protocol

Pool = psycopg_pool.AsyncConnectionPool
log = structlog.get_logger()

BATCH = 20
LEASE = timedelta(minutes=2)
READS_MAX = 5
_FIRST_RETRY_SECONDS = 2
_LAST_RETRY_SECONDS = 600


async def mark(conn: sql.Connection, intent_ids: Collection[str]) -> set[str]:
    """Have the payments of these intents looked at; which intents they are of. The others are kept as strays."""
    known = await money_back.payments_of_intents(conn, intent_ids)
    if known:
        await money_back.mark(conn, set(known.values()))
    strays = set(intent_ids) - known.keys()
    if strays:
        await money_back.note_strays(conn, strays)
    return set(known)


async def take(pool: Pool, stripe: protocol.Stripe) -> bool:
    """Look at what is due; whether there may be more. One payment that fails keeps no other waiting."""
    async with pool.connection() as conn:
        due = await money_back.claim(conn, lease=LEASE, limit=BATCH)
    for one in due:
        try:
            await look(pool, stripe, one.payment_id, marks=one.marks)
        except Exception as fault:
            if isinstance(fault, errors.GatewayError):
                log.warning("money_back_waits", payment_id=str(one.payment_id), code=fault.code, attempts=one.attempts)
            else:
                log.exception("money_back_failed", payment_id=str(one.payment_id), attempts=one.attempts)
            async with pool.connection() as conn:
                error = f"{type(fault).__name__}: {fault}"[:500]
                await money_back.retry_later(conn, one, wait=pause(one.attempts), error=error)
    return len(due) == BATCH


async def look(pool: Pool, stripe: protocol.Stripe, payment_id: UUID, *, marks: int = 0) -> None:
    """Make one payment agree with Stripe. `marks` is the mark that this answers."""
    for _ in range(READS_MAX):
        async with pool.connection() as conn:
            seen = await payments.find(conn, payment_id)
        if seen is None:
            raise errors.NotFound
        told = await read_charge.read(stripe, seen)
        async with pool.connection() as conn:
            [payment] = await payments.lock_many(conn, [payment_id])
            if payment.clawback_rev == seen.clawback_rev and payment.status == seen.status:
                await level_credits.level(conn, payment, told)
                await money_back.clear(conn, payment_id, marks=marks)
                return
    raise errors.Unavailable(f"Payment {payment_id} is looked at by too many at once.")


def pause(attempts: int) -> timedelta:
    """How long to wait after the nth failed look: 2 s, 4 s, 8 s ... at most ten minutes."""
    return timedelta(seconds=min(_FIRST_RETRY_SECONDS * 2 ** min(attempts - 1, 20), _LAST_RETRY_SECONDS))
