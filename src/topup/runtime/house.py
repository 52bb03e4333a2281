"""The house: everything a running process holds, built once from its settings and closed in reverse order.

Called by the command line, the tests and the demo. It refuses a schema that this program was not written for.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import psycopg_pool

from topup.settings import Settings

CONNECTION_OPTIONS = (
    "-c lock_timeout=5s -c statement_timeout=15s -c idle_in_transaction_session_timeout=15s -c timezone=UTC"
    " -c default_transaction_isolation=read\\ committed -c synchronous_commit=on"
)
WAIT_FOR_CONNECTION_SECONDS = 5.0

Pool = psycopg_pool.AsyncConnectionPool


@dataclass(frozen=True, slots=True)
class House:
    """What web and worker work with."""

    settings: Settings
    pool: Pool


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[House]:
    """Open everything that the settings name."""
    async with psycopg_pool.AsyncConnectionPool(
        settings.database_url.get_secret_value(),
        min_size=1,
        max_size=settings.pool_size,
        timeout=WAIT_FOR_CONNECTION_SECONDS,
        kwargs={"options": CONNECTION_OPTIONS},
        open=False,
        name="topup",
    ) as pool:
        yield House(settings=settings, pool=pool)
