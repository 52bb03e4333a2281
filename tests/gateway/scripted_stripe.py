"""A server that answers what a test tells it to, once each, and remembers what it was asked.

For answers that no sound Stripe gives: silence, HTML, half a body, wrong types.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Reply:
    """What to answer; `is_lost` closes the connection instead, `is_silent` never answers."""

    body: Any = ""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    is_lost: bool = False
    is_silent: bool = False


@dataclass(slots=True)
class ScriptedStripe:
    """The replies still to give (the last one for ever) and the requests so far."""

    address: str = ""
    replies: list[Reply] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    def will(self, *replies: Reply) -> None:
        """Answer these, one after the other, and the last one for ever."""
        self.replies[:] = replies

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, which lasts one request."""
        try:
            self.requests.append(await _request(reader))
            reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
            if reply.is_silent:
                await reader.read()
            elif not reply.is_lost:
                writer.write(_written(reply))
                await writer.drain()
        finally:
            writer.close()


@asynccontextmanager
async def running() -> AsyncIterator[ScriptedStripe]:
    """A server on a free port of loopback."""
    script = ScriptedStripe()
    server = await asyncio.start_server(script.serve, "127.0.0.1", 0)
    script.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield script


async def _request(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    method, path, _ = head[0].split(" ")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(method, path, headers, dict(parse_qsl(body.decode(), keep_blank_values=True)))


def _written(reply: Reply) -> bytes:
    body = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
    headers = {"Content-Length": str(len(body.encode())), "Request-Id": "req_scripted", "Connection": "close"}
    lines = [
        f"HTTP/1.1 {reply.status} X",
        *(f"{name}: {value}" for name, value in {**headers, **reply.headers}.items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def refusal(status: int, kind: str = "invalid_request_error", **error: str) -> Reply:
    """An error in Stripe's shape."""
    return Reply({"error": {"type": kind, "message": "No.", **error}}, status=status)


def session(**changes: object) -> dict[str, Any]:
    """A checkout session in Stripe's shape, as far as we read it."""
    return {
        "id": "cs_test_1",
        "object": "checkout.session",
        "mode": "payment",
        "status": "open",
        "payment_status": "unpaid",
        "url": "https://checkout.stripe.com/c/pay/cs_test_1",
        "client_reference_id": "01a202e9-9974-7821-96e3-6863cc8ede59",
        "customer": "cus_1",
        "payment_intent": None,
        "amount_subtotal": 1000,
        "amount_total": 1000,
        "currency": "gbp",
        "livemode": False,
        "expires_at": 1793700000,
        "created": 1793613600,
        "metadata": {"topup_payment_id": "01a202e9-9974-7821-96e3-6863cc8ede59"},
        **changes,
    }
