"""What `/ready` asks the database."""

from topup.db import sql

_SCHEMA_REVISION = "SELECT version_num FROM alembic_version"


async def schema_revision(conn: sql.Connection) -> str | None:
    """The revision the schema is at."""
    return await sql.value(conn, _SCHEMA_REVISION)
