"""Makes sure that a person is one customer at Stripe, however many first purchases begin at once.

All of them ask Stripe under one idempotency key and so are told one id; the column keeps the first written and
everybody reads it back (fault 50). No transaction is open while Stripe is asked.
"""

import hashlib
from uuid import UUID

import psycopg_pool

from topup import errors
from topup.core import ids
from topup.db import customers
from topup.gateway import protocol

Pool = psycopg_pool.AsyncConnectionPool
_LEADS_NOWHERE = frozenset({"stripe_failed", "idempotency_mismatch"})


async def ensure(pool: Pool, stripe: protocol.Stripe, *, user_id: UUID, missing: str | None = None) -> str:
    """The person's customer id. `missing` is one that Stripe says is gone, so that another is made in its place."""
    person = await _find(pool, user_id)
    if person.stripe_customer_id is not None and person.stripe_customer_id != missing:
        return person.stripe_customer_id
    made = await _create(stripe, person, missing)
    async with pool.connection() as conn:
        await customers.replace(conn, user_id, was=missing, now=made)
    return (await _find(pool, user_id)).stripe_customer_id or made


async def _find(pool: Pool, user_id: UUID) -> customers.Customer:
    async with pool.connection() as conn:
        person = await customers.find(conn, user_id)
    if person is None:
        raise errors.NotFound
    return person


async def _create(stripe: protocol.Stripe, person: customers.Customer, missing: str | None) -> str:
    """The customer, made under one key by all who ask at once.

    A key may lead nowhere: Stripe keeps a 500 under it (fault 33), or it was used for a name or an address that has
    changed since. Either way the customer may have been made, and is looked for before the next key is tried; only the
    last is not shared by all.
    """
    new = protocol.NewCustomer(person.user_id, person.email, f"{person.first_name} {person.last_name}".strip())
    key = f"customer:{person.user_id}" + (f":after:{missing}" if missing else "")
    for next_key in (key, f"{key}:{_digest(new)}"):
        try:
            return await stripe.create_customer(new, key=next_key)
        except errors.GatewayError as error:
            if error.code not in _LEADS_NOWHERE:
                raise
        if made := await stripe.find_customers(person.user_id, person.email):
            return made[-1]
    return await stripe.create_customer(new, key=f"{key}:{ids.new()}")


def _digest(new: protocol.NewCustomer) -> str:
    return hashlib.sha256(f"{new.email}\n{new.name}".encode()).hexdigest()[:16]
