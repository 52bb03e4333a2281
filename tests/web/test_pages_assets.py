"""The static files: exactly the vendored ones, under addresses that may be kept for ever."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import httpx2
import pytest

from topup.web.pages import assets

VENDORS = (assets.FOLDER / "vendor", Path(__file__).parent.parent / "browser" / "vendor")


def entries() -> list[tuple[Path, dict[str, Any]]]:
    """Each vendored file with what its manifest says of it."""
    found = [(vendor, json.loads((vendor / "manifest.json").read_text(encoding="utf-8"))) for vendor in VENDORS]
    return [(vendor, entry) for vendor, manifest in found for entry in manifest["files"]]


@pytest.mark.parametrize(("vendor", "entry"), entries(), ids=[entry["file"] for _, entry in entries()])
def test_a_vendored_file_is_exactly_the_one_that_was_published(vendor: Path, entry: dict[str, Any]) -> None:
    content = (vendor / entry["file"]).read_bytes()
    assert hashlib.sha256(content).hexdigest() == entry["sha256"]
    assert all((vendor / name).is_file() for name in entry["licenceFiles"])


@pytest.mark.parametrize("vendor", VENDORS, ids=["pages", "tests"])
def test_nothing_is_vendored_without_an_entry(vendor: Path) -> None:
    ours = [entry for place, entry in entries() if place == vendor]
    listed = {name for entry in ours for name in (entry["file"], *entry["licenceFiles"])}
    assert {path.name for path in vendor.iterdir()} == {*listed, "manifest.json"}


async def test_a_file_is_sent_for_ever_and_packed(client: httpx2.AsyncClient) -> None:
    address = assets.address("topup.css")
    sent = await client.get(address)
    assert sent.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert sent.headers["content-encoding"] == "gzip"
    assert sent.headers["content-type"].startswith("text/css")
    plain = await client.get(address, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.text == sent.text


@pytest.mark.parametrize("path", ["topup.css", "topup.000000000000.css", "../pages/assets.py", "vendor/manifest.json"])
async def test_no_other_address_is_there(client: httpx2.AsyncClient, path: str) -> None:
    assert (await client.get(f"/static/{path}")).status_code == 404


async def test_every_file_that_a_page_names_is_there(client: httpx2.AsyncClient) -> None:
    page = (await client.get("/")).text
    style = (await client.get(assets.address("topup.css"))).text
    named = set(re.findall(r"/static/[\w./-]+", page + style))
    assert len(named) == 4
    for address in named:
        assert (await client.get(address)).status_code == 200


async def test_a_page_weighs_less_than_a_hundred_kilobytes_with_everything(client: httpx2.AsyncClient) -> None:
    page = await client.get("/")
    packed = sum(len(asset.packed) for asset in map(assets._by_name().get, assets._by_name()) if asset)
    assert len(page.content) + packed < 100_000
