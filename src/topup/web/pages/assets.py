"""The static files: what address each has and how it is sent.

The address carries a hash of the content, so a browser may keep the file for ever and a new release is a new address.
Read, hashed and compressed once per process; `address` is for templates, `router` for the app.
"""

import functools
import gzip
import hashlib
import mimetypes
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import Response

from topup import errors

FOLDER = Path(__file__).parent.parent / "static"
PREFIX = "/static/"
FOR_EVER = "public, max-age=31536000, immutable"
_SERVED = frozenset({".css", ".js", ".svg"})
_IMPORTED = re.compile(rb'@import url\("([^"]+)"\)')

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is sent."""

    address: str
    media_type: str
    content: bytes
    packed: bytes


@router.get(PREFIX + "{path:path}")
async def static_file(request: Request) -> Response:
    """One file under the address that `address` gave out; any other address is not there."""
    asset = _by_address().get(request.url.path)
    if asset is None:
        raise errors.NotFound
    headers = {"Cache-Control": FOR_EVER, "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(asset.packed, headers={**headers, "Content-Encoding": "gzip"}, media_type=asset.media_type)
    return Response(asset.content, headers=headers, media_type=asset.media_type)


def address(name: str) -> str:
    """Where a file of the static folder is to be fetched, such as /static/topup.0a1b2c3d.css."""
    return _by_name()[name].address


@functools.cache
def _by_name() -> Mapping[str, Asset]:
    paths = sorted(path for path in FOLDER.rglob("*") if path.suffix in _SERVED)
    plain = {path.relative_to(FOLDER).as_posix(): path.read_bytes() for path in paths}
    vendored = {name: _asset(name, content) for name, content in plain.items() if not _IMPORTED.search(content)}
    own = {name: _asset(name, _with_addresses(plain[name], vendored)) for name in plain.keys() - vendored.keys()}
    return vendored | own


@functools.cache
def _by_address() -> Mapping[str, Asset]:
    return {asset.address: asset for asset in _by_name().values()}


def _with_addresses(content: bytes, known: Mapping[str, Asset]) -> bytes:
    """The stylesheet with each imported file under its hashed address."""

    def addressed(found: re.Match[bytes]) -> bytes:
        return b'@import url("%b")' % known[found[1].decode()].address.encode()

    return _IMPORTED.sub(addressed, content)


def _asset(name: str, content: bytes) -> Asset:
    stem, _, suffix = name.rpartition(".")
    digest = hashlib.sha256(content).hexdigest()[:12]
    media_type = mimetypes.types_map[f".{suffix}"]
    return Asset(f"{PREFIX}{stem}.{digest}.{suffix}", media_type, content, gzip.compress(content, 9, mtime=0))
