"""A PostgreSQL that is killed and started again: durable, as a deployment's is, and on the same port each time."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psycopg

from topup.db import migrate
from topup.runtime import embedded
from topup.runtime.embedded import postmaster

SETTINGS = {"max_connections": "60"}


class Server:
    """One server with one database of ours."""

    def __init__(self, folder: Path) -> None:
        self._server = embedded.start(folder, settings=SETTINGS)
        self.url = self._server.dsn_for("topup")
        self.restarts = 0

    def furnish(self) -> None:
        with psycopg.connect(self._server.dsn, autocommit=True) as conn:
            conn.execute("CREATE DATABASE topup TEMPLATE template0")
        migrate.upgrade(self.url)

    async def crash(self, number: int) -> None:
        """End it at once by a signal: SIGQUIT is its immediate stop, SIGKILL a crash. Then start it again."""
        process = int((self._server.home.data / "postmaster.pid").read_text(encoding="utf-8").split()[0])
        os.kill(process, number)
        await asyncio.to_thread(self._start_again)
        self.restarts += 1

    def _start_again(self) -> None:
        if process := postmaster._launched.get(self._server.home.path):
            process.wait()
        postmaster.ensure(self._server.home, SETTINGS)

    def close(self) -> None:
        embedded.stop(self._server)


IMMEDIATELY, BY_CRASH = signal.SIGQUIT, signal.SIGKILL


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Server]:
    """A server for the length of a block."""
    server = Server(folder)
    try:
        server.furnish()
        yield server
    finally:
        server.close()
        embedded.erase(folder)
