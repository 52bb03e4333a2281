"""Erases a person who asked for it (GDPR, article 17): who they were goes here and at Stripe, the books stay whole.

For the command line alone. Shut out first, then deleted at Stripe, then forgotten here, so that a run that was cut
short is simply run again. Whoever has a payment or a dispute open, or would leave an institution without an owner, is
refused and keeps everything.
"""

from dataclasses import dataclass
from uuid import UUID

from psycopg_pool import AsyncConnectionPool

from topup import errors
from topup.db import erasure, invitations, logins, memberships, sql, users
from topup.flows import take_back
from topup.gateway import protocol

ACTOR = "topup"


@dataclass(frozen=True, slots=True)
class Erased:
    """Somebody is gone. `left_over` is what was on their accounts, by unit, which nobody can spend any more."""

    user_id: UUID
    left_over: tuple[tuple[str, int], ...]


async def erase(pool: AsyncConnectionPool, stripe: protocol.Stripe, *, email: str) -> Erased:
    """Erase whoever has this canonical address."""
    async with pool.connection() as conn:
        whom = await _lock(conn, email)
        await users.disable(conn, whom.id)
        await logins.end_all(conn, whom.id, reason="erased")
    for customer_id in await _customers(stripe, whom):
        await stripe.delete_customer(customer_id)
    async with pool.connection() as conn:
        await _leave_everything(conn, await _lock(conn, email))
    async with pool.connection() as conn:
        await erasure.take_time(conn)
        whom = await _lock(conn, email)
        account_ids = await erasure.accounts(conn, whom)
        left_over = await erasure.left_over(conn, account_ids)
        await erasure.forget(conn, whom, account_ids)
    return Erased(whom.id, tuple(left_over))


async def _customers(stripe: protocol.Stripe, whom: erasure.Whom) -> set[str]:
    """All that Stripe has of them: the customer we know, and any that a try made whose answer was never heard."""
    known = {whom.stripe_customer_id} if whom.stripe_customer_id is not None else set()
    if not known and not whom.has_begun_to_buy:
        return known
    return known | set(await stripe.find_customers(whom.id, whom.email))


async def _leave_everything(conn: sql.Connection, whom: erasure.Whom) -> None:
    """Their unused sessions go back to the pools, as when anybody leaves."""
    for membership_id, institution_id in await erasure.memberships(conn, whom):
        await invitations.revoke(conn, membership_id)
        await take_back.everything(conn, membership_id, institution_id=institution_id, actor=ACTOR)
        await memberships.leave(conn, membership_id)


async def _lock(conn: sql.Connection, email: str) -> erasure.Whom:
    whom = await erasure.lock(conn, email)
    if whom is None:
        raise errors.NotFound(f"Nobody has the address {email}.")
    if against := await erasure.reasons_against(conn, whom):
        raise errors.Conflict(f"{email} cannot be erased yet: {'; '.join(against)}.", code="not_erasable")
    return whom
