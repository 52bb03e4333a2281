"""Finds, starts and stops the one server process of a home.

Whether a server is ours is asked of the server: it must prove that it knows our random password (SCRAM works both
ways) and name our data directory. A process id proves nothing, since after a crash it may be anybody's. Data is safe
even where this errs: PostgreSQL itself refuses a second server on memory that a first one still uses, and we never
touch its lock file. Called inside a turn only.
"""

import contextlib
import enum
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import psycopg

from topup import errors
from topup.runtime.embedded import cluster, programs
from topup.runtime.embedded import home as homes

HOST = "127.0.0.1"
START_WAIT_SECONDS = 120
STOP_WAIT_SECONDS = 30
DEFAULT_SETTINGS = {
    "autovacuum_naptime": "15s",
    "fsync": "on",
    "full_page_writes": "on",
    "jit": "off",
    "lc_messages": "C",
    "log_error_verbosity": "terse",
    "log_timezone": "UTC",
    "max_connections": "100",
    "max_wal_size": "256MB",
    "password_encryption": "scram-sha-256",
    "shared_buffers": "64MB",
    "synchronous_commit": "on",
    "timezone": "UTC",
}
# Ours alone to set: a server on another address, or with a socket file, is not one that start() would find again.
FIXED_SETTINGS = {"listen_addresses": HOST, "unix_socket_directories": ""}

# Parent of whatever we launched, so that a stopped server is not left as a zombie; keyed by home.
_launched: dict[Path, subprocess.Popen[bytes]] = {}


class Answer(enum.Enum):
    """What came back from the remembered port."""

    OURS = enum.auto()
    BUSY = enum.auto()
    NOT_OURS = enum.auto()


def ensure(home: homes.Home, settings: Mapping[str, str]) -> int:
    """Have our server running, started now unless it runs already; its port."""
    give_up_at = time.monotonic() + START_WAIT_SECONDS
    while _answer_when_not_busy(home, give_up_at) is not Answer.OURS and not _start(home, settings, give_up_at):
        if time.monotonic() > give_up_at:
            raise errors.Unavailable(
                programs.with_log(
                    home, "PostgreSQL does not start, because an earlier one on the same data has not ended."
                )
            )
        time.sleep(0.1)
    return port(home) or 0


def stop(home: homes.Home) -> None:
    """End our server with a clean shutdown, or without one if that takes too long; no server is fine too."""
    process = _process_to_stop(home)
    if process is None:
        return
    for how in (signal.SIGINT, signal.SIGQUIT):
        give_up_at = time.monotonic() + STOP_WAIT_SECONDS
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, how)
        while time.monotonic() < give_up_at:
            if _has_ended(home, process):
                return
            time.sleep(0.02)
    raise errors.Unavailable(programs.with_log(home, f"PostgreSQL (process {process}) does not stop."))


def port(home: homes.Home) -> int | None:
    """The port of the last start."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        return int(home.port.read_text(encoding="utf-8"))
    return None


def ask(home: homes.Home) -> Answer:
    """Find out whether our server answers at the remembered port."""
    known_port = port(home)
    if known_port is None or not home.password.exists():
        return Answer.NOT_OURS
    try:
        with psycopg.connect(
            host=HOST,
            hostaddr=HOST,
            port=known_port,
            user=cluster.OWNER,
            password=home.password.read_text(encoding="utf-8").strip(),
            dbname="postgres",
            connect_timeout=3,
            sslmode="disable",
            gssencmode="disable",
            require_auth="scram-sha-256",
            options="",
            autocommit=True,
        ) as connection:
            row = connection.execute("SELECT current_setting('data_directory')").fetchone()
    except psycopg.OperationalError as error:
        # Refusals come before anybody has proved anything, and libpq hands on their text alone.
        passing = ("the database system is", "too many clients", "remaining connection slots")
        return Answer.BUSY if any(words in str(error) for words in passing) else Answer.NOT_OURS
    return Answer.OURS if row is not None and Path(row[0]) == home.data else Answer.NOT_OURS


def _answer_when_not_busy(home: homes.Home, give_up_at: float) -> Answer:
    while (answer := ask(home)) is Answer.BUSY:
        if time.monotonic() > give_up_at:
            raise errors.Unavailable(programs.with_log(home, f"PostgreSQL on port {port(home)} takes no connections."))
        time.sleep(0.05)
    return answer


def _start(home: homes.Home, settings: Mapping[str, str], give_up_at: float) -> bool:
    """Launch once; false if it makes sense to try again, because the port was taken or an earlier server is ending."""
    _living_child(home)
    programs.trim_log(home)
    log_offset = programs.log_size(home)
    chosen = {**DEFAULT_SETTINGS, **settings, **FIXED_SETTINGS, "port": str(_choose_port(home))}
    process = programs.launch(
        home,
        "postgres",
        "-D",
        str(home.data),
        *(f"--{name}={value}" for name, value in chosen.items()),
        environment=_disown_stale_process(home),
    )
    _launched[home.path] = process
    while process.poll() is None and time.monotonic() < give_up_at:
        if ask(home) is Answer.OURS:
            return True
        time.sleep(0.02)
    if process.poll() is None:
        process.send_signal(signal.SIGQUIT)
        process.wait(STOP_WAIT_SECONDS)
    said = programs.log_since(home.log, log_offset)
    passing = ("could not create any TCP/IP sockets", "pre-existing shared memory block", "lock file")
    if any(words in said for words in passing):
        return False
    raise errors.Unavailable(programs.with_log(home, "PostgreSQL did not start."))


def _disown_stale_process(home: homes.Home) -> dict[str, str]:
    """Tell PostgreSQL that the process in its stale lock file is not a server of ours, since the connection said so.

    After a crash the number may belong to a live stranger of the same user, and PostgreSQL would refuse for ever. It
    ignores the id of its grandparent, and takes our word for which that is.
    """
    process = _process_id(home)
    return {} if process is None else {"PG_GRANDPARENT_PID": str(process)}


def _process_id(home: homes.Home) -> int | None:
    """The process named by PostgreSQL's lock file."""
    with contextlib.suppress(FileNotFoundError, IndexError, ValueError):
        return abs(int((home.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0]))
    return None


def _choose_port(home: homes.Home) -> int:
    """The port of last time if it is free, so that addresses people noted stay right; else any free one."""
    chosen = _free_port(port(home) or 0) or _free_port(0)
    home.port.write_text(f"{chosen}\n", encoding="utf-8")
    return chosen


def _free_port(wanted: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, wanted))
        except OSError:
            return 0
        return int(probe.getsockname()[1])


def _process_to_stop(home: homes.Home) -> int | None:
    """The server's process: our own child for certain, another's by its lock file once the connection proved it."""
    if child := _living_child(home):
        return child.pid
    give_up_at = time.monotonic() + STOP_WAIT_SECONDS
    return _process_id(home) if _answer_when_not_busy(home, give_up_at) is Answer.OURS else None


def _living_child(home: homes.Home) -> subprocess.Popen[bytes] | None:
    """The server that this process launched, if it still runs; reaps it if not."""
    child = _launched.get(home.path)
    if child is not None and child.poll() is not None:
        del _launched[home.path]
        return None
    return child


def _has_ended(home: homes.Home, process: int) -> bool:
    """Whether it let go of the data; removing its lock file is the last thing a server does."""
    child = _launched.get(home.path)
    if child is not None and child.pid == process:
        return _living_child(home) is None
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return _process_id(home) != process
