"""Slow, endless and huge requests on a real socket: each is cut off, and others are served meanwhile (fault 83)."""

import asyncio
import contextlib
import json
import resource
import time
import zlib
from collections.abc import AsyncIterator

import httpx2
import pytest

from tests.web.conftest import ORIGIN
from topup.runtime.house import House
from topup.web import app as application
from topup.web import body_limit, connections, serving

HEAD = b"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
SOCKETS = 200


@pytest.fixture
async def port(house: House, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    """The application on a real socket, with the same bounds, only shorter."""
    monkeypatch.setattr(connections, "HEAD_SECONDS", 1.5)
    monkeypatch.setattr(connections, "UNREAD_SECONDS", 1.5)
    monkeypatch.setattr(body_limit, "PAUSE_SECONDS_MAX", 1.5)
    monkeypatch.setattr(body_limit, "BODY_SECONDS_MAX", 4.0)
    bound, stop, ready = serving.bind("127.0.0.1", 0), asyncio.Event(), asyncio.Event()
    with contextlib.closing(bound):
        async with asyncio.TaskGroup() as tasks:
            app = application.create_app(house)
            tasks.create_task(serving.serve(app, bound, settings=house.settings, stop=stop, on_ready=ready.set))
            await ready.wait()
            try:
                yield bound.getsockname()[1]
            finally:
                stop.set()


async def answered(port: int, *parts: bytes, pause_seconds: float = 0.0, within_seconds: float = 15) -> bytes:
    """What comes back until the server closes; a part may find that it has."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    got = asyncio.create_task(_read(reader))
    try:
        with contextlib.suppress(ConnectionError):
            for part in parts:
                if got.done():
                    break
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(pause_seconds)
        async with asyncio.timeout(within_seconds):
            return await got
    finally:
        got.cancel()
        writer.close()


async def _read(reader: asyncio.StreamReader) -> bytes:
    """All that comes, also where the connection is reset after it."""
    got = b""
    with contextlib.suppress(ConnectionError):
        while part := await reader.read(65_536):
            got += part
    return got


async def is_well(port: int) -> bool:
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        return (await client.get("/health")).status_code == 200


async def test_hundreds_that_say_nothing_are_shown_out_and_others_are_served(port: int) -> None:
    """Slowloris: half a head, then a header now and then, for ever."""

    async def drip() -> float:
        began = time.monotonic()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.suppress(ConnectionError):
            writer.write(HEAD)
            while not reader.at_eof() and time.monotonic() - began < 30:
                writer.write(b"X-Drip: 1\r\n")
                await writer.drain()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.4):
                        await reader.read(1)
        writer.close()
        return time.monotonic() - began

    attack = [asyncio.create_task(drip()) for _ in range(SOCKETS)]
    await asyncio.sleep(0.3)
    assert await is_well(port)
    spent = await asyncio.gather(*attack)
    assert max(spent) < 25
    assert await answered(port) == b"", "a connection without a word is closed too"


async def test_a_body_that_stops_coming_is_not_waited_for(port: int) -> None:
    stopped = await answered(port, HEAD + b"Content-Length: 100\r\n\r\n", b'{"email": ')
    assert stopped.startswith(b"HTTP/1.1 400 ")
    assert b'"code":"unreadable"' in stopped


async def test_a_delivery_that_stops_coming_is_not_waited_for(port: int) -> None:
    """It takes the express lane, past the layer that does this for others."""
    head = b"POST /api/webhooks/stripe HTTP/1.1\r\nHost: x\r\nStripe-Signature: t=1,v1=0\r\nContent-Length: 100\r\n\r\n"
    stopped = await answered(port, head, b'{"id": ')
    assert stopped.startswith(b"HTTP/1.1 400 ")
    assert b'"code":"unreadable"' in stopped


async def test_a_body_that_drips_ends_after_its_time_in_all(port: int) -> None:
    drops = [b"1\r\n{\r\n"] * 30
    dripped = await answered(
        port, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *drops, pause_seconds=0.5, within_seconds=40
    )
    assert dripped.startswith(b"HTTP/1.1 400 ")


async def test_whoever_does_not_read_is_cut_off(port: int) -> None:
    """Slow read: hundreds of answers asked for in one go, and none taken."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
    ask = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 200
    writer.write(ask)
    await asyncio.sleep(6)
    got = 0
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(15):
            while part := await reader.read(2**20):
                got += len(part)
    writer.close()
    assert got < 200 * 50_000
    assert await is_well(port)


@pytest.mark.parametrize(
    "head",
    [
        HEAD + b"X-Long: " + b"a" * 200_000 + b"\r\n\r\n",
        HEAD + b"X-Long: " + b"a" * 80_000 + b"\r\n\r\n",
        HEAD + b"".join(b"X-%d: a\r\n" % number for number in range(150)) + b"\r\n",
        HEAD + b"".join(b"X-%d: %s\r\n" % (number, b"a" * 900) for number in range(90)) + b"\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
    ids=["one endless", "one long", "many", "many long", "an address"],
)
async def test_a_head_over_its_limit_is_refused(port: int, head: bytes) -> None:
    refused = await answered(port, *(head[at : at + 16_384] for at in range(0, len(head), 16_384)))
    assert refused == b"" or refused.startswith((b"HTTP/1.1 431 ", b"HTTP/1.1 400 "))
    assert await is_well(port)


async def test_an_ordinary_client_keeps_its_connection(port: int) -> None:
    """The bounds are for heads and bodies, not for the time between two requests."""
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        for _ in range(3):
            assert (await client.get("/health")).status_code == 200
            await asyncio.sleep(1.8)
        assert (
            await client.post("/api/auth/login", json={"email": "a@b.example", "password": "x" * 9})
        ).status_code == 401
        cookies = "; ".join(f"c{number}={'v' * 100}" for number in range(40))
        assert (await client.get("/health", headers={"Cookie": cookies})).status_code == 200


async def test_bodies_of_megabytes_are_refused_and_memory_stays_flat(port: int) -> None:
    """Announced or not, packed or not: nothing of it is kept, and nothing is unpacked."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    async def flood() -> AsyncIterator[bytes]:
        for _ in range(128):
            yield b" " * 65_536

    packer = zlib.compressobj(wbits=31)
    bomb = b"".join([*(packer.compress(b" " * 2**16) for _ in range(2**10)), packer.flush()])
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        answers = [
            await client.post("/api/auth/login", content=b" " * 2**21),
            *[await client.post("/api/auth/login", content=flood()) for _ in range(10)],
            await client.post(
                "/sign-in", content=flood(), headers={"Content-Type": "application/x-www-form-urlencoded"}
            ),
        ]
        packed = await client.post(
            "/api/auth/login", content=bomb, headers={"Content-Encoding": "gzip", "Content-Type": "application/json"}
        )
    assert {answer.status_code for answer in answers} == {413}
    assert packed.status_code == 400
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60 * 1024


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
        json.dumps({"email": "a@b.example", "password": ["x"] * 100_000}).encode(),
        json.dumps({f"k{number}": 1 for number in range(50_000)}).encode(),
        b'{"email": 1' + b"0" * 500_000 + b"}",
        b'{"email": 1e999999999}',
        b'{"email":"a@b.example","password":"' + b"\\u0041" * 100_000 + b'"}',
    ],
    ids=["deep list", "deep object", "long list", "many fields", "long number", "large number", "escapes"],
)
async def test_odd_json_is_a_refusal_and_quick(client: httpx2.AsyncClient, body: bytes) -> None:
    """Faults 62, 83: never a 5xx, and an answer that is short however long the question."""
    began = time.process_time()
    answer = await client.post(ORIGIN + "/api/auth/login", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in {400, 422}
    assert len(answer.content) < 20_000
    assert time.process_time() - began < 5
