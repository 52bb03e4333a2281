"""The folder of a demo: its secrets, made once and kept for the next start, and the lock that keeps a second demo out.

Everything a demo knows lies here (`.topup/` of the checkout by default); deleting the folder starts afresh. The file of
secrets is readable by its owner alone.
"""

import contextlib
import dataclasses
import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from topup import errors
from topup.core import api_keys

SECRETS = "demo.json"
LOCK = "demo.lock"
POSTGRES = "postgres"
STRIPE = "stripe.sqlite"
STRIPE_LOG = "stripe.log"
APP_PORT = 8000
STRIPE_PORT = 8420


@dataclasses.dataclass(frozen=True, slots=True)
class Kept:
    """What stays the same from start to start. Ports are those of the last start, and asked for again."""

    jwt_secret: str = dataclasses.field(repr=False)
    webhook_secret: str = dataclasses.field(repr=False)
    stripe_secret_key: str = dataclasses.field(repr=False)
    stripe_publishable_key: str
    admin_password: str = dataclasses.field(repr=False)
    api_key: str = dataclasses.field(repr=False)
    port: int = APP_PORT
    stripe_port: int = STRIPE_PORT


def default() -> Path:
    """`.topup` of the checkout this program runs from, else of the working directory."""
    checkout = Path(__file__).resolve().parents[3]
    return (checkout if (checkout / "pyproject.toml").is_file() else Path.cwd()) / ".topup"


@contextlib.contextmanager
def taken(folder: Path) -> Iterator[None]:
    """Have the folder to oneself, made if need be; the lock goes with the process, however it ends."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (folder / LOCK).open("a", encoding="utf-8")
    except OSError as fault:
        raise errors.Unavailable(f"{folder} cannot be used: {fault.strerror}.") from fault
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as fault:
            raise errors.Unavailable(f"A demo is running on {folder} already.", code="demo_running") from fault
        yield


def kept(folder: Path) -> Kept | None:
    """What an earlier start kept here; None where there was none, or an unreadable one."""
    try:
        return Kept(**json.loads((folder / SECRETS).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def last_port(folder: Path) -> int:
    """The app's port at the last start, which people may have in their browser."""
    known = kept(folder)
    return APP_PORT if known is None else known.port


def made() -> Kept:
    """Secrets for a first start."""
    return Kept(
        jwt_secret=secrets.token_hex(32),
        webhook_secret=f"whsec_{secrets.token_hex(24)}",
        stripe_secret_key=f"sk_test_{secrets.token_hex(24)}",
        stripe_publishable_key=f"pk_test_{secrets.token_hex(24)}",
        admin_password=secrets.token_urlsafe(12),
        api_key=api_keys.build(
            secrets.token_bytes(api_keys.PREFIX_BYTES), secrets.token_bytes(api_keys.SECRET_BYTES)
        ).text,
    )


def keep(folder: Path, what: Kept) -> None:
    """Write it for the next start, whole or not at all."""
    new = folder / f"{SECRETS}.new"
    new.unlink(missing_ok=True)
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123 - a path cannot say the mode
        json.dump(dataclasses.asdict(what), file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    new.replace(folder / SECRETS)
