"""The command itself: what it prints, how it stops, what survives, and what it refuses to start with."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest
import stripe

from tests.sandbox.boxes import CARD, Answer

pytestmark = pytest.mark.slow

Start = Callable[..., tuple[Answer, str]]


@pytest.fixture
def start(data_file: Path) -> Iterator[Start]:
    """Start a sandbox as its own process; returns it and its address."""
    running: list[Answer] = []

    def begin(*options: str) -> tuple[Answer, str]:
        command = [sys.executable, "-m", "stripe_sandbox", "--port", "0", "--data", str(data_file), *options]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process: Answer = subprocess.Popen(command, text=True, **pipes)
        running.append(process)
        line = process.stdout.readline()
        assert line.startswith("stripe: http://127.0.0.1:"), process.stderr.read()
        return process, line.removeprefix("stripe: ").strip()

    yield begin
    for process in running:
        with process:
            process.kill()


def client(url: str) -> Answer:
    return stripe.StripeClient("sk_test_process", base_addresses={"api": url})


def refused(*options: str) -> str:
    command = [sys.executable, "-m", "stripe_sandbox", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode != 0
    assert done.stdout == ""
    return done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_it_cleanly_after_one_line(start: Start, number: signal.Signals) -> None:
    process, url = start()
    assert httpx2.get(f"{url}/sandbox").status_code == 200
    process.send_signal(number)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out, err) == (0, "", "")


def test_it_never_outlives_its_parent(start: Start) -> None:
    process, _ = start("--exit-with-parent")
    process.stdin.close()
    assert process.wait(10) == 0


def test_it_serves_on_a_socket_that_its_parent_opened(data_file: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as opened:
        command = [sys.executable, "-m", "stripe_sandbox", "--socket", str(opened.fileno()), "--data", str(data_file)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, pass_fds=[opened.fileno()])
        address = f"http://127.0.0.1:{opened.getsockname()[1]}"
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"stripe: {address}\n"
        assert httpx2.get(f"{address}/sandbox").status_code == 200
        process.terminate()
    assert process.returncode == 0


def test_input_that_is_at_its_end_ends_it_at_once(data_file: Path) -> None:
    command = [sys.executable, "-m", "stripe_sandbox", "--port", "0", "--data", str(data_file), "--exit-with-parent"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_killed_sandbox_comes_back_with_everything_it_had_answered(start: Start) -> None:
    process, url = start()
    sandbox = client(url)
    price = {"currency": "gbp", "unit_amount": 1000, "product_data": {"name": "100 credits"}}
    params = {
        "mode": "payment",
        "line_items": [{"quantity": 1, "price_data": price}],
        "success_url": "https://x.example",
    }
    options = {"idempotency_key": "key-1"}
    session = sandbox.v1.checkout.sessions.create(params=params, options=options)
    httpx2.post(str(session.url), data={"card_number": "4242424242424242", **CARD})
    os.kill(process.pid, signal.SIGKILL)
    process.wait()

    _, url = start()
    sandbox = client(url)
    again = sandbox.v1.checkout.sessions.retrieve(session.id)
    assert (again.status, again.payment_status) == ("complete", "paid")
    assert sandbox.v1.checkout.sessions.create(params=params, options=options).id == session.id
    assert len(sandbox.v1.events.list().data) == 4


def test_deliveries_and_debits_go_on_after_a_crash(start: Start) -> None:
    hook = ("--webhook-url", "http://127.0.0.1:9/nobody", "--webhook-secret", "whsec_x")
    process, url = start(*hook, "--debit-settles-s", "1")
    intent = client(url).v1.payment_intents.create(
        params={"amount": 500, "currency": "gbp", "payment_method": "pm_bacsDebit_success", "confirm": True},
    )
    assert intent.status == "processing"
    process.kill()
    process.wait()

    _, url = start(*hook)
    deadline = time.monotonic() + 10
    while client(url).v1.payment_intents.retrieve(intent.id).status == "processing":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    pending = httpx2.get(f"{url}/sandbox/deliveries", params={"status": "pending"}).json()["data"]
    assert {one["event_type"] for one in pending} >= {"payment_intent.created", "payment_intent.succeeded"}


def test_configured_endpoint_follows_the_command_line(start: Start) -> None:
    process, url = start("--webhook-url", "http://127.0.0.1:9/a", "--webhook-secret", "whsec_x")
    first = client(url).v1.webhook_endpoints.list().data
    assert [one.url for one in first] == ["http://127.0.0.1:9/a"]
    process.terminate()
    process.wait(10)
    process, url = start("--webhook-url", "http://127.0.0.1:9/b", "--webhook-secret", "whsec_y")
    assert [(one.id, one.url) for one in client(url).v1.webhook_endpoints.list().data] == [
        (first[0].id, "http://127.0.0.1:9/b"),
    ]
    process.terminate()
    process.wait(10)
    _, url = start()
    assert client(url).v1.webhook_endpoints.list().data == []


def test_second_sandbox_on_the_same_data_refuses_to_start(start: Start, data_file: Path) -> None:
    start()
    assert "in use by another sandbox" in refused("--port", "0", "--data", str(data_file))


def test_place_that_cannot_be_used_is_told_in_one_sentence(start: Start, tmp_path: Path) -> None:
    _, url = start()
    port = url.rpartition(":")[2]
    assert f"Port {port} on 127.0.0.1 cannot" in refused("--port", port, "--data", str(tmp_path / "other.db"))
    assert "Socket 99 cannot" in refused("--socket", "99", "--data", str(tmp_path / "other.db"))


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--webhook-url", "http://x.example"), "belong together"),
        (("--webhook-url", "http://x.example", "--webhook-secret", "secret"), "whsec_"),
        (("--host", "0.0.0.0"), "--public-url"),  # noqa: S104 - refused, which is the point
    ],
)
def test_command_line_that_makes_no_sense_is_refused(tmp_path: Path, options: tuple[str, ...], why: str) -> None:
    assert why in refused("--port", "0", "--data", str(tmp_path / "x.db"), *options)


def test_sandbox_imports_nothing_of_the_product_it_serves() -> None:
    code = "import sys, stripe_sandbox.__main__; print([name for name in sys.modules if name.startswith('topup')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
