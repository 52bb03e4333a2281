"""A TCP proxy in front of PostgreSQL that forwards COMMIT and then drops the answer, when it is told to."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

COMMIT = b"COMMIT\x00"


class Proxy:
    """`losses` is how many of the next commits lose their answer."""

    def __init__(self, host: str, port: int) -> None:
        self.losses = 0
        self.lost = 0
        self._upstream = (host, port)
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until either side ends it or an answer is lost."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        with contextlib.closing(writer), contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            upstream_reader, upstream_writer = await asyncio.open_connection(*self._upstream)
            with contextlib.closing(upstream_writer):
                answers = asyncio.create_task(_pump(upstream_reader, writer))
                try:
                    await self._questions(reader, upstream_writer, upstream_reader, answers)
                finally:
                    answers.cancel()
                    await asyncio.gather(answers, return_exceptions=True)
        self._tasks.discard(task)

    async def stop(self) -> None:
        """End what is left."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _questions(
        self,
        reader: asyncio.StreamReader,
        upstream_writer: asyncio.StreamWriter,
        upstream_reader: asyncio.StreamReader,
        answers: "asyncio.Task[None]",
    ) -> None:
        while said := await reader.read(65_536):
            if self.losses and COMMIT in said:
                self.losses -= 1
                self.lost += 1
                answers.cancel()
                await asyncio.gather(answers, return_exceptions=True)
                upstream_writer.write(said)
                await upstream_reader.read(1)  # the server has committed and answers: nobody will hear it
                return
            upstream_writer.write(said)
            await upstream_writer.drain()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while answered := await reader.read(65_536):
            writer.write(answered)
            await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def before(database_url: str) -> AsyncIterator[tuple[Proxy, str]]:
    """A proxy in front of a database, and the address to use instead."""
    parts = urlsplit(database_url)
    proxy = Proxy(parts.hostname or "", parts.port or 5432)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    user = parts.netloc.rpartition("@")[0]
    try:
        yield proxy, parts._replace(netloc=f"{user}@127.0.0.1:{port}").geturl()
    finally:
        server.close()
        await proxy.stop()
        await server.wait_closed()
