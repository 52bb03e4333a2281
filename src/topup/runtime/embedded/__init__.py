"""A PostgreSQL of our own for `topup demo` and the tests: started on first use, shared, and stopped by its last user.

The binaries come from a package; everything else is here. Data, password, port and log lie in one folder (as root: in
the place that the folder names), survive kill -9 of anything, and hold only what a demo or a test put there. Nothing
but `demo`, the commands that look at a demo's data, and the tests may call this: a deployment brings its own database.
"""

import contextlib
import dataclasses
import shutil
from collections.abc import Generator, Mapping
from pathlib import Path
from urllib.parse import quote

from topup import errors
from topup.runtime.embedded import cluster, locks, postmaster
from topup.runtime.embedded import home as homes


@dataclasses.dataclass(frozen=True)
class Server:
    """A running server, and this caller's claim on it. `owner` may do anything in it, superuser that it is."""

    folder: Path
    home: homes.Home
    host: str
    port: int
    owner: str
    password: str = dataclasses.field(repr=False)
    lease: locks.Lease = dataclasses.field(repr=False)

    @property
    def dsn(self) -> str:
        """The address of the maintenance database."""
        return self.dsn_for("postgres")

    def dsn_for(self, database: str) -> str:
        """The address of one database, the password in it: never to be printed."""
        return f"postgresql://{self.owner}:{quote(self.password)}@{self.host}:{self.port}/{quote(database, safe='')}"


def start(folder: Path, *, settings: Mapping[str, str] | None = None) -> Server:
    """Have a server for this folder, making, starting or joining it as needed; pair with `stop`.

    `settings` are PostgreSQL's own, for a server that is started now; durable unless they say otherwise.
    Raises `errors.Unavailable` with a sentence for the person at the terminal and the end of the log.
    """
    settings = settings or {}
    with _answerable(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locks.turn(folder):
            home = homes.find(folder)
            lease = locks.Lease(home.path)
            try:
                if cluster.ensure(home, is_durable=settings.get("fsync", "on") == "on"):
                    _forget_deleted(folder)
                port = postmaster.ensure(home, settings)
            except BaseException:
                lease.release()
                raise
            password = home.password.read_text(encoding="utf-8").strip()
    return Server(folder, home, postmaster.HOST, port, cluster.OWNER, password, lease)


def stop(server: Server) -> None:
    """Give up the claim; the last one to do so stops the server and waits for its end. A second call does nothing."""
    with _answerable(server.folder), locks.turn(server.folder):
        if server.lease.release():
            postmaster.stop(server.home)


@contextlib.contextmanager
def running(folder: Path, *, settings: Mapping[str, str] | None = None) -> Generator[Server]:
    """A server for the length of a block."""
    server = start(folder, settings=settings)
    try:
        yield server
    finally:
        stop(server)


def erase(folder: Path) -> bool:
    """Delete the data, stopping a server that nobody uses any more; false if somebody does."""
    with _answerable(folder), locks.turn(folder):
        if not folder.exists():
            return True
        home = homes.find(folder)
        is_erased = _erase(home)
        if is_erased:
            shutil.rmtree(folder, ignore_errors=True)
        return is_erased


def _erase(home: homes.Home) -> bool:
    if locks.is_leased(home.path):
        return False
    postmaster.stop(home)
    shutil.rmtree(home.path)
    return True


def _forget_deleted(folder: Path) -> None:
    """Delete what root kept elsewhere for an earlier folder of this name: whoever deletes the folder means it all."""
    for home in homes.forgotten(folder):
        _erase(home)


@contextlib.contextmanager
def _answerable(folder: Path) -> Generator[None]:
    """Turn what the machine refuses (a full disk, a folder of somebody else's) into our one error."""
    try:
        yield
    except OSError as error:
        raise errors.Unavailable(
            f"The embedded PostgreSQL cannot use {folder}: {error.strerror} ({error.filename})."
        ) from error
