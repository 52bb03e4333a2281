"""The file of a backup: a ZIP of tables, an anchor and a manifest, which any tool can open and none can alter unseen.

It appears under its name only when it is whole and on the disk, readable by its owner alone: there are people in it.
"""

import contextlib
import hashlib
import os
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from typing_extensions import Buffer

from topup import errors
from topup.core import backups

CHUNK_BYTES = 1 << 20
# Measured on ledgers: the higher levels take three times as long for a tenth less.
COMPRESSION = 1


def named(target: Path, taken_at: datetime) -> Path:
    """The file that is meant: in a folder, one that tells the moment."""
    return target / f"topup-{taken_at:%Y-%m-%dT%H%M%SZ}.zip" if target.is_dir() else target


def asked(text: str) -> Path:
    """What was typed for a target. One that ends in a slash is a folder, and is made where there is none."""
    target = Path(text)
    if text.endswith(os.sep):
        try:
            target.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise errors.Unavailable(f"The folder {target} cannot be made ({error.strerror}).") from error
    return target


class Pen:
    """Writes one part and sums it up."""

    def __init__(self, member: IO[bytes]) -> None:
        self._member, self._digest, self._length = member, hashlib.sha256(), 0
        self._waiting = bytearray()

    def write(self, chunk: Buffer) -> None:
        """Add some bytes."""
        self._waiting += chunk
        if len(self._waiting) >= CHUNK_BYTES:
            self.flush()

    def flush(self) -> None:
        """Hand on what waits."""
        self._digest.update(self._waiting)
        self._length += len(self._waiting)
        self._member.write(self._waiting)
        self._waiting = bytearray()

    @property
    def part(self) -> backups.Part:
        """What was written."""
        return backups.Part(self._length, self._digest.hexdigest())


class Writer:
    """A file that is being written."""

    def __init__(self, file: zipfile.ZipFile) -> None:
        self._file = file

    @contextlib.contextmanager
    def part(self, path: str) -> Iterator[Pen]:
        """One part, to be written before the next."""
        with self._file.open(path, "w", force_zip64=True) as member:
            pen = Pen(member)
            yield pen
            pen.flush()

    def whole(self, path: str, content: bytes) -> backups.Part:
        """A part that is there already."""
        with self.part(path) as pen:
            pen.write(content)
        return pen.part


@contextlib.contextmanager
def written(path: Path) -> Iterator[Writer]:
    """A new file, there when the block is left in order, and not otherwise. An existing one is never replaced."""
    if path.exists():
        raise errors.Unavailable(f"{path} exists already, and a backup replaces nothing.")
    making = path.with_name(f"{path.name}.making")
    try:
        making.unlink(missing_ok=True)
        with open(os.open(making, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b") as file:  # noqa: PTH123 - a path cannot say the mode
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=COMPRESSION) as archive:
                yield Writer(archive)
            file.flush()
            os.fsync(file.fileno())
        making.rename(path)
        _keep_name(path.parent)
    except OSError as fault:
        raise errors.Unavailable(f"The backup cannot be written to {path}: {fault.strerror}.") from fault
    finally:
        with contextlib.suppress(OSError):
            making.unlink(missing_ok=True)


def _keep_name(folder: Path) -> None:
    """Bring the folder itself to the disk, without which the new name may be gone after a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@dataclass(frozen=True, slots=True)
class Reader:
    """An open backup and what it says of itself."""

    file: zipfile.ZipFile
    manifest: backups.Manifest

    def chunks(self, path: str) -> Iterator[bytes]:
        """A part's content, piece by piece."""
        with self.file.open(path) as member:
            while chunk := member.read(CHUNK_BYTES):
                yield chunk

    def ensure_whole(self) -> None:
        """Read every part and refuse the file unless each is what the manifest says."""
        parts = {table.path: table.part for table in self.manifest.tables} | {backups.ANCHOR: self.manifest.anchor}
        for path, part in parts.items():
            digest, length = hashlib.sha256(), 0
            for chunk in self.chunks(path):
                digest.update(chunk)
                length += len(chunk)
            if (length, digest.hexdigest()) != (part.length_bytes, part.sha256):
                raise errors.Unreadable(f"The backup is damaged: {path} is not what its manifest says.")

    @property
    def anchor(self) -> str:
        """The last line of every account, as the backup has it."""
        return b"".join(self.chunks(backups.ANCHOR)).decode("ascii")


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Reader]:
    """A backup, to be read. Raises Unreadable when it is none or a damaged one, also in the midst of reading."""
    try:
        with zipfile.ZipFile(path) as file:
            yield Reader(file, backups.read(file.read(backups.NAME)))
    except FileNotFoundError as fault:
        raise errors.Unreadable(f"There is no file {path}.") from fault
    except (zipfile.BadZipFile, zlib.error, KeyError, EOFError) as fault:
        raise errors.Unreadable(f"{path} is not a backup that `topup backup` made, or a damaged one.") from fault
    except OSError as fault:
        raise errors.Unavailable(f"{path} cannot be read: {fault.strerror}.") from fault
