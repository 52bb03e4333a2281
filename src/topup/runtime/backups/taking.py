"""What `topup backup` does: writes down one moment of a database that goes on working.

One REPEATABLE READ transaction on one connection; it locks nothing that anybody waits for, and works on a standby too.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from topup.core import anchors, backups
from topup.db import chain_heads, condition, copying, migrate, snapshots
from topup.runtime.backups import archive, connecting


@dataclass(frozen=True, slots=True)
class Taken:
    """A backup that is on the disk."""

    path: Path
    manifest: backups.Manifest


async def take(url: str, target: Path, *, say: Callable[[str], None]) -> Taken:
    """Back up into a new file, or into a folder under a name that tells the moment."""
    await asyncio.to_thread(migrate.ensure_current, url)
    async with connecting.opened(url) as conn, conn.transaction():
        await snapshots.begin(conn)
        now = datetime.now(UTC).replace(microsecond=0)
        path = archive.named(target, now)
        with archive.written(path) as writer:
            manifest = await _write(conn, writer, now, say)
            writer.whole(backups.NAME, backups.text(manifest).encode())
    return Taken(path, manifest)


async def _write(
    conn: psycopg.AsyncConnection, writer: archive.Writer, now: datetime, say: Callable[[str], None]
) -> backups.Manifest:
    server, standing = await condition.server(conn), await condition.standing(conn)
    heads = anchors.text(await chain_heads.heads(conn), taken_at=now)
    tables = []
    for table in await copying.tables(conn):
        with writer.part(backups.table_path(table.name)) as pen:
            rows = await copying.out(conn, table, pen.write)
        tables.append(backups.Table(table.name, tuple(table.columns), rows, pen.part))
        if rows:
            say(f"{table.name}: {rows:,} rows")
    return backups.Manifest(
        taken_at=now,
        postgres=server.version,
        schema=migrate.head_revision() or "",
        mode=standing.mode,
        stripe_account=standing.stripe_account,
        is_demo=standing.is_demo,
        tables=tuple(tables),
        sequences=await copying.sequences(conn),
        anchor=writer.whole(backups.ANCHOR, heads.encode("ascii")),
    )
