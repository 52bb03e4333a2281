"""Sends a new code for the last registration of an address; the old code ends.

The answer is the same for any address.
"""

from psycopg_pool import AsyncConnectionPool

from topup.core import limits
from topup.core.keys import Keys
from topup.db import codes, users
from topup.flows import register, send_code, throttle


async def resend_code(pool: AsyncConnectionPool, keys: Keys, *, email: str, caller: limits.Caller) -> None:
    """Mail another code if somebody is registering with this address."""
    await throttle.charge(pool, register.code_charges(keys, email, caller))
    async with pool.connection() as conn:
        owner = await users.find_by_email(conn, email)
        registration = await codes.latest_registration(conn, email)
        if registration is not None:
            await send_code.send(
                conn,
                keys.code,
                purpose="REGISTER",
                email=email,
                first_name=owner.first_name if owner else registration.first_name,
                registration_id=registration.id,
                is_address_taken=owner is not None,
            )
