"""Signs somebody of the demo in by one click, without password or code.

Called by the demo's pages, which exist in a demo alone.
"""

from psycopg_pool import AsyncConnectionPool

from topup import errors
from topup.core.demo_people import DemoPerson
from topup.db import users
from topup.flows import logins


async def demo_sign_in(pool: AsyncConnectionPool, person: DemoPerson) -> logins.Opened:
    """A page login for them; NotFound where the demo has not made them."""
    async with pool.connection() as conn:
        user = await users.find_by_email(conn, person.email)
        if user is None:
            raise errors.NotFound
        return await logins.open_for(conn, user.id, kind="PAGE")
