"""API keys of host applications: making, rotating and revoking them. A key is shown once, by `create` or `rotate`.

A rotation makes a second key of the same application, so that idempotency and the ledger go on knowing it by one name;
the old key works until the overlap ends. Called by the admin's calls and the command line.
"""

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

import psycopg_pool

from topup import errors
from topup.core import api_keys as keys
from topup.core import ids
from topup.core.api_keys import SCOPES, Scope
from topup.db import api_keys, sql

Pool = psycopg_pool.AsyncConnectionPool
OVERLAP_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True, repr=False)
class Created:
    """A new key, with the one sight of its text."""

    row: api_keys.ApiKey
    text: str


async def create(pool: Pool, *, name: str, scopes: Collection[Scope], created_by: UUID | None) -> Created:
    """A key for a new application."""
    async with pool.connection() as conn:
        return await _insert(conn, ids.new(), name=name, scopes=scopes, created_by=created_by)


async def rotate(pool: Pool, key_id: UUID, *, overlap_seconds: int, created_by: UUID | None) -> Created:
    """A new key for the same application; the old one ends after the overlap. NotFound when it has ended already."""
    async with pool.connection() as conn:
        old = await api_keys.lock_living(conn, key_id)
        if old is None:
            raise errors.NotFound
        await api_keys.end_later(conn, old.id, seconds=overlap_seconds)
        return await _insert(conn, old.application_id, name=old.name, scopes=old.scopes, created_by=created_by)


async def revoke(pool: Pool, key_id: UUID) -> None:
    """End a key. Processes that let it in a moment ago refuse it within seconds (topup.runtime.key_ring)."""
    async with pool.connection() as conn:
        if not await api_keys.revoke(conn, key_id):
            raise errors.NotFound


async def page(pool: Pool, *, before_id: UUID | None, limit: int) -> Sequence[api_keys.ApiKey]:
    """Keys, newest first."""
    async with pool.connection() as conn:
        return await api_keys.page(conn, before_id=before_id, limit=limit)


async def _insert(
    conn: sql.Connection, application_id: UUID, *, name: str, scopes: Collection[Scope], created_by: UUID | None
) -> Created:
    key = keys.build(secrets.token_bytes(keys.PREFIX_BYTES), secrets.token_bytes(keys.SECRET_BYTES))
    row = await api_keys.insert(
        conn,
        ids.new(),
        application_id=application_id,
        name=name,
        prefix=key.prefix,
        secret_hash=key.digest(),
        scopes=[scope for scope in SCOPES if scope in scopes],
        created_by=created_by,
    )
    if row is None:
        raise errors.Broken("A new API key was not stored.")
    return Created(row, key.text)
