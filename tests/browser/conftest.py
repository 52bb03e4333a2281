"""A browser, and a world for it to look at."""

import secrets
from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import pytest
from playwright import sync_api
from psycopg import sql

from tests import stripe_boxes
from tests.browser import looking, residents
from tests.browser import world as worlds
from tests.stories import demos

# Other tests run beside these: what is there in the end is right, however long it took.
sync_api.expect.set_options(timeout=20_000)


@pytest.fixture(scope="session")
def world(
    maintenance: psycopg.Connection, template: str, server_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[residents.World]:
    """The small world over a database and a Stripe of its own."""
    name = f"topup_world_{secrets.token_hex(4)}"
    copying = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
    maintenance.execute(copying)
    url = urlsplit(server_url)._replace(path=f"/{name}").geturl()
    with (
        stripe_boxes.running(tmp_path_factory.mktemp("world") / "stripe.sqlite") as box,
        worlds.running(url, box) as one,
    ):
        yield one
    maintenance.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[sync_api.Browser]:
    """Ends with its module: while it lives its event loop counts as running, and no asynchronous test can start."""
    with sync_api.sync_playwright() as playwright, looking.launched(playwright, chromium_path) as browser:
        yield browser


@pytest.fixture(params=[True, False], ids=["with JavaScript", "without JavaScript"])
def visitor(request: pytest.FixtureRequest, browser: sync_api.Browser) -> Iterator[sync_api.Page]:
    """A fresh page, with and without JavaScript."""
    context = browser.new_context(java_script_enabled=request.param, locale="en-GB")
    context.set_default_timeout(looking.PATIENCE_MS)
    yield context.new_page()
    context.close()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[demos.Demo]:
    """A whole demo for the visits of one module."""
    yield from demos.lent(tmp_path_factory.mktemp("demo") / "data")


@pytest.fixture
def page(browser: sync_api.Browser) -> Iterator[sync_api.Page]:
    """A fresh page of a British reader, at the width of a phone."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, locale="en-GB")
    yield context.new_page()
    context.close()
