"""Makes an admin, or makes the person with that address one.

For the command line and the demo; nothing on the web leads here.
"""

from psycopg_pool import AsyncConnectionPool

from topup import errors
from topup.core import ids
from topup.db import accounts, users
from topup.flows import hashing, welcome


async def create_admin(
    pool: AsyncConnectionPool, *, email: str, password: str, first_name: str, last_name: str
) -> users.User:
    """The admin, who can sign in with this password at once. Told again, it sets the password again."""
    password_hash = await hashing.sealed(password)
    async with pool.connection() as conn:
        user = await users.add_admin(
            conn, ids.new(), email=email, first_name=first_name, last_name=last_name, password_hash=password_hash
        )
        if user is None:
            raise errors.Broken("An upsert of a user returned no row.")
        if await accounts.find_of_user(conn, user.id) is None:
            await welcome.open_account(conn, user)
    return user
