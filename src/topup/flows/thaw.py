"""Lets an account go on that was frozen, once nothing on it breaks an invariant any more.

All invariants are run on it once more, under its lock; while one of them fails the account stays as it is. Called by
the desk and by the API.
"""

from uuid import UUID

import psycopg_pool
import structlog

from topup import errors
from topup.db import accounts, invariants
from topup.ledger import audit

log = structlog.get_logger()


async def thaw(pool: psycopg_pool.AsyncConnectionPool, account_id: UUID, *, actor: str) -> None:
    """Thaw one account. Raises NotFound, or Conflict `account_still_broken`, which names what is wrong."""
    async with pool.connection() as conn:
        if await accounts.find(conn, account_id) is None:
            raise errors.NotFound
        names = [one.name for one in invariants.ALL]
        still = [one for one in await audit.look_again(conn, account_id, names) if not one.may_be_late]
        if still:
            told = "; ".join(sorted({f"{breach.name}: {breach.what}" for breach in still}))
            raise errors.Conflict(
                f"This account stays frozen, since it still breaks {told}.", code="account_still_broken"
            )
        await accounts.thaw(conn, account_id)
    log.warning("account_thawed", account_id=str(account_id), actor=actor)
