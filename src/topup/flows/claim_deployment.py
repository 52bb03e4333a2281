"""Ties a database to one Stripe mode, account and place at its first start, and refuses others afterwards.

Test and live credits would mix otherwise, silently, and a copy would mail people and charge them a second time (fault
94). Stripe being down stops no start: then the mode, which the key itself shows, is all that is compared, and the
account is remembered at the next one.
"""

import psycopg_pool
import structlog

from topup import errors
from topup.db import deployment
from topup.gateway import protocol

Pool = psycopg_pool.AsyncConnectionPool
log = structlog.get_logger()


async def claim(pool: Pool, stripe: protocol.Stripe, *, is_demo: bool) -> list[str]:
    """What speaks against this start, as phrases for one sentence; empty when the database is ours to use."""
    mode = "live" if stripe.is_live else "test"
    try:
        account = (await stripe.retrieve_account()).id
    except errors.GatewayError as error:
        if error.code == "stripe_key_refused":
            return ["Stripe does not accept STRIPE_SECRET_KEY"]
        log.warning("stripe_account_unknown", code=error.code)
        account = None
    async with pool.connection() as conn:
        standing = await deployment.lock(conn)
        faults = _faults(standing, mode=mode, account=account, is_demo=is_demo)
        if not faults:
            await deployment.claim(conn, mode=mode, stripe_account=account, is_demo=is_demo, place=standing.here)
    return faults


def copy_faults(standing: deployment.Deployment) -> list[str]:
    """What speaks against working on what may be a copy. A demo's data may be one: it mails and charges nobody."""
    if standing.is_restoring:
        return ["a restore of this database did not end: run `topup restore` again"]
    if standing.is_demo:
        return []
    if standing.restored_from is not None:
        moment = f"{standing.restored_from:%Y-%m-%d %H:%M} UTC"
        return [f"the database was restored from the backup of {moment}, which nobody has confirmed by `topup adopt`"]
    if standing.is_elsewhere:
        return ["the database is a copy, or has moved, which nobody has confirmed by `topup adopt`"]
    return []


def _faults(standing: deployment.Deployment, *, mode: str, account: str | None, is_demo: bool) -> list[str]:
    faults = copy_faults(standing)
    if standing.mode is None:
        return faults
    if standing.is_demo != is_demo:
        faults.append("the database belongs to " + ("a demo" if standing.is_demo else "a real deployment"))
    if standing.mode != mode:
        faults.append(f"the database holds {standing.mode} payments and STRIPE_SECRET_KEY is a {mode} key")
    if account and standing.stripe_account and standing.stripe_account != account:
        faults.append(f"the database belongs to the Stripe account {standing.stripe_account}, the key to {account}")
    return faults
