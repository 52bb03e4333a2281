"""What `topup restore` does: brings a backup into an empty database and calls it good only when it is proven.

Checksums first, before anything is touched; then schema and rows; then every invariant, every hash, and the anchor. A
restored database is marked: it starts only when `topup adopt` says that it is the one to go on with (fault 94).
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

from topup import errors
from topup.core import anchors, backups
from topup.db import app_role, copying, deployment, migrate, outbox
from topup.runtime import verifying
from topup.runtime.backups import archive, connecting

Say = Callable[[str], None]
ACCOUNTS_SHOWN = 20
UNSENT = "Unsent when the backup was made, so it may have been sent since; it is not sent again."


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody asked for. `anchor` is a later one, kept elsewhere, that tells what is missing."""

    path: Path
    anchor: Path | None = None
    may_erase: bool = False


async def restore(url: str, wanted: Wanted, *, say: Say) -> bool:
    """Restore and verify; whether all is well. Raises before anything is changed when it must not or cannot be done."""
    anchored = verifying.anchored(wanted.anchor)
    with archive.opened(wanted.path) as backup:
        manifest = backup.manifest
        say(f"{manifest.sentence}.")
        if not migrate.knows(manifest.schema):
            raise errors.Unavailable(f"Its schema ({manifest.schema}) is newer than this program: use the newer one.")
        backup.ensure_whole()
        say("Every checksum agrees.")
        heads = anchors.read(backup.anchor)
        async with connecting.opened(url) as conn:
            await _make_room(conn, may_erase=wanted.may_erase)
            await asyncio.to_thread(migrate.upgrade, url, manifest.schema)
            unsent = await _load(conn, backup, say)
    await asyncio.to_thread(migrate.upgrade, url)
    await asyncio.to_thread(app_role.ensure, url)
    async with connecting.opened(url) as conn:
        await copying.analyse(conn)
    outcome = await verifying.compare(url, heads)
    for line in [*outcome.lines, *_unsent(unsent), *_missing(anchored, heads), *_next(manifest)]:
        say(line)
    return outcome.is_well


async def _make_room(conn: psycopg.AsyncConnection, *, may_erase: bool) -> None:
    if others := await copying.others(conn):
        raise errors.Unavailable(f"{others} others are connected to this database: stop serve, worker and all else.")
    if not await copying.has_tables(conn):
        return
    if not may_erase:
        raise errors.Unavailable(
            "The database is not empty, and nothing was changed: name an empty one in DATABASE_URL, or have"
            " everything in this one erased with --erase-what-is-there."
        )
    await copying.erase(conn)


async def _load(conn: psycopg.AsyncConnection, backup: archive.Reader, say: Say) -> int:
    """Fill the tables, all or nothing; how many mails were unsent."""
    manifest = backup.manifest
    await deployment.begin_restore(conn)
    known = {table.name for table in await copying.tables(conn)}
    async with conn.transaction():
        await copying.drop_guards(conn, known)
        await copying.empty(conn, known)
        for table in manifest.tables:
            if table.name not in known:
                say(f"Left aside, since Topup has no such table: {table.name} ({table.rows:,} rows)")
                continue
            rows = await copying.into(conn, table.name, table.columns, backup.chunks(table.path))
            if rows != table.rows:
                raise errors.Unreadable(f"The backup is damaged: {table.name} has {rows} rows, not {table.rows}.")
            if rows:
                say(f"{table.name}: {rows:,} rows")
        for name, last_value in manifest.sequences.items():
            await copying.set_sequence(conn, name, last_value)
        unsent = await outbox.give_up_all(conn, error=UNSENT)
        await deployment.end_restore(conn, restored_from=manifest.taken_at)
        await copying.raise_guards(conn, known)
    return unsent


def _unsent(count: int) -> Iterator[str]:
    if count:
        yield f"{count} mails were unsent when the backup was made; they may have been sent since, and are given up."


def _next(manifest: backups.Manifest) -> Iterator[str]:
    """A demo mails and charges nobody, so it starts unasked."""
    if not manifest.is_demo:
        yield "serve, worker and reconcile refuse this database until `topup adopt` confirms it."


def _missing(anchored: Sequence[anchors.Head], heads: Sequence[anchors.Head]) -> Iterator[str]:
    """What was written after the backup, as far as a later anchor tells."""
    if not anchored:
        return
    missing = anchors.missing(anchored, heads)
    if not missing:
        yield "The anchor names no line that is not here."
        return
    for one in missing[:ACCOUNTS_SHOWN]:
        yield f"missing account {one.account_id}: lines {one.first_seq} to {one.last_seq}, written after the backup"
    if len(missing) > ACCOUNTS_SHOWN:
        yield f"missing and {len(missing) - ACCOUNTS_SHOWN:,} accounts more"
    lines = sum(one.lines for one in missing)
    yield f"The anchor names {lines:,} lines on {len(missing):,} accounts that this backup is too old to have."
