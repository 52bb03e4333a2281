"""API keys as rows. The key itself is never here, only its digest (topup.core.api_keys)."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from uuid import UUID

from topup.db import sql


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key to keep; `application_id` outlives its rotation."""

    id: UUID
    application_id: UUID
    name: str
    prefix: str
    secret_hash: bytes
    scopes: Sequence[str]


ADD = """
    INSERT INTO api_keys (id, application_id, name, prefix, secret_hash, scopes)
    VALUES (%(id)s, %(application_id)s, %(name)s, %(prefix)s, %(secret_hash)s, %(scopes)s)
    ON CONFLICT (prefix) DO NOTHING
"""


async def add(conn: sql.Connection, key: NewKey) -> bool:
    """Keep a key; False when its prefix is taken."""
    return await sql.run(conn, ADD, asdict(key)) == 1
