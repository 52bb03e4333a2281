"""Finishes refunds of ours whose answer nobody wrote: a process was killed, a reply was lost, Stripe was away.

Stripe is looked at first, where the refund is known by the id in its metadata; what is not there is asked for again
under the same key, for as long as Stripe keeps keys; what is not there after that never happened. Run by the worker.
"""

from datetime import timedelta

import psycopg_pool
import structlog

from topup import errors
from topup.db import ledger, refunds
from topup.db.refunds import Refund
from topup.flows import refund as refunding
from topup.flows import take_money_back
from topup.gateway import protocol

Pool = psycopg_pool.AsyncConnectionPool
log = structlog.get_logger()

BATCH = 20
LEASE = timedelta(minutes=2)
NEVER_HAPPENED = "Stripe could not be reached for a day, and does not know of this refund."


async def finish(pool: Pool, stripe: protocol.Stripe) -> None:
    """Find out about each one whose lease is over."""
    async with pool.connection() as conn:
        unanswered = await refunds.claim_unanswered(conn, lease=LEASE, limit=BATCH)
    for refund in unanswered:
        try:
            await _finish(pool, stripe, refund)
        except errors.TopupError as fault:
            log.warning("refund_waits", refund_id=str(refund.id), code=fault.code, attempts=refund.attempts)
            async with pool.connection() as conn:
                await refunds.retry_later(conn, refund.id, wait=take_money_back.pause(refund.attempts))


async def _finish(pool: Pool, stripe: protocol.Stripe, refund: Refund) -> None:
    await take_money_back.look(pool, stripe, refund.payment_id)
    async with pool.connection() as conn:
        now, found = await ledger.now(conn), await refunds.find(conn, refund.id)
    if found is None or found.status != "requested":
        return
    if refunding.is_key_remembered(found, now):
        await refunding.ask(pool, stripe, found)
    else:
        await refunding.refuse(pool, found, NEVER_HAPPENED)
