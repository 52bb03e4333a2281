"""What an invitation says to whoever holds its token: who invites whom to what, and whether it is still good.

Changes nothing; taking the place is `topup.flows.accept_invitation`.
"""

from psycopg_pool import AsyncConnectionPool

from topup.core import tokens
from topup.db import invitations
from topup.db.invitations import Shown


async def look(pool: AsyncConnectionPool, token: str) -> Shown | None:
    """The invitation, also one that has ended; None for a token that was never sent."""
    async with pool.connection() as conn:
        return await invitations.look(conn, tokens.digest(token))
