"""Makes an admin, or makes the person with that address one.

For the command line and the demo; nothing on the web leads here.
"""

from psycopg_pool import AsyncConnectionPool

from topup import errors
from topup.core import ids
from topup.db import accounts, logins, users
from topup.flows import hashing, welcome


async def create_admin(
    pool: AsyncConnectionPool,
    *,
    email: str,
    password: str,
    first_name: str,
    last_name: str,
    is_password_reset: bool = False,
) -> users.User:
    """The admin, who can sign in with this password at once.

    Somebody who has this address already keeps their password and is refused; with `is_password_reset` they become
    an admin with the new one, and whoever was signed in as them is out.
    """
    password_hash = await hashing.sealed(password)
    async with pool.connection() as conn:
        if await users.find_by_email(conn, email) is not None and not is_password_reset:
            raise errors.Conflict(
                f"{email} has an account already. Add --reset-password to make it an admin with a new password.",
                code="address_taken",
            )
        user = await users.add_admin(
            conn, ids.new(), email=email, first_name=first_name, last_name=last_name, password_hash=password_hash
        )
        if user is None:
            raise errors.Broken("An upsert of a user returned no row.")
        await logins.end_all(conn, user.id, reason="password reset")
        if await accounts.find_of_user(conn, user.id) is None:
            await welcome.open_account(conn, user)
    return user
