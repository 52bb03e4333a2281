"""A sandbox in a thread, the real SDK pointed at it, and a small web server that receives its deliveries.

Used by the fixtures beside it.
"""

import asyncio
import dataclasses
import http.server
import json
import threading
from collections.abc import Callable
from typing import Any, TypeAlias

import httpx2
import stripe
from typing_extensions import override

from stripe_sandbox import running
from stripe_sandbox.settings import Settings

Answer: TypeAlias = Any
"""An object of the SDK, looked into freely."""

SECRET = "whsec_tests_of_the_sandbox"
CARD = {"exp_month": "12", "exp_year": "2034", "cvc": "123"}


@dataclasses.dataclass
class Received:
    """One delivery as it came over the wire."""

    body: bytes
    signature: str | None

    @property
    def event(self) -> dict[str, Any]:
        return json.loads(self.body)


class Inbox:
    """A webhook endpoint that keeps what it gets and answers as a test wants."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answers: list[int] = []
        inbox = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                inbox.received.append(Received(body, self.headers["stripe-signature"]))
                self.send_response(inbox.answers.pop(0) if inbox.answers else 200)
                self.send_header("content-length", "0")
                self.end_headers()

            @override
            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def events(self, *types: str) -> list[dict[str, Any]]:
        return [one.event for one in self.received if not types or one.event["type"] in types]

    def types(self) -> list[str]:
        return [one.event["type"] for one in self.received]


class Box:
    """A running sandbox with everything a test does to it."""

    def __init__(self, url: str, inbox: Inbox) -> None:
        self.url = url
        self.inbox = inbox
        self.web = httpx2.Client(base_url=url, timeout=20)
        self.errors: Answer = stripe
        self.stripe: Answer = stripe.StripeClient("sk_test_of_the_sandbox", base_addresses={"api": url})

    def control(self, path: str, /, **body: object) -> dict[str, Any]:
        answer = self.web.post(f"/sandbox/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def settle(self, *, hurry: bool = False) -> dict[str, Any]:
        settled = self.control("settle", hurry=hurry)
        assert settled["settled"]
        return settled["deliveries"]

    def session(self, **more: object) -> Answer:
        price = {"currency": "gbp", "unit_amount": 1000, "product_data": {"name": "100 credits"}}
        params = {
            "mode": "payment",
            "line_items": [{"quantity": 1, "price_data": price}],
            "success_url": "https://shop.example/done?session_id={CHECKOUT_SESSION_ID}",
            "cancel_url": "https://shop.example/back",
            **more,
        }
        return self.stripe.v1.checkout.sessions.create(params=params)

    def pay(self, session: Answer, number: str = "4242424242424242", **more: str) -> httpx2.Response:
        return self.web.post(session.url, data={"card_number": number, **CARD, **more})

    def debit(self, session: Answer, number: str) -> httpx2.Response:
        return self.web.post(session.url, data={"sort_code": "10-88-00", "account_number": number})

    def again(self, session: Answer) -> Answer:
        return self.stripe.v1.checkout.sessions.retrieve(session.id)


def run(settings: Settings) -> tuple[str, Callable[[], None]]:
    """Start a sandbox in a thread; returns its address and what stops it."""
    bound = running.bind("127.0.0.1", 0)
    settings = running.with_address(settings, bound)
    ready = threading.Event()
    servers: list[running.Server] = []

    def on_ready(server: running.Server) -> None:
        servers.append(server)
        ready.set()

    def main() -> None:
        asyncio.run(running.serve(settings, bound, on_ready=on_ready, handles_signals=False))

    thread = threading.Thread(target=main, daemon=True)
    thread.start()
    assert ready.wait(10)

    def stop() -> None:
        servers[0].stop()
        thread.join(10)
        assert not thread.is_alive()

    return settings.public_url, stop
