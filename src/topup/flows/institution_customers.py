"""Makes sure that an institution is one customer at Stripe, and that Stripe knows whom to bill.

All first purchases ask under one key with the same words, since nothing that could change is said when the customer is
made; of the answers the column keeps the first (fault 50). The details follow in a second call, and again whenever they
were changed. No transaction is open while Stripe is asked.
"""

from uuid import UUID

import psycopg_pool

from topup import errors
from topup.core import ids
from topup.db import customers
from topup.gateway import billing, protocol

Pool = psycopg_pool.AsyncConnectionPool

ROUNDS_MAX = 3
_GONE = frozenset({"stripe_customer_missing", "stripe_object_missing"})


async def ensure(pool: Pool, stripe: protocol.Stripe, *, institution_id: UUID, missing: str | None = None) -> str:
    """The institution's customer id. `missing` is one that Stripe says is gone, so that another takes its place."""
    payer = await _find(pool, institution_id)
    if payer.stripe_customer_id in (None, missing):
        key = f"institution:{institution_id}" + (f":after:{missing}" if missing else "")
        made = await _create(stripe, institution_id, key)
        async with pool.connection() as conn:
            await customers.replace_institution(conn, institution_id, was=missing, now=made)
    try:
        return await _tell(pool, stripe, institution_id)
    except errors.GatewayError as error:
        if error.code not in _GONE or missing is not None:
            raise
    gone = (await _find(pool, institution_id)).stripe_customer_id
    return await ensure(pool, stripe, institution_id=institution_id, missing=gone)


async def _create(stripe: protocol.Stripe, institution_id: UUID, key: str) -> str:
    """A customer. Stripe keeps a 500 under its key, so after one a fresh key asks (fault 33)."""
    try:
        return await stripe.create_institution_customer(institution_id, key=key)
    except errors.GatewayError as error:
        if error.code != "stripe_failed":
            raise
    return await stripe.create_institution_customer(institution_id, key=f"{key}:{ids.new()}")


async def _tell(pool: Pool, stripe: protocol.Stripe, institution_id: UUID) -> str:
    """Bring Stripe's copy of the details up to ours; what is changed faster than that is told the next time."""
    for round_number in range(1, ROUNDS_MAX + 1):
        payer = await _find(pool, institution_id)
        customer_id = payer.stripe_customer_id
        if customer_id is None:
            break
        if payer.told_rev == payer.details_rev:
            return customer_id
        # A fresh key each time: to tell it twice does no harm, and to be given an old answer instead would.
        key = f"details:{institution_id}:{payer.details_rev}:{ids.new()}"
        is_taken = await stripe.set_tax_id(
            customer_id, payer.tax_id_type, payer.tax_id, key=f"tax_id:{customer_id}:{payer.details_rev}"
        )
        await stripe.update_customer(customer_id, _details(payer, None if is_taken else payer.tax_id), key=key)
        async with pool.connection() as conn:
            is_latest = await customers.told(
                conn, institution_id, customer_id=customer_id, was=payer.told_rev, rev=payer.details_rev
            )
        if is_latest or round_number == ROUNDS_MAX:
            return customer_id
    raise errors.Broken(f"Institution {institution_id} has lost its customer.")


async def _find(pool: Pool, institution_id: UUID) -> customers.Payer:
    async with pool.connection() as conn:
        payer = await customers.find_institution(conn, institution_id)
    if payer is None:
        raise errors.NotFound
    return payer


def _details(payer: customers.Payer, printed_tax_id: str | None) -> billing.CustomerDetails:
    return billing.CustomerDetails(
        name=payer.company or payer.name,
        email=payer.billing_email,
        line1=payer.address_line1,
        line2=payer.address_line2,
        city=payer.city,
        postal_code=payer.postal_code,
        country=payer.country,
        tax_id=printed_tax_id,
    )
