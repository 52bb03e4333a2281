"""The one connection that a backup or a restore works through: patient, since whole tables pass.

It says how rows are written, so that a file never depends on how a server happens to be set.
"""

import contextlib
from collections.abc import AsyncIterator

import psycopg

from topup import errors

OPTIONS = (
    "-c statement_timeout=0 -c idle_in_transaction_session_timeout=0 -c lock_timeout=10s -c timezone=UTC"
    " -c datestyle=ISO -c intervalstyle=postgres -c extra_float_digits=1 -c bytea_output=hex"
    " -c search_path=public,pg_catalog"
)
CONNECT_SECONDS = 10


@contextlib.asynccontextmanager
async def opened(url: str) -> AsyncIterator[psycopg.AsyncConnection]:
    """Statements outside a transaction commit by themselves."""
    try:
        async with await psycopg.AsyncConnection.connect(
            url, options=OPTIONS, connect_timeout=CONNECT_SECONDS, client_encoding="utf8", autocommit=True
        ) as conn:
            yield conn
    except psycopg.errors.InsufficientPrivilege as fault:
        raise errors.Unavailable("These rights do not suffice: use the login that owns Topup's tables.") from fault
    except psycopg.errors.LockNotAvailable as fault:
        raise errors.Unavailable("Somebody holds a lock on a table. Nothing was changed; try again.") from fault
    except psycopg.OperationalError as fault:
        raise errors.Unavailable("The database cannot be reached, or was lost on the way.") from fault
    except psycopg.Error as fault:
        raise errors.Unavailable(f"PostgreSQL refused ({fault.sqlstate}): {fault.diag.message_primary}.") from fault
