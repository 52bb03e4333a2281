"""Mails a code with which the owner of an address may set a new password.

The answer is the same for any address.
"""

from psycopg_pool import AsyncConnectionPool

from topup.core import limits
from topup.core.keys import Keys
from topup.db import users
from topup.flows import register, send_code, throttle


async def forgot_password(pool: AsyncConnectionPool, keys: Keys, *, email: str, caller: limits.Caller) -> None:
    """Mail a code if somebody has this address and is not disabled."""
    await throttle.charge(pool, register.code_charges(keys, email, caller))
    async with pool.connection() as conn:
        user = await users.find_by_email(conn, email)
        if user is not None and user.disabled_at is None:
            await send_code.send(
                conn, keys.code, purpose="RESET", email=email, first_name=user.first_name, user_id=user.id
            )
