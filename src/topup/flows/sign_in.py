"""Signing in with address and password.

Unknown, wrong and registered elsewhere are one answer, in one time (fault 74).
"""

from psycopg_pool import AsyncConnectionPool

from topup import errors
from topup.core import limits, passwords
from topup.core.keys import Keys
from topup.db import users
from topup.db.logins import Kind
from topup.flows import hashing, logins, throttle


async def sign_in(
    pool: AsyncConnectionPool, keys: Keys, *, email: str, password: str, kind: Kind, caller: limits.Caller
) -> logins.Opened:
    """Open a login. Only failures count against the limits."""
    charges = [
        limits.of_caller(keys.bucket, limits.SIGN_IN_OF_CALLER, caller),
        limits.of_pair(keys.bucket, limits.SIGN_IN_TO_ACCOUNT_BY_CALLER, caller, email),
        limits.of_address(keys.bucket, limits.SIGN_IN_TO_ACCOUNT, email),
    ]
    await throttle.charge(pool, charges)
    async with pool.connection() as conn:
        known = await users.credentials(conn, email)
    if not await hashing.is_match(known.password_hash if known else None, password) or known is None:
        raise errors.Unauthenticated("The address or the password is not right.", code="invalid_credentials")
    fresh_hash = await hashing.sealed(password) if passwords.is_outdated(known.password_hash or "") else None
    async with pool.connection() as conn:
        if fresh_hash is not None:
            await users.set_password(conn, known.user_id, fresh_hash)
        opened = await logins.open_for(conn, known.user_id, kind=kind)
    await throttle.give_back(pool, charges)
    return opened
