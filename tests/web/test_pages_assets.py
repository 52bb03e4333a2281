"""The static files: exactly the vendored ones, under addresses that may be kept for ever."""

import hashlib
import json
import re

import httpx2
import pytest

from topup.web.pages import assets

VENDOR = assets.FOLDER / "vendor"
MANIFEST = json.loads((VENDOR / "manifest.json").read_text(encoding="utf-8"))["files"]


@pytest.mark.parametrize("entry", MANIFEST, ids=lambda entry: entry["file"])
def test_a_vendored_file_is_exactly_the_one_that_was_published(entry: dict[str, str]) -> None:
    content = (VENDOR / entry["file"]).read_bytes()
    assert hashlib.sha256(content).hexdigest() == entry["sha256"]
    assert (VENDOR / entry["licenceFile"]).is_file()


def test_nothing_is_vendored_without_an_entry() -> None:
    listed = {name for entry in MANIFEST for name in (entry["file"], entry["licenceFile"])}
    assert {path.name for path in VENDOR.iterdir()} == {*listed, "manifest.json"}


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
