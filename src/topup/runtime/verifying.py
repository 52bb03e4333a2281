"""What `topup verify` does: finds the database, has it verified, keeps the anchor, and puts the findings into words.

Where the environment names no database, the demo that is kept on this machine is looked at, running or not.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import psycopg
import psycopg_pool
import sqlalchemy.exc

from topup import errors
from topup.core import anchors
from topup.db import invariants, migrate
from topup.flows import verify
from topup.runtime import demo, house
from topup.settings import Settings


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it went, in lines to be printed; `is_well` is whether everything holds."""

    is_well: bool
    lines: tuple[str, ...]


@contextlib.contextmanager
def database_url(given: Settings, data: Path | None) -> Iterator[str]:
    """The address of the database to look at, which runs meanwhile."""
    with demo.meant(given, data) as settings:
        url = settings.database_url.get_secret_value()
        if not url:
            raise errors.Unavailable("DATABASE_URL is not set, and no demo is kept here.")
        yield url


async def run(url: str, *, anchor: Path | None) -> Outcome:
    """Verify a database. An anchor that is there is compared; it is renewed, or made, only when all is well."""
    kept = anchored(anchor)
    started = time.monotonic()
    report = await _verify_reachable(url, kept)
    seconds = time.monotonic() - started
    if anchor is not None and not report.breaches:
        _replace(anchor, anchors.text(report.heads, taken_at=datetime.now(UTC)))
    return Outcome(not report.breaches, tuple(_lines(report, seconds)))


async def compare(url: str, heads: Sequence[anchors.Head]) -> Outcome:
    """Verify a database that shall end exactly where an anchor does: no line less, and none more."""
    started = time.monotonic()
    report = await _verify_reachable(url, heads)
    lines = list(_lines(report, time.monotonic() - started))
    is_same = sorted(report.heads, key=_place) == sorted(heads, key=_place)
    lines.append(
        "The last line of every account is the one that the backup names."
        if is_same
        else "BROKEN The last lines of the accounts are not those that the backup names."
    )
    return Outcome(is_same and not report.breaches, tuple(lines))


def _place(head: anchors.Head) -> UUID:
    return head.account_id


async def _verify_reachable(url: str, heads: Sequence[anchors.Head]) -> verify.Report:
    try:
        return await _verify(url, heads)
    except (psycopg.OperationalError, sqlalchemy.exc.OperationalError, psycopg_pool.PoolTimeout) as fault:
        raise errors.Unavailable("The database cannot be reached, or was lost on the way.") from fault


async def _verify(url: str, heads: Sequence[anchors.Head]) -> verify.Report:
    await asyncio.to_thread(migrate.ensure_current, url)
    async with psycopg_pool.AsyncConnectionPool(
        url,
        min_size=1,
        max_size=verify.CONNECTIONS,
        timeout=house.WAIT_FOR_CONNECTION_SECONDS,
        kwargs={"options": house.CONNECTION_OPTIONS},
        open=False,
        name="verify",
    ) as pool:
        return await verify.verify(pool, anchored=heads)


def _lines(report: verify.Report, seconds: float) -> Iterator[str]:
    for breach in report.breaches:
        yield f"BROKEN {breach.name}: {breach.what}. {breach.sentence}"
    for breach in report.late:
        yield f"late   {breach.name}: {breach.what}. {breach.sentence}"
    for account_id in sorted(report.frozen):
        yield f"frozen account {account_id}: nothing goes out of it until somebody has looked at it."
    lines = sum(head.seq for head in report.heads)
    seen = f"{lines:,} lines on {len(report.heads):,} accounts, seen at one moment, {seconds:.1f} s"
    if report.breaches:
        yield f"{len({breach.name for breach in report.breaches})} of {len(invariants.ALL)} invariants broken: {seen}."
    else:
        yield f"All {len(invariants.ALL)} invariants hold: {seen}."


def anchored(anchor: Path | None) -> list[anchors.Head]:
    """The heads in an anchor's file; none where there is no such file yet."""
    if anchor is None or not anchor.exists():
        return []
    try:
        return anchors.read(anchor.read_text(encoding="ascii"))
    except (OSError, UnicodeDecodeError) as fault:
        raise errors.Unreadable(f"{anchor} cannot be read as an anchor: {fault}.") from fault


def _replace(anchor: Path, text: str) -> None:
    """Write the whole file or leave the old one."""
    new = anchor.with_name(f"{anchor.name}.new")
    try:
        new.write_text(text, encoding="ascii")
        new.replace(anchor)
    except OSError as fault:
        raise errors.Unavailable(f"The anchor {anchor} cannot be written: {fault.strerror}.") from fault
