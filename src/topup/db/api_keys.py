"""API keys as rows. Of a key only its public prefix and a hash are stored; nothing here sees a secret.

Called by topup.flows.keys and the key ring.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from topup.core.api_keys import Scope
from topup.db import sql


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as its admin sees it. `created_by` is None when the command line made it."""

    id: UUID
    application_id: UUID
    name: str
    prefix: str
    scopes: list[Scope]
    created_by: UUID | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Living:
    """What is needed to let a key in."""

    id: UUID
    application_id: UUID
    name: str
    scopes: list[Scope]
    secret_hash: bytes


FIND_LIVING = """
    SELECT id, application_id, name, scopes, secret_hash FROM api_keys
    WHERE prefix = %s AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > topup_now())
"""


async def find_living(conn: sql.Connection, prefix: str) -> Living | None:
    """The key with this public prefix, unless it is revoked or has ended."""
    return await sql.row(conn, Living, FIND_LIVING, [prefix])


# Several processes tell of one use; the first writes it, so that a key costs one small write a minute at most.
NOTE_USE = """
    UPDATE api_keys SET last_used_at = topup_now()
    WHERE id = %s AND (last_used_at IS NULL OR last_used_at < topup_now() - interval '50 seconds')
"""


async def note_use(conn: sql.Connection, key_id: UUID) -> None:
    """Remember that the key was used just now."""
    await sql.run(conn, NOTE_USE, [key_id])


INSERT = """
    INSERT INTO api_keys (id, application_id, name, prefix, secret_hash, scopes, created_by)
    VALUES (%(id)s, %(application_id)s, %(name)s, %(prefix)s, %(secret_hash)s, %(scopes)s, %(created_by)s)
    RETURNING id, application_id, name, prefix, scopes, created_by, created_at, expires_at, last_used_at, revoked_at
"""


async def insert(
    conn: sql.Connection,
    key_id: UUID,
    *,
    application_id: UUID,
    name: str,
    prefix: str,
    secret_hash: bytes,
    scopes: list[Scope],
    created_by: UUID | None,
) -> ApiKey | None:
    """Write a key; as it stands then."""
    parameters = {
        "id": key_id,
        "application_id": application_id,
        "name": name,
        "prefix": prefix,
        "secret_hash": secret_hash,
        "scopes": scopes,
        "created_by": created_by,
    }
    return await sql.row(conn, ApiKey, INSERT, parameters)


PAGE = """
    SELECT id, application_id, name, prefix, scopes, created_by, created_at, expires_at, last_used_at, revoked_at
    FROM api_keys WHERE %(before_id)s::uuid IS NULL OR id < %(before_id)s
    ORDER BY id DESC LIMIT %(limit)s
"""


async def page(conn: sql.Connection, *, before_id: UUID | None, limit: int) -> list[ApiKey]:
    """Keys, living and ended, newest first."""
    return await sql.rows(conn, ApiKey, PAGE, {"before_id": before_id, "limit": limit})


LOCK = """
    SELECT id, application_id, name, prefix, scopes, created_by, created_at, expires_at, last_used_at, revoked_at
    FROM api_keys
    WHERE id = %s AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > topup_now())
    FOR UPDATE
"""


async def lock_living(conn: sql.Connection, key_id: UUID) -> ApiKey | None:
    """A key that still works, with its row locked."""
    return await sql.row(conn, ApiKey, LOCK, [key_id])


END_LATER = """
    UPDATE api_keys SET expires_at = least(expires_at, topup_now() + make_interval(secs => %(seconds)s))
    WHERE id = %(id)s
"""


async def end_later(conn: sql.Connection, key_id: UUID, *, seconds: int) -> None:
    """Let a key work for so long yet, and no longer than it would have."""
    await sql.run(conn, END_LATER, {"id": key_id, "seconds": seconds})


REVOKE = "UPDATE api_keys SET revoked_at = coalesce(revoked_at, topup_now()) WHERE id = %s"


async def revoke(conn: sql.Connection, key_id: UUID) -> bool:
    """End a key now; False when there is none. Ending one twice is not an error."""
    return await sql.run(conn, REVOKE, [key_id]) == 1
