"""Sets a new password with a mailed code, ends every login there was and opens a new one.

Whoever was signed in with the old password is out at once (fault 70).
"""

from psycopg_pool import AsyncConnectionPool

from topup.core import limits
from topup.core.keys import Keys
from topup.db import codes, users
from topup.db import logins as login_rows
from topup.db.logins import Kind
from topup.flows import check_code, hashing, logins, throttle


async def reset_password(
    pool: AsyncConnectionPool, keys: Keys, *, email: str, code: str, password: str, kind: Kind, caller: limits.Caller
) -> logins.Opened:
    """Open a login for the owner of the address, now with this password."""
    guess = check_code.charges(keys, caller)
    await throttle.charge(pool, guess)
    tried = await check_code.check(pool, keys.code, purpose="RESET", email=email, code=code)
    password_hash = await hashing.sealed(password)
    async with pool.connection() as conn:
        if tried.user_id is None or not await codes.use(conn, tried.id):
            raise check_code.refusal()
        await users.set_password(conn, tried.user_id, password_hash)
        await login_rows.end_all(conn, tried.user_id, reason="password reset")
        opened = await logins.open_for(conn, tried.user_id, kind=kind)
    await throttle.give_back(pool, guess)
    return opened
