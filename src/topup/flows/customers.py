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
    new = protocol.NewCustomer(person.user_id, person.email, f"{person.first_name} {person.last_name}".strip())
    key = f"customer:{person.user_id}" + (f":after:{missing}" if missing else "")
    try:
        return await stripe.create_customer(new, key=key)
    except errors.GatewayError as error:
        if error.code == "stripe_failed":
            # Stripe keeps a 500 under its key (fault 33), and may have made the customer before it failed.
            return await stripe.find_customer(new) or await stripe.create_customer(new, key=f"{key}:{ids.new()}")
        if error.code != "idempotency_mismatch":
            raise
    # The name or address was changed since a try whose answer we never got. What that try made, if anything, stays
    # unused at Stripe; a key over the present values keeps later tries together.
    return await stripe.create_customer(new, key=f"{key}:{_digest(new)}")


def _digest(new: protocol.NewCustomer) -> str:
    return hashlib.sha256(f"{new.email}\n{new.name}".encode()).hexdigest()[:16]
