"""Runs the application under uvicorn on one socket, until a signal, the end of standard input, or the caller.

`serve` is what the command line runs; tests run it in a thread. The port is bound before the application is built,
because the objects hold the sandbox's own address.
"""

import asyncio
import contextlib
import dataclasses
import os
import signal
import socket
import stat
import sys
from collections.abc import Callable, Iterator
from typing import Final

import uvicorn
from typing_extensions import override

from stripe_sandbox import app
from stripe_sandbox.connection import Protocol
from stripe_sandbox.settings import Settings

STDIN_CHUNK: Final = 4096
BACKLOG: Final = 512


class Server(uvicorn.Server):
    """uvicorn without its own way with signals: here they mean a clean exit with status 0."""

    @override
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to `serve`."""
        yield

    def stop(self) -> None:
        """End the server; asked a second time, at once."""
        self.force_exit = self.should_exit
        self.should_exit = True


def bind(host: str, port: int) -> socket.socket:
    """Return a socket listening at the address; port 0 picks a free one.

    It listens at once, since of two that are merely bound to one port the later fails only when it listens.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends without delay only on sockets that say they are TCP; otherwise each small answer costs 40 ms.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        bound.listen(BACKLOG)
    except OSError:
        bound.close()
        raise
    return bound


def handed_over(number: int) -> socket.socket:
    """Return the listening socket that the parent opened, by its number in this process."""
    return socket.socket(fileno=number)


def address(bound: socket.socket) -> str:
    """Return the address of a bound socket as a URL."""
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def serve(
    settings: Settings,
    bound: socket.socket,
    *,
    on_ready: Callable[[Server], None],
    exits_with_parent: bool = False,
    handles_signals: bool = True,
) -> None:
    """Serve until stopped. `on_ready` is called once the sandbox listens."""
    config = uvicorn.Config(
        app.build(settings),
        http=Protocol,
        ws="none",
        log_level="error",
        access_log=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=2,
        server_header=False,
    )
    server = Server(config)
    if handles_signals:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, server.stop)
    running = asyncio.create_task(server.serve(sockets=[bound]))
    # uvicorn tells nobody that it has started, so it is asked.
    while not server.started and not running.done():  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    if server.started:
        on_ready(server)
    parent = asyncio.create_task(_watch_parent(server)) if exits_with_parent else None
    await running
    if parent:
        parent.cancel()


async def _watch_parent(server: Server) -> None:
    """Stop when standard input ends, as it does when the parent dies, however it dies."""
    mode = os.fstat(sys.stdin.fileno()).st_mode
    # Input that cannot be waited for, such as a file or /dev/null, is at its end already.
    if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or sys.stdin.isatty():
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while await reader.read(STDIN_CHUNK):
            pass
    server.stop()


def with_address(settings: Settings, bound: socket.socket) -> Settings:
    """Return the settings with the address that the sandbox is really at."""
    return settings if settings.public_url else dataclasses.replace(settings, public_url=address(bound))
