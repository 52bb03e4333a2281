"""Trades a refresh token for the next one.

A token that comes back after its use has been copied by somebody, so its login ends (fault 70).
"""

import secrets

from psycopg_pool import AsyncConnectionPool

from topup import errors
from topup.core import ids, tokens
from topup.db import logins
from topup.flows.logins import REFRESH_PREFIX, SECRET_BYTES, Opened


async def refresh(pool: AsyncConnectionPool, *, refresh_token: str) -> Opened:
    """The same login with its next refresh token."""
    opened = None
    async with pool.connection() as conn:
        presented = await logins.lock_refresh(conn, tokens.digest(refresh_token))
        if presented is not None and presented.is_used:
            await logins.end(conn, presented.login_id, reason="refresh token reused")
        elif presented is not None and presented.is_living:
            await logins.use_refresh(conn, presented.id)
            person = await logins.person_of(conn, presented.login_id)
            secret = tokens.secret_text(REFRESH_PREFIX, secrets.token_bytes(SECRET_BYTES))
            made_at = await logins.add_refresh(
                conn, ids.new(), login_id=presented.login_id, token_hash=tokens.digest(secret)
            )
            opened = Opened(person, "API", secret, made_at) if person else None
    if opened is None:
        raise errors.Unauthenticated("This sign-in has ended. Sign in again.", code="refresh_token_invalid")
    return opened
