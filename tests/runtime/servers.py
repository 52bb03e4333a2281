"""What tests of the embedded PostgreSQL do to a server and ask it: who it is, whether it is up, what it remembers.

Servers are told apart by when they started, and killed by the id that they wrote down themselves.
"""

import contextlib
import datetime as dt
import os
import socketserver
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Generator
from pathlib import Path

import psycopg

from topup.runtime import embedded

QUICK = {"fsync": "off"}
SRC = Path(__file__).parents[2] / "src"
SUPERVISOR = """
    import sys
    from pathlib import Path
    import psycopg
    from topup.runtime import embedded

    server = embedded.start(Path(sys.argv[1]), settings={"fsync": "off"})
    with psycopg.connect(server.dsn) as connection:
        print(*connection.execute("SELECT pg_postmaster_start_time()").fetchone(), flush=True)
    sys.stdin.read()
    embedded.stop(server)
"""


def python_path() -> dict[str, str]:
    """An environment in which any Python of this version finds our packages."""
    packages = Path(psycopg.__file__).parent.parent
    return {"PYTHONPATH": f"{SRC}{os.pathsep}{packages}", "PYTHONDONTWRITEBYTECODE": "1"}


@contextlib.contextmanager
def supervising(folder: Path) -> Generator[subprocess.Popen[str]]:
    """Another process with a server in this folder; it says when that server started, and stops when its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SUPERVISOR), str(folder)],
        env={**os.environ, **python_path()},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield process


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@contextlib.contextmanager
def stranger(server: embedded.Server) -> Generator[subprocess.Popen[bytes]]:
    """A living process of the server's user that has nothing to do with PostgreSQL."""
    process = subprocess.Popen(["sleep", "600"], user=server.home.user, cwd="/")
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def taker(host: str, port: int) -> Generator[None]:
    """Something else on a port, that hangs up on whoever calls."""

    class Taker(socketserver.TCPServer):
        allow_reuse_address = True

    with Taker((host, port), socketserver.BaseRequestHandler) as taker:
        thread = threading.Thread(target=taker.serve_forever, args=[0.01])
        thread.start()
        yield
        taker.shutdown()
        thread.join()


def settings(server: embedded.Server, *names: str) -> list[str]:
    with psycopg.connect(server.dsn) as connection:
        rows = [connection.execute("SELECT current_setting(%s)", [name]).fetchall() for name in names]
    return [value for ((value,),) in rows]


def started_at(server: embedded.Server) -> dt.datetime:
    with psycopg.connect(server.dsn) as connection:
        ((started_at,),) = connection.execute("SELECT pg_postmaster_start_time()").fetchall()
    return started_at


def process(server: embedded.Server) -> int:
    return int((server.home.data / "postmaster.pid").read_text().splitlines()[0])


def command_line(server: embedded.Server) -> str:
    with contextlib.suppress(FileNotFoundError):
        return Path(f"/proc/{process(server)}/cmdline").read_text()
    return subprocess.check_output(["ps", "-o", "args=", "-p", str(process(server))], text=True)


def is_up(server: embedded.Server) -> bool:
    with contextlib.suppress(psycopg.OperationalError), psycopg.connect(server.dsn):
        return True
    return False


def is_gone(process_id: int) -> bool:
    """Whether it ended, within ten seconds; one that waits for its adopter to notice has ended, too."""
    for _ in range(500):
        if _state(process_id) in ("", "Z"):
            return True
        time.sleep(0.02)
    return False


def _state(process_id: int) -> str:
    """The letter that ps shows; empty if there is no such process. A small Linux has no ps."""
    if Path("/proc/self/stat").exists():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            return Path(f"/proc/{process_id}/stat").read_text().rpartition(") ")[2][:1]
        return ""
    ps = subprocess.run(["ps", "-o", "stat=", "-p", str(process_id)], capture_output=True, text=True, check=False)
    return ps.stdout[:1]


def write(server: embedded.Server, word: str) -> None:
    with psycopg.connect(server.dsn) as connection:
        connection.execute("INSERT INTO words VALUES (%s)", [word])


def read(server: embedded.Server) -> list[str]:
    with psycopg.connect(server.dsn) as connection:
        return [word for (word,) in connection.execute("SELECT word FROM words")]
