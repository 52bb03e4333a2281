"""Makes the data of a new embedded PostgreSQL: checksums, UTF-8, no locale of the machine, and passwords for everyone.

A cluster is made beside its final place and moved there when complete, so a kill in the middle leaves no half database.
An existing one is never changed, only refused when the installed binaries cannot read it. Called by the front door.
"""

import secrets
import shutil

from topup import errors
from topup.runtime.embedded import home as homes
from topup.runtime.embedded import programs

OWNER = "topup"


def ensure(home: homes.Home, *, is_durable: bool) -> bool:
    """Make the cluster unless it is there; true if it was made now."""
    if home.data.exists():
        _refuse_other_version(home)
        return False
    making = home.path / "data.making"
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(mode=0o700)
    home.give(making)
    _write_password(home)
    programs.run(
        home,
        "initdb",
        f"--pgdata={making}",
        f"--username={OWNER}",
        f"--pwfile={home.password}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--locale=C",
        "--data-checksums",
        "--no-instructions",
        *(() if is_durable else ("--no-sync",)),
    )
    making.rename(home.data)
    return True


def _write_password(home: homes.Home) -> None:
    home.password.unlink(missing_ok=True)
    home.password.touch(mode=0o600)
    home.password.write_text(f"{secrets.token_urlsafe(32)}\n", encoding="utf-8")
    home.give(home.password)


def _refuse_other_version(home: homes.Home) -> None:
    found = (home.data / "PG_VERSION").read_text(encoding="utf-8").strip()
    if found != homes.POSTGRES_MAJOR:
        raise errors.Unavailable(
            f"The database in {home.path} was made by PostgreSQL {found} and the one installed is "
            f"{homes.POSTGRES_MAJOR}: move the folder away to start fresh."
        )
