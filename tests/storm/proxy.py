"""A TCP proxy that breaks what passes through it, when it is told to: slow, silent, reset, or an answer lost.

In front of PostgreSQL it reads the protocol's messages, so it can let a COMMIT through, wait until the server has done
it, and then lose the answer. In front of Stripe or a mail server it knows bytes only.
"""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

CHUNK_BYTES = 65_536
QUERY, PARSE, READY = b"Q", b"P", b"Z"
ASKS_FOR_ENCRYPTION = (80877103, 80877104)
COMMIT = b"COMMIT"


@dataclass
class Frames:
    """Cuts one side's bytes into PostgreSQL's messages: a type of one byte, a length, a body.

    A client's first messages have no type; those that ask for encryption are answered by one byte without a frame,
    which the server's side leaves out.
    """

    is_client: bool
    _rest: bytes = b""
    _has_started: bool = field(init=False)

    def __post_init__(self) -> None:
        self._has_started = not self.is_client

    def feed(self, said: bytes) -> list[tuple[bytes, bytes]]:
        """The messages that are complete by now: type and body."""
        self._rest += said
        return list(iter(self._next, None))

    def _next(self) -> tuple[bytes, bytes] | None:
        if not self.is_client and self._rest[:1] in (b"N", b"G") and len(self._rest) == 1:
            self._rest = b""
            return None
        kind_bytes = 1 if self._has_started else 0
        if len(self._rest) < kind_bytes + 4:
            return None
        (length,) = struct.unpack_from("!I", self._rest, kind_bytes)
        end = kind_bytes + length
        if len(self._rest) < end:
            return None
        kind, body = self._rest[:kind_bytes], self._rest[kind_bytes + 4 : end]
        self._rest = self._rest[end:]
        if not self._has_started and struct.unpack_from("!I", body)[0] not in ASKS_FOR_ENCRYPTION:
            self._has_started = True
        return kind, body


def is_commit(kind: bytes, body: bytes) -> bool:
    """Whether a client's message is COMMIT, as a simple query or a parsed one."""
    if kind == QUERY:
        return body.rstrip(b"\0").upper() == COMMIT
    return kind == PARSE and body.split(b"\0")[1].upper() == COMMIT


@dataclass
class Proxy:
    """`losses` is how many of the next answers are lost (to COMMIT, or to anything); the rest is on until it is off."""

    host: str
    port: int
    reads_postgres: bool = True
    losses: int = 0
    lost: int = 0
    delay_seconds: float = 0.0
    is_black_hole: bool = False
    _links: set["_Link"] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until either side ends it or something breaks it."""
        try:
            upstream_reader, upstream_writer = await asyncio.open_connection(self.host, self.port)
        except OSError:
            writer.transport.abort()
            return
        link = _Link(self, reader, writer, upstream_reader, upstream_writer)
        self._links.add(link)
        try:
            await link.carry()
        finally:
            self._links.discard(link)

    def reset(self) -> int:
        """Cut every connection there is, as a crashed router does; how many there were."""
        count = len(self._links)
        for link in list(self._links):
            link.cut()
        return count


@dataclass(eq=False)
class _Link:
    proxy: Proxy
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    upstream_reader: asyncio.StreamReader
    upstream_writer: asyncio.StreamWriter
    is_losing: bool = False

    async def carry(self) -> None:
        pumps = [asyncio.create_task(self._questions()), asyncio.create_task(self._answers())]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.cut()
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    def cut(self) -> None:
        self.writer.transport.abort()
        self.upstream_writer.transport.abort()

    async def _questions(self) -> None:
        frames = Frames(is_client=True)
        while said := await self.reader.read(CHUNK_BYTES):
            await self._wait()
            if self._loses(frames, said):
                self.proxy.losses -= 1
                self.is_losing = True
            self.upstream_writer.write(said)
            await self.upstream_writer.drain()

    async def _answers(self) -> None:
        frames = Frames(is_client=False)
        while answered := await self.upstream_reader.read(CHUNK_BYTES):
            await self._wait()
            if self.is_losing:
                if self._is_done(frames, answered):
                    self.proxy.lost += 1
                    return
                continue
            if self.proxy.reads_postgres:
                frames.feed(answered)
            self.writer.write(answered)
            await self.writer.drain()

    def _loses(self, frames: Frames, said: bytes) -> bool:
        if not self.proxy.reads_postgres:
            return self.proxy.losses > 0 and not self.is_losing
        return any(is_commit(*message) for message in frames.feed(said)) and self.proxy.losses > 0

    def _is_done(self, frames: Frames, answered: bytes) -> bool:
        """Whether the server has done what was asked: it is ready for the next query, or it has begun to answer."""
        return not self.proxy.reads_postgres or any(kind == READY for kind, _ in frames.feed(answered))

    async def _wait(self) -> None:
        await asyncio.sleep(self.proxy.delay_seconds)
        while self.proxy.is_black_hole:  # noqa: ASYNC110 - looked at by everybody, set by a test in a word
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def before(url: str, *, reads_postgres: bool = True) -> AsyncIterator[tuple[Proxy, str]]:
    """A proxy in front of an address, and the address to use instead."""
    parts = urlsplit(url)
    proxy = Proxy(parts.hostname or "", parts.port or 5432, reads_postgres=reads_postgres)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    user, at, _ = parts.netloc.rpartition("@")
    try:
        yield proxy, parts._replace(netloc=f"{user}{at}127.0.0.1:{port}").geturl()
    finally:
        server.close()
        proxy.reset()
        await server.wait_closed()
