"""A demo as its user has it: a process, what it prints, and people who visit it over HTTP.

Used by the stories beside it; everything goes through the addresses that the demo prints.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import pytest
import stripe

from topup.runtime import embedded
from topup.runtime.embedded import home as homes

ENDS_WITHIN_SECONDS = 30
HAPPENS_WITHIN_SECONDS = 30
LAST_LINE = "Ctrl-C stops everything"
PASSWORD = "correct horse battery"
CARD = {"exp_month": "12", "exp_year": "2034", "cvc": "123"}
PAYS, DECLINED = "4242424242424242", "4000000000000002"

Found = TypeVar("Found")


@dataclass
class Demo:
    """A running demo."""

    process: subprocess.Popen[str]
    folder: Path
    lines: list[str]

    def told(self, name: str) -> str:
        """What the one line says that begins so."""
        [found] = [line for line in self.lines if line.startswith(f"{name}: ")]
        return found.removeprefix(f"{name}: ")

    @property
    def stripe_url(self) -> str:
        return self.told("stripe")

    def control(self, path: str, /, **body: object) -> None:
        """Do something to the offline Stripe that nobody could do to Stripe."""
        assert httpx2.post(f"{self.stripe_url}/sandbox/{path}", json=body).status_code == 200

    def clear_control(self, path: str) -> None:
        assert httpx2.delete(f"{self.stripe_url}/sandbox/{path}").status_code == 200

    def customers(self, email: str) -> list[stripe.Customer]:
        """Who has this address at Stripe, as the account's owner would see it."""
        return self._owner.v1.customers.list(params={"email": email}).data

    def sessions(self, customer_id: str) -> list[stripe.checkout.Session]:
        return self._owner.v1.checkout.sessions.list(params={"customer": customer_id}).data

    @property
    def _owner(self) -> stripe.StripeClient:
        return stripe.StripeClient("sk_test_owner", base_addresses={"api": self.stripe_url})

    def processes(self) -> list[int]:
        """The demo, its offline Stripe and its PostgreSQL."""
        if not Path("/proc").is_dir():
            pytest.skip("which processes there are is read from /proc")
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text(encoding="ascii")
        postmaster = homes.find(self.folder / "postgres").data / "postmaster.pid"
        found = {self.process.pid, *map(int, children.split())}
        return sorted(found | {int(postmaster.read_text(encoding="utf-8").splitlines()[0])})

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Stop it as a person does; its exit status."""
        self.process.send_signal(number)
        return ended(self.process)

    def kill_everything(self) -> None:
        """No process of it gets to say goodbye."""
        for process_id in self.processes():
            os.kill(process_id, signal.SIGKILL)
        ended(self.process)

    @contextlib.contextmanager
    def nobody(self) -> Iterator[httpx2.Client]:
        with httpx2.Client(base_url=self.told("app"), timeout=60) as client:
            yield client

    @contextlib.contextmanager
    def student(self, email: str) -> Iterator["Visitor"]:
        """Somebody who has just signed up, with the code from their mail."""
        with self.nobody() as client:
            visitor = Visitor(self, client, email)
            visitor.sign_up()
            yield visitor

    def mails(self, recipient: str) -> list[dict[str, str]]:
        """What came for an address, newest first."""
        with self.nobody() as client:
            everything = client.get("/demo/mailbox", params={"format": "json"}).json()["data"]
        return [mail for mail in everything if mail["to"] == recipient]

    def wait_for_mails(self, recipient: str, count: int) -> list[dict[str, str]]:
        return until(lambda: found if len(found := self.mails(recipient)) >= count else None)


@dataclass
class Visitor:
    """A student, signed in."""

    demo: Demo
    client: httpx2.Client
    email: str

    def sign_up(self) -> None:
        who = {"email": self.email, "password": PASSWORD, "firstName": "Sam", "lastName": "Student"}
        assert self.client.post("/api/auth/register", json=who).status_code == 202
        [mail] = self.demo.wait_for_mails(self.email, 1)
        [code] = re.findall(r"\b\d{6}\b", mail["text"])
        proven = self.client.post("/api/auth/verify-otp", json={"email": self.email, "otp": code})
        assert proven.status_code == 200, proven.text
        self.sign_in()

    def sign_in(self) -> None:
        login = self.client.post("/api/auth/login", json={"email": self.email, "password": PASSWORD})
        assert login.status_code == 200, login.text
        self.client.headers["Authorization"] = f"Bearer {login.json()['accessToken']}"

    def package_id(self, name: str = "Starter Pack") -> str:
        packages = self.client.get("/api/credit-packages").json()["data"]
        return next(package["id"] for package in packages if package["name"] == name)

    def open_checkout(self, name: str = "Starter Pack") -> dict[str, Any]:
        opened = self.client.post("/api/payments/credit-checkout", json={"packageId": self.package_id(name)})
        assert opened.status_code == 200, opened.text
        return opened.json()

    def pay(self, checkout: dict[str, Any], number: str = PAYS) -> httpx2.Response:
        """Fill in Stripe's form as a plain form, with nothing of ours sent along."""
        return httpx2.post(checkout["sessionUrl"], data={"card_number": number, **CARD}, timeout=60)

    def status(self, checkout: dict[str, Any]) -> str:
        return self.client.get(f"/api/payments/checkout-status/{checkout['sessionId']}").json()["status"]

    def stored_status(self, checkout: dict[str, Any]) -> str:
        """What is known without asking Stripe: the list asks nobody."""
        payments = self.client.get("/api/payments").json()["data"]
        return next(payment["status"] for payment in payments if payment["paymentId"] == checkout["paymentId"])

    def available(self) -> int:
        return self.client.get("/api/credits").json()["available"]


def lent(folder: Path) -> Iterator[Demo]:
    """A demo while somebody uses it, gone without a trace afterwards: what the fixtures of this name yield."""
    running = start(folder)
    yield running
    running.end()
    embedded.erase(folder / "postgres")


def start(folder: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> Demo:
    """Start a demo and wait until it has said everything."""
    process = launch(folder, *arguments, environment=environment)
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        if line.startswith(LAST_LINE):
            return Demo(process, folder, lines)
    raise AssertionError(f"it ended with {ended(process)}: {Path(f'{folder}.log').read_text(encoding='utf-8')}")


def launch(folder: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """The process alone. What it logs goes to a file, so that a full pipe cannot stop it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("STRIPE_", "TOPUP_", "VITE_"))}
    with Path(f"{folder}.log").open("a", encoding="utf-8") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "topup", "demo", "--data", str(folder), *arguments],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**clean, **(environment or {})},
        )


def ended(process: subprocess.Popen[str]) -> int:
    """Wait for its end; the exit status."""
    with process:
        return process.wait(ENDS_WITHIN_SECONDS)


def until(look: Callable[[], Found | None]) -> Found:
    """What `look` finds, as soon as it finds something."""
    give_up_at = time.monotonic() + HAPPENS_WITHIN_SECONDS
    while time.monotonic() < give_up_at:
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not happen")
