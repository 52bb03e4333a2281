"""Takes every page at three widths, light and dark: `python -m tests.browser.screenshots FOLDER [NAME...]`.

Not a test: for looking at. It brings its own database server and world; NAMEs limit it to pages whose name begins so.
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

from tests.browser import looking, residents, world
from topup.db import migrate
from topup.runtime import embedded

WIDTHS = (390, 820, 1440)
SCHEMES = ("light", "dark")
HEIGHT = 900


def main(folder: Path, names: Sequence[str]) -> None:
    """Fill the folder with NAME-WIDTH-SCHEME.png."""
    folder.mkdir(parents=True, exist_ok=True)
    chromium = os.environ.get("TOPUP_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("No Chromium found: install one, or name it in TOPUP_CHROMIUM.")
    with (
        _database() as url,
        world.running(url) as running,
        sync_api.sync_playwright() as playwright,
        looking.launched(playwright, chromium) as browser,
    ):
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
        page.screenshot(path=folder / f"{view.name}-{width}-{scheme}.png", full_page=True)
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
    if len(sys.argv) < 2:
        sys.exit("Say into which folder.")
    httpx2.alias_httpx()
    main(Path(sys.argv[1]), sys.argv[2:])
