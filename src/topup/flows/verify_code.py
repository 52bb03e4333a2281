"""Proves an address with its code: the pending registration becomes a person with an account, a welcome and a login.

One transaction, so that of two parallel tries with the right code one makes the person and the other is refused.
"""

from psycopg_pool import AsyncConnectionPool

from topup.core import ids, limits
from topup.core.keys import Keys
from topup.db import codes, users
from topup.db.logins import Kind
from topup.flows import check_code, logins, throttle, welcome


async def verify_code(
    pool: AsyncConnectionPool, keys: Keys, *, email: str, code: str, kind: Kind, caller: limits.Caller
) -> logins.Opened:
    """Finish the registration that this code was issued for, and only that one (fault 73)."""
    guess = check_code.charges(keys, caller)
    await throttle.charge(pool, guess)
    tried = await check_code.check(pool, keys.code, purpose="REGISTER", email=email, code=code)
    async with pool.connection() as conn:
        if tried.registration_id is None or not await codes.use(conn, tried.id):
            raise check_code.refusal()
        user = await users.add_from_registration(conn, ids.new(), tried.registration_id)
        if user is None:
            raise check_code.refusal()
        await welcome.settle(conn, user)
        opened = await logins.open_for(conn, user.id, kind=kind)
    await throttle.give_back(pool, guess)
    return opened
