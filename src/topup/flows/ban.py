"""Shuts a person out, and lets them in again. What they have stays theirs.

For the command line alone. Acts on the very next request, since every request looks at the rows (fault 70).
"""

from psycopg_pool import AsyncConnectionPool

from topup import errors
from topup.db import logins, users


async def ban(pool: AsyncConnectionPool, *, email: str) -> int:
    """Shut out whoever has this canonical address; how many sign-ins that ended."""
    async with pool.connection() as conn:
        user = await users.find_by_email(conn, email)
        if user is None:
            raise errors.NotFound(f"Nobody has the address {email}.")
        await users.disable(conn, user.id)
        return await logins.end_all(conn, user.id, reason="banned")


async def unban(pool: AsyncConnectionPool, *, email: str) -> None:
    """Let them sign in again."""
    async with pool.connection() as conn:
        user = await users.find_by_email(conn, email)
        if user is None or not await users.enable(conn, user.id):
            raise errors.NotFound(f"Nobody who is banned has the address {email}.")
