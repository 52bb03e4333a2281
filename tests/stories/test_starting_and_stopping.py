"""The demo as a program: what it prints, how it ends, and what survives the end of everything."""

import contextlib
import os
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.stories import demos
from topup.runtime import embedded

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "data"
    embedded.erase(tmp_path / "data" / "postgres")


def are_gone(process_ids: list[int]) -> bool:
    return not any(is_alive(process_id) for process_id in process_ids)


def is_alive(process_id: int) -> bool:
    try:
        state = Path(f"/proc/{process_id}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def accepts(url: str) -> bool:
    host, _, port = url.removeprefix("http://").partition(":")
    with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=1):
        return True
    return False


def test_killed_demo_starts_again_with_every_credit_and_both_addresses(folder: Path) -> None:
    """Rule 3 of the design, and fault 17: kill -9 of everything, then a start, and nothing acknowledged is lost."""
    first = demos.start(folder)
    with first.student("kay@example.com") as kay:
        checkout = kay.open_checkout()
        kay.pay(checkout)
        demos.until(lambda: kay.stored_status(checkout) == "COMPLETED")
        still_open = kay.open_checkout("Value Pack")
    first.kill_everything()

    second = demos.start(folder)
    assert [second.told(name) for name in ("app", "stripe", "api key", "admin")] == [
        first.told(name) for name in ("app", "stripe", "api key", "admin")
    ]
    with second.nobody() as client:
        kay = demos.Visitor(second, client, "kay@example.com")
        kay.sign_in()
        assert kay.available() == 200
        assert kay.open_checkout("Value Pack")["sessionUrl"] == still_open["sessionUrl"]
        kay.pay(still_open)
        demos.until(lambda: kay.stored_status(still_open) == "COMPLETED")
        assert kay.available() == 700
    assert second.end() == 0


def test_demo_says_each_line_once_and_ends_whole(folder: Path) -> None:
    demo = demos.start(folder)
    assert [line.split(": ")[0] for line in demo.lines[:4]] == ["app", "stripe", "api key", "admin"]
    assert demo.told("api key").startswith("topup_sk_")
    assert demo.told("admin").count(" ") == 1
    assert demo.told("app").startswith("http://127.0.0.1:")
    processes = demo.processes()
    assert len(processes) == 3
    assert demo.end(signal.SIGINT) == 0
    assert are_gone(processes)
    assert not accepts(demo.told("app"))
    assert not accepts(demo.stripe_url)


def test_offline_stripe_that_dies_is_started_again_at_its_address(folder: Path) -> None:
    demo = demos.start(folder)
    [offline_stripe] = [
        process for process in demo.processes() if b"stripe_sandbox" in Path(f"/proc/{process}/cmdline").read_bytes()
    ]
    os.kill(offline_stripe, signal.SIGKILL)
    demos.until(lambda: not accepts(demo.stripe_url))
    demos.until(lambda: accepts(demo.stripe_url))
    assert demo.end() == 0


def test_killed_demo_takes_its_offline_stripe_along_and_leaves_nothing_in_the_way(folder: Path) -> None:
    demo = demos.start(folder)
    os.kill(demo.process.pid, signal.SIGKILL)
    demos.ended(demo.process)
    demos.until(lambda: not accepts(demo.stripe_url))
    again = demos.start(folder)
    assert again.told("app") == demo.told("app")
    processes = again.processes()
    assert again.end() == 0
    assert are_gone(processes)


def test_two_demos_stand_beside_each_other_but_not_on_one_folder(folder: Path, tmp_path: Path) -> None:
    first = demos.start(folder)
    on_the_same = demos.launch(folder)
    assert demos.ended(on_the_same) == 1
    assert "is running on" in Path(f"{folder}.log").read_text(encoding="utf-8")
    beside = demos.start(tmp_path / "beside", "--port", str(_free_port()))
    assert {first.told("app"), first.stripe_url}.isdisjoint({beside.told("app"), beside.stripe_url})
    assert [demo.end() for demo in (first, beside)] == [0, 0]
    embedded.erase(tmp_path / "beside" / "postgres")


def test_two_demos_started_at_one_moment_find_ports_of_their_own(tmp_path: Path) -> None:
    """Both ask for the ports of a first start, and each program of the two has to be the only one at its port."""
    folders = [tmp_path / name for name in ("left", "right")]
    with ThreadPoolExecutor() as pool:
        starting = [pool.submit(demos.start, each) for each in folders]
    # Whoever did start is ended, also where the other did not.
    started = [one.result() for one in starting if one.exception() is None]
    addresses = {address for demo in started for address in (demo.told("app"), demo.stripe_url)}
    assert [demo.end() for demo in started] == [0, 0]
    assert len(addresses) == 4
    for each in folders:
        embedded.erase(each / "postgres")


def test_webhook_secret_and_local_front_end_of_the_environment_are_used(folder: Path) -> None:
    environment = {"STRIPE_WEBHOOK_SECRET": "whsec_of_the_environment", "FRONTEND_URL": "http://localhost:5173/"}
    demo = demos.start(folder, environment=environment)
    assert demo.told("app").startswith("http://127.0.0.1:")
    with demo.student("wim@example.com") as wim:
        checkout = wim.open_checkout()
        back = wim.pay(checkout).headers["location"]
        assert back == f"http://localhost:5173/payments/return?session_id={checkout['sessionId']}"
        demos.until(lambda: wim.stored_status(checkout) == "COMPLETED")
    assert demo.end() == 0


@pytest.mark.parametrize("name", ["STRIPE_SECRET_KEY", "STRIPE_PUBLISHABLE_KEY"])
def test_demo_with_a_live_key_about_does_not_start(folder: Path, name: str) -> None:
    """Rule 8 of the design."""
    key = ("sk" if "SECRET" in name else "pk") + "_live_of_somebody"
    refused = demos.launch(folder, environment={name: key})
    assert demos.ended(refused) == 1
    said = Path(f"{folder}.log").read_text(encoding="utf-8")
    assert "live Stripe key" in said
    assert key not in said
    assert not folder.exists()


def test_taken_port_is_one_sentence(folder: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        refused = demos.launch(folder, "--port", str(port))
        assert demos.ended(refused) == 1
    assert Path(f"{folder}.log").read_text(encoding="utf-8").startswith(f"Port {port} on 127.0.0.1 cannot be used")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
