"""Fixtures: one sandbox for all tests, wiped before each."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import stripe

from stripe_sandbox.settings import Pace, Settings
from tests.sandbox.boxes import SECRET, Box, Inbox, run


@pytest.fixture(scope="session")
def shared_box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    inbox = Inbox()
    data = tmp_path_factory.mktemp("sandbox") / "sandbox.db"
    url, stop = run(Settings(data, "", inbox.url, SECRET, Pace(debit_settles_s=60, redirect_wait_s=5)))
    box = Box(url, inbox)
    yield box
    box.web.close()
    stop()
    inbox.server.shutdown()
    inbox.server.server_close()


@pytest.fixture
def box(shared_box: Box) -> Box:
    """A sandbox without any data; its endpoint from the command line is the inbox."""
    # What the last test left in flight would otherwise arrive in this one.
    shared_box.control("settle", timeout_s=2)
    shared_box.control("wipe")
    shared_box.inbox.received.clear()
    shared_box.inbox.answers.clear()
    return shared_box


@pytest.fixture(autouse=True, scope="session")
def quiet_sdk() -> None:
    stripe.enable_telemetry = False


@pytest.fixture
def data_file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "sandbox.db"
