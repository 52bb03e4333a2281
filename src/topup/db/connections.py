"""Connections on which money may be decided: to a primary that takes writes, and whose commits are what they seem.

A commit that waits for a synchronous standby in vain succeeds with a warning; whoever takes that for success tells
people what a fail-over forgets. Here it is an error like a lost reply, and resolved like one: by asking again under the
same key.
Used by topup.runtime.house for its pool, and by whatever connects at a start.
"""

import asyncio
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import conninfo as parsing
from typing_extensions import override

from topup.db import sql

# A commit takes milliseconds. Where it waits for a standby that is gone, nobody who asked is still there to be told.
COMMIT_SECONDS_MAX = 5.0
# The function of PostgreSQL's that gives up waiting; its words differ by language.
GAVE_UP_WAITING = "SyncRepWaitForLSN"
# Where an address says otherwise, it wins. A host that vanished without a word is given up after half a minute.
DEFAULTS = {
    "target_session_attrs": "read-write",
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "4",
}


class UnconfirmedCommit(psycopg.OperationalError):
    """It may stand or not: here it does, but no standby has it."""


class WrongServer(psycopg.OperationalError):
    """A server that may not decide about money: a standby, or a primary that another has followed."""


def conninfo(url: str) -> str:
    """An address as libpq takes it, asking for a primary. It may name several hosts."""
    parameters: dict[str, Any] = {**DEFAULTS, **parsing.conninfo_to_dict(url)}
    return parsing.make_conninfo(**parameters)


class Connection(psycopg.AsyncConnection[Any]):
    """A connection that does not take a warning for success."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._has_warned = False
        self.add_notice_handler(self._note)

    @override
    async def commit(self) -> None:
        """Commit, and raise UnconfirmedCommit unless it stands wherever it shall stand."""
        self._has_warned = False
        try:
            async with asyncio.timeout(COMMIT_SECONDS_MAX):
                await super().commit()
        except TimeoutError as fault:
            raise UnconfirmedCommit("The commit took too long, and was not waited for.") from fault
        if self._has_warned:
            raise UnconfirmedCommit("The commit was not confirmed by a standby.")

    def _note(self, diagnostic: psycopg.errors.Diagnostic) -> None:
        self._has_warned = self._has_warned or diagnostic.source_function == GAVE_UP_WAITING


# Only a transaction that wrote something waits at its end; this writes next to nothing and marks no row.
CONFIRM = "SELECT pg_logical_emit_message(true, 'topup', '')"


async def confirm(conn: sql.Connection) -> None:
    """Let this transaction's commit wait until all that it has read is where commits shall be.

    For answers about what another transaction wrote, whose own commit may never have been confirmed. Where rows were
    locked it is not needed: a lock is written, too.
    """
    await sql.value(conn, CONFIRM)


SYSTEM = "SELECT system_identifier::text, pg_is_in_recovery() FROM pg_control_system()"
# Read from the WAL that is being written: the control file learns of a promotion a little later.
TIMELINE = "SELECT ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int"


class Primary:
    """What a process has seen of its database: which server, and after how many fail-overs.

    A former primary that comes back still believes that it is one, and so does its data; only those who have seen its
    successor can tell (fault 23).
    """

    def __init__(self) -> None:
        self._system = ""
        self._timeline = 0

    async def check(self, conn: sql.Connection) -> None:
        """Refuse a new connection to the wrong server; for a pool's `configure`."""
        [(system, is_standby)] = await sql.pairs(conn, SYSTEM)
        if is_standby:
            raise WrongServer("This server is a standby.")
        if self._system not in ("", system):
            raise WrongServer("This server has another database than the one that was there before.")
        timeline = await _timeline(conn)
        if timeline < self._timeline:
            raise WrongServer("This server was the primary before the last fail-over, and still believes to be it.")
        await conn.rollback()
        self._system, self._timeline = system, timeline


async def _timeline(conn: sql.Connection) -> int:
    """How many times a standby became the primary, and one; 0 where a managed PostgreSQL does not tell."""
    try:
        return int(await sql.value(conn, TIMELINE))
    except (psycopg.errors.FeatureNotSupported, psycopg.errors.UndefinedFunction, psycopg.errors.InsufficientPrivilege):
        return 0


@dataclass(frozen=True, slots=True)
class Host:
    """One of the servers that an address names, as it was found: `takes_writes` is None where it was not reached."""

    name: str
    takes_writes: bool | None = None
    is_durable: bool = True


LOOK = """
    SELECT NOT pg_is_in_recovery() AND NOT current_setting('transaction_read_only')::boolean AS takes_writes,
        current_setting('fsync')::boolean AND current_setting('full_page_writes')::boolean AS is_durable
"""


def look(url: str) -> list[Host]:
    """Ask every server that an address names whether it takes writes."""
    return [_look(parameters) for parameters in _each_host(url)]


def _look(parameters: dict[str, Any]) -> Host:
    name = f"{parameters.get('host') or parameters.get('hostaddr') or 'the local socket'}"
    if port := parameters.get("port"):
        name = f"{name}:{port}"
    try:
        asked = parsing.make_conninfo(**{**DEFAULTS, **parameters, "target_session_attrs": "any"})
        with psycopg.connect(asked) as conn:
            found = conn.execute(LOOK).fetchone()
    except psycopg.Error:
        return Host(name)
    return Host(name, *found) if found else Host(name)


def _each_host(url: str) -> list[dict[str, Any]]:
    parameters = parsing.conninfo_to_dict(url)
    several = {name: str(parameters.get(name) or "").split(",") for name in ("host", "hostaddr", "port")}
    count = max(map(len, several.values()))
    return [
        {**parameters, **{name: values[place if len(values) > 1 else 0] or None for name, values in several.items()}}
        for place in range(count)
    ]
