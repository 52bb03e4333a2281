"""Takes every page at three widths, light and dark: `python -m tests.browser.screenshots FOLDER [NAME...]`.

Not a test: for looking at. It brings its own database server and world; NAMEs limit it to pages whose name begins so.
With `--for-docs FOLDER` it takes the few pictures of the documentation, sharp and without the demo's banner.
"""

import itertools
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx2
from playwright import sync_api

from tests import stripe_boxes
from tests.browser import looking, residents, world
from topup.db import migrate
from topup.runtime import embedded

WIDTHS = (390, 820, 1440)
SCHEMES = ("light", "dark")
HEIGHT = 900
DOCS_NAMES = ("account", "prices-signed-in")
DOCS_SIZE: sync_api.ViewportSize = {"width": 1200, "height": 840}
DOCS_SCALE = 2
WITHOUT_BANNER = "document.querySelector('.demo-banner').remove()"
WITH_ONE_LINE_OPEN = "document.querySelector('details')?.setAttribute('open', '')"


def main(folder: Path, names: Sequence[str], *, is_for_docs: bool) -> None:
    """Fill the folder with NAME-WIDTH-SCHEME.png, or for the documentation with NAME-SCHEME.png."""
    folder.mkdir(parents=True, exist_ok=True)
    chromium = os.environ.get("TOPUP_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("No Chromium found: install one, or name it in TOPUP_CHROMIUM.")
    with (
        _database() as url,
        tempfile.TemporaryDirectory() as folder_of_stripe,
        stripe_boxes.running(Path(folder_of_stripe) / "stripe.sqlite") as box,
        world.running(url, box) as running,
        sync_api.sync_playwright() as playwright,
        looking.launched(playwright, chromium) as browser,
    ):
        if is_for_docs:
            for scheme in SCHEMES:
                _take_for_docs(browser, running, folder, scheme)
            return
        wanted = [view for view in looking.views(running) if view.name.startswith(tuple(names) or "")]
        for scheme, width in itertools.product(SCHEMES, WIDTHS):
            _take(browser, running, wanted, folder, width=width, scheme=scheme)


def _take(
    browser: sync_api.Browser,
    running: residents.World,
    wanted: Sequence[looking.View],
    folder: Path,
    *,
    width: int,
    scheme: str,
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": HEIGHT},
        color_scheme="dark" if scheme == "dark" else "light",
        locale="en-GB",
        timezone_id="Europe/London",
    )
    page = context.new_page()
    for view in wanted:
        looking.open_view(page, running, view)
        if view.asks_stripe:
            page.wait_for_load_state("networkidle")
        page.screenshot(path=folder / f"{view.name}-{width}-{scheme}.png", full_page=True)
    context.close()


def _take_for_docs(browser: sync_api.Browser, running: residents.World, folder: Path, scheme: str) -> None:
    context = browser.new_context(
        viewport=DOCS_SIZE,
        device_scale_factor=DOCS_SCALE,
        color_scheme="dark" if scheme == "dark" else "light",
        locale="en-GB",
        timezone_id="Europe/London",
    )
    page = context.new_page()
    for view in looking.views(running):
        if view.name in DOCS_NAMES:
            looking.open_view(page, running, view)
            page.evaluate(WITHOUT_BANNER)
            page.evaluate(WITH_ONE_LINE_OPEN)
            page.screenshot(path=folder / f"{view.name}-{scheme}.png")
    context.close()


@contextmanager
def _database() -> Iterator[str]:
    """An empty database with the schema, on a server that goes away afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        with embedded.running(Path(folder) / "postgres") as server:
            migrate.upgrade(server.dsn)
            yield server.dsn
        embedded.erase(Path(folder) / "postgres")


if __name__ == "__main__":
    is_for_docs = sys.argv[1:2] == ["--for-docs"]
    arguments = sys.argv[2:] if is_for_docs else sys.argv[1:]
    if not arguments:
        sys.exit("Say into which folder.")
    httpx2.alias_httpx()
    main(Path(arguments[0]), arguments[1:], is_for_docs=is_for_docs)
