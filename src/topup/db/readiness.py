"""What `/ready` asks the database.

One statement, so that a probe every second costs nothing.
"""

from topup.db import sql

_SCHEMA_REVISION = "SELECT version_num FROM alembic_version"


async def schema_revision(conn: sql.Connection) -> str | None:
    """The revision the schema is at."""
    return await sql.value(conn, _SCHEMA_REVISION)
