"""Runs the application under uvicorn on one bound socket until it is told to stop.

The socket is bound before the application is built, so that a taken port is a sentence and not a traceback. Signals are
the command line's business; what is being answered when the end comes is answered first.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator

import uvicorn
from fastapi import FastAPI
from typing_extensions import override

from topup import errors
from topup.settings import Settings
from topup.web import connections

BACKLOG = 2048
KEEP_ALIVE_SECONDS = 65
LAST_ANSWERS_SECONDS = 10


class _Server(uvicorn.Server):
    """uvicorn without its own way with signals, and saying when it listens."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()

    @override
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def bind(host: str, port: int) -> socket.socket:
    """A socket listening at the address; port 0 picks a free one.

    It listens at once, since of two that are merely bound to one port the later fails only when it listens.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named as TCP, since asyncio switches off the waiting of small answers (Nagle) only where it knows that.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        bound.listen(BACKLOG)
    except OSError as fault:
        bound.close()
        raise errors.Unavailable(
            f"Port {port} on {host} cannot be used: {fault.strerror}.", code="port_taken"
        ) from fault
    return bound


async def serve(
    app: FastAPI,
    bound: socket.socket,
    *,
    settings: Settings,
    stop: asyncio.Event,
    on_ready: Callable[[], None] = lambda: None,
) -> None:
    """Answer requests until `stop` is set. `on_ready` is called once the first can come."""
    config = uvicorn.Config(
        app,
        http=connections.Connection,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=BACKLOG,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies or None,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=LAST_ANSWERS_SECONDS,
    )
    server = _Server(config, on_ready)
    async with asyncio.TaskGroup() as group:
        group.create_task(_stop(server, stop))
        await server.serve(sockets=[bound])
        stop.set()


async def _stop(server: uvicorn.Server, stop: asyncio.Event) -> None:
    await stop.wait()
    server.should_exit = True
