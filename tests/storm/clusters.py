"""PostgreSQL servers of a test's own, two of which follow one another: made, killed, promoted and brought back.

From the system's packages where there are any, the oldest first, else from those of the embedded one.
"""

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from topup.runtime.embedded import home as homes

QUICK = ("fsync=off", "full_page_writes=off", "wal_keep_size=64MB", "checkpoint_timeout=1h", "log_min_messages=fatal")
PASSWORD = secrets.token_hex(8)


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@dataclass
class Cluster:
    """One server's data and port."""

    binaries: Path
    data: Path
    user: pwd.struct_passwd | None
    port: int = field(default_factory=_free_port)

    @property
    def url(self) -> str:
        return f"postgresql://topup:{PASSWORD}@127.0.0.1:{self.port}/postgres"

    def run(self, program: str, *arguments: str) -> None:
        """One of PostgreSQL's programs, as the servers' user."""
        done = subprocess.run(
            [str(self.binaries / program), *arguments],
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC", "PGPASSWORD": PASSWORD},
            cwd=self.data.parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            user=self.user.pw_uid if self.user else None,
            group=self.user.pw_gid if self.user else None,
            extra_groups=[] if self.user else None,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, f"{program}: {done.stderr}"

    def make(self, *options: str) -> None:
        words = self.data.parent / f"{self.data.name}.password"
        words.write_text(PASSWORD)
        words.chmod(0o644)
        given = ("--username=topup", f"--pwfile={words}", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C")
        self.run("initdb", f"--pgdata={self.data}", *given, "--no-sync", *options)
        with (self.data / "pg_hba.conf").open("a") as rules:
            rules.write("host replication topup 127.0.0.1/32 scram-sha-256\n")

    def follow(self, primary: "Cluster", name: str) -> None:
        """Become a copy of a running primary, to follow it under that name."""
        source = f"host=127.0.0.1 port={primary.port} user=topup password={PASSWORD} application_name={name}"
        self.run("pg_basebackup", f"--pgdata={self.data}", f"--dbname={source}", "-R", "--checkpoint=fast", "--no-sync")

    def start(self, *settings: str) -> None:
        given = [f"-c {one}" for one in (*QUICK, *settings, f"port={self.port}", "listen_addresses=127.0.0.1")]
        options = " ".join([*given, "-c unix_socket_directories=''"])
        log = f"--log={self.data.parent / self.data.name}.log"
        self.run("pg_ctl", "start", f"--pgdata={self.data}", log, "--wait", f"--options={options}")

    def promote(self) -> None:
        self.run("pg_ctl", "promote", f"--pgdata={self.data}", "--wait")

    def stop(self, mode: str = "immediate") -> None:
        """As a power cut by default: nothing is finished and nothing written."""
        self.run("pg_ctl", "stop", f"--pgdata={self.data}", f"--mode={mode}", "--wait")

    def processes(self) -> list[int]:
        """The server and all that it started."""
        if not (self.data / "postmaster.pid").exists():
            return []
        first = int((self.data / "postmaster.pid").read_text().splitlines()[0])
        children = Path(f"/proc/{first}/task/{first}/children")
        return [first, *map(int, children.read_text().split() if children.exists() else ())]

    def execute(self, statement: str) -> list[Any]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def wait_for(self, question: str) -> None:
        """Until a question is answered with true, within twenty seconds."""
        deadline = time.monotonic() + 20
        while not self.execute(question)[0][0]:
            assert time.monotonic() < deadline, question
            time.sleep(0.05)


@contextlib.contextmanager
def workshop() -> Iterator["Workshop"]:
    """A place for servers; all that run are stopped at its end, and everything deleted."""
    binaries = _binaries()
    folder = Path(tempfile.mkdtemp(prefix="topup-clusters-", dir="/tmp"))
    user = homes.unprivileged() if os.geteuid() == 0 else None
    made = Workshop(folder, binaries, user)
    try:
        if user:
            os.chown(folder, user.pw_uid, user.pw_gid)
        yield made
    finally:
        for cluster in made.clusters:
            for process in cluster.processes():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGCONT)
            with contextlib.suppress(AssertionError):
                cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Workshop:
    """Where clusters are made."""

    folder: Path
    binaries: Path
    user: pwd.struct_passwd | None
    clusters: list[Cluster] = field(default_factory=list)

    def cluster(self, name: str) -> Cluster:
        """One that is not made yet."""
        self.clusters.append(Cluster(self.binaries, self.folder / name, self.user))
        return self.clusters[-1]


def _binaries() -> Path:
    """The system's where there are any, else the package's, which root's servers cannot reach."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[4]))
    if found:
        return found[0].parent
    if os.geteuid() == 0:
        pytest.skip("no PostgreSQL of the system's here, and root cannot run the package's: install postgresql")
    return homes._installed() / homes.INSTALL / "bin"
