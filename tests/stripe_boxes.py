"""The offline Stripe in a thread, for tests that buy something: what a test does to it and sees in it.

One runs for all tests of a session and is wiped before each; it sends no webhooks unless it is given an address.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import stripe

from stripe_sandbox.settings import Settings
from tests.sandbox import boxes

CARD = {"exp_month": "12", "exp_year": "2034", "cvc": "123"}
PAYS, DECLINED = "4242424242424242", "4000000000000002"


class StripeBox:
    """A running offline Stripe."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.web = httpx2.Client(base_url=url, timeout=20)
        self.client: Any = stripe.StripeClient("sk_test_tests", base_addresses={"api": url}).v1

    def control(self, path: str, /, **body: object) -> dict[str, Any]:
        answer = self.web.post(f"/sandbox/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def end_outage(self) -> None:
        assert self.web.delete("/sandbox/outage").status_code == 200

    def pay(self, url: str | None, number: str = PAYS) -> httpx2.Response:
        assert url is not None
        return self.web.post(url, data={"card_number": number, **CARD})

    def debit(self, url: str | None, account_number: str) -> httpx2.Response:
        assert url is not None
        return self.web.post(url, data={"sort_code": "10-88-00", "account_number": account_number})

    def events(self) -> list[dict[str, Any]]:
        """The events as they would be delivered, newest first."""
        answer = self.web.get("/v1/events", params={"limit": 100}, headers={"Authorization": "Bearer sk_test_tests"})
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def sessions(self) -> list[Any]:
        return list(self.client.checkout.sessions.list(params={"limit": 100}).data)

    def customers(self) -> list[Any]:
        return list(self.client.customers.list(params={"limit": 100}).data)


@contextmanager
def running(data: Path, *, webhook_url: str | None = None, webhook_secret: str | None = None) -> Iterator[StripeBox]:
    """An offline Stripe for as long as the block lasts."""
    url, stop = boxes.run(Settings(data, "", webhook_url, webhook_secret))
    box = StripeBox(url)
    yield box
    box.web.close()
    stop()
