"""Starts processes of the application for storms, knows at once when one has died, and tells them what to do."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from tests.storm.nursery import WEB

ROOT = Path(__file__).parents[2]
START_SECONDS_MAX = 60


class Died(Exception):
    """The process is not there any more."""


class Process:
    """One running process; `port` is where a web process answers."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._answers: IO[bytes] = line.makefile("rb")
        told = json.loads(self._answers.readline() or b"{}")
        if not told:
            raise Died
        self.pid: int = told["pid"]
        self.url = f"http://127.0.0.1:{told['port']}"

    @property
    def is_alive(self) -> bool:
        if self._answers.closed:
            return False
        try:
            return self._line.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) != b""
        except BlockingIOError:
            return True
        except OSError:
            return False

    def tell(self, act: str, **more: object) -> dict[str, Any]:
        """Have something done; raises Died when it dies on the way."""
        try:
            self._line.sendall(json.dumps({"act": act, **more}).encode() + b"\n")
            answer = self._answers.readline()
        except OSError as fault:
            raise Died from fault
        if not answer:
            raise Died
        return json.loads(answer)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone; fine when it is gone already."""
        if self._answers.closed:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            while self._answers.readline():
                pass
        self._answers.close()
        self._line.close()

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)


class Nursery:
    """Where processes come from."""

    def __init__(self, folder: Path, log: IO[bytes]) -> None:
        self._address = str(folder / "line")
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self._address)
        self._listener.listen()
        self._listener.settimeout(START_SECONDS_MAX)
        self._program = subprocess.Popen(
            [sys.executable, "-m", "tests.storm.nursery"],
            stdin=subprocess.PIPE,
            stderr=log,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"},
        )
        self._started: list[Process] = []

    def start(self, settings: dict[str, Any], *, role: str = WEB, port: int = 0) -> Process:
        """A new process, once it is ready."""
        orders = {"settings": settings, "role": role, "port": port, "socket": self._address}
        assert self._program.stdin is not None
        self._program.stdin.write(json.dumps(orders).encode() + b"\n")
        self._program.stdin.flush()
        line, _ = self._listener.accept()
        process = Process(line)
        self._started.append(process)
        return process

    def close(self) -> None:
        """Kill all that is left."""
        for process in self._started:
            process.kill()
        assert self._program.stdin is not None
        self._program.stdin.close()
        self._program.wait()
        self._listener.close()


@contextlib.contextmanager
def nursery(log: Path) -> Iterator[Nursery]:
    """One for the length of a block; what its processes log goes to a file."""
    # Not pytest's folder: the address of a socket must be short.
    with tempfile.TemporaryDirectory() as folder, log.open("wb") as written:
        opened = Nursery(Path(folder), written)
        try:
            yield opened
        finally:
            opened.close()
