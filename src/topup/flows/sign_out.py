"""Ends a login.

Whoever is not signed in any more is signed out: never an error.
"""

from uuid import UUID

from psycopg_pool import AsyncConnectionPool

from topup.core import tokens
from topup.db import logins

REASON = "signed out"


async def sign_out(pool: AsyncConnectionPool, *, refresh_token: str) -> None:
    """End the login that a refresh token belongs to, be the token used or not."""
    async with pool.connection() as conn:
        presented = await logins.lock_refresh(conn, tokens.digest(refresh_token))
        if presented is not None:
            await logins.end(conn, presented.login_id, reason=REASON)


async def sign_out_of(pool: AsyncConnectionPool, *, login_id: UUID) -> None:
    """End a login that is known by its id."""
    async with pool.connection() as conn:
        await logins.end(conn, login_id, reason=REASON)
