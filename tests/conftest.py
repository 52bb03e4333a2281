"""What every test may ask for: a database of its own, an offline Stripe, and a browser.

One PostgreSQL serves the whole run: the embedded one, or the one that TOPUP_TEST_DATABASE_URL names. The schema is made
once, in a template; each test gets a copy of it and the copy is dropped afterwards. Async tests need no mark.
"""

import os
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import psycopg
import pytest
import structlog
from psycopg import sql

from tests import stripe_boxes
from topup.db import migrate
from topup.runtime import embedded

# Stripe's SDK asks for httpx, which is no longer looked after; every entry point gives it httpx2 instead.
httpx2.alias_httpx()
# A traceback with every local variable, as structlog draws it where nothing is configured, takes seconds to draw.
structlog.configure(processors=[structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)])

SERVERS = Path(__file__).parent.parent / ".topup" / "tests"
START_SECONDS_MAX = 60
# Nothing here outlives the run, so nothing waits for the disk.
QUICK_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_connections": "200",
}
BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """The maintenance database of this run's server, as a superuser."""
    if given := os.environ.get("TOPUP_TEST_DATABASE_URL"):
        yield given
        return
    for other in SERVERS.glob("*"):
        if time.time() - other.stat().st_mtime > START_SECONDS_MAX:
            embedded.erase(other)  # left by a run that was killed; one that still runs keeps its own
    folder = SERVERS / secrets.token_hex(4)
    with embedded.running(folder, settings=QUICK_SETTINGS) as server:
        yield server.dsn
    embedded.erase(folder)


@pytest.fixture(scope="session")
def maintenance(server_url: str) -> Iterator[psycopg.Connection]:
    """A connection for making and dropping databases."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def template(maintenance: psycopg.Connection, server_url: str) -> Iterator[str]:
    """The name of a database with today's schema and nothing in it."""
    name = _create(maintenance, "template0")
    migrate.upgrade(_address(server_url, name))
    yield name
    _drop(maintenance, name)


@pytest.fixture
def database_url(maintenance: psycopg.Connection, template: str, server_url: str) -> Iterator[str]:
    """A database of this test's own, with the schema."""
    name = _create(maintenance, template)
    yield _address(server_url, name)
    _drop(maintenance, name)


@pytest.fixture(scope="module")
def shared_database_url(maintenance: psycopg.Connection, template: str, server_url: str) -> Iterator[str]:
    """A database that the tests of one module share, with the schema: each minds its own accounts."""
    name = _create(maintenance, template)
    yield _address(server_url, name)
    _drop(maintenance, name)


@pytest.fixture
def empty_database_url(maintenance: psycopg.Connection, server_url: str) -> Iterator[str]:
    """A database of this test's own, with nothing in it."""
    name = _create(maintenance, "template0")
    yield _address(server_url, name)
    _drop(maintenance, name)


@pytest.fixture(scope="session")
def shared_stripe_box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stripe_boxes.StripeBox]:
    with stripe_boxes.running(tmp_path_factory.mktemp("stripe") / "stripe.sqlite") as box:
        yield box


@pytest.fixture
def stripe_box(shared_stripe_box: stripe_boxes.StripeBox) -> stripe_boxes.StripeBox:
    """An offline Stripe without any data, and sound."""
    shared_stripe_box.end_outage()
    shared_stripe_box.control("wipe")
    return shared_stripe_box


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The browser for tests marked `browser`; use `--no-sandbox` with it, since CI runs as root."""
    found = _find_chromium()
    assert found is not None, "only tests marked `browser` may ask for one"
    return found


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip browser tests where there is no browser, unless this is CI, which must have one."""
    if item.get_closest_marker("browser") is None or _find_chromium() is not None:
        return
    reason = "no Chromium found: install one, or name it in TOPUP_CHROMIUM"
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def _find_chromium() -> str | None:
    candidates = (os.environ.get("TOPUP_CHROMIUM", ""), *BROWSERS)
    return next((path for path in map(shutil.which, candidates) if path), None)


def _create(maintenance: psycopg.Connection, template: str) -> str:
    name = f"topup_test_{secrets.token_hex(6)}"
    # Copying the files takes a third of the time that writing them through the log takes.
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
    maintenance.execute(create.format(sql.Identifier(name), sql.Identifier(template)))
    return name


def _drop(maintenance: psycopg.Connection, name: str) -> None:
    maintenance.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _address(server_url: str, database: str) -> str:
    return urlsplit(server_url)._replace(path=f"/{database}").geturl()
