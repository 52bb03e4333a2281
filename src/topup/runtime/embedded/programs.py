"""Runs PostgreSQL's programs as the server's user, with an environment of their own and output in the log.

They see none of our secrets and no PG* variable of the caller's, and form a session of their own, so that Ctrl-C in a
terminal reaches us alone and we decide what stops first. Called by the modules that make, start and stop a cluster.
"""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from topup import errors
from topup.runtime.embedded import home as homes

LOG_BYTES_MAX = 4_000_000
TAIL_LINES = 8


def launch(
    home: homes.Home, program: str, *arguments: str, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start one of the programs, its output appended to the log."""
    command = [str(home.binaries / "bin" / program), *arguments]
    try:
        home.log.touch(mode=0o600)
        with home.log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - our own binaries and arguments, no shell
                command,
                cwd=home.path,
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC", **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                user=home.user,
                group=home.group,
                extra_groups=None if home.user is None else [],
                umask=0o077,
            )
    except (OSError, subprocess.SubprocessError) as error:
        raise errors.Unavailable(f"PostgreSQL's {program} cannot be run from {home.binaries}: {error}.") from error


def run(home: homes.Home, program: str, *arguments: str) -> None:
    """Run one of the programs to its end."""
    if launch(home, program, *arguments).wait():
        raise errors.Unavailable(with_log(home, f"PostgreSQL's {program} failed."))


def trim_log(home: homes.Home) -> None:
    """Keep one old log at most, so that a long life does not fill the disk."""
    if log_size(home) > LOG_BYTES_MAX:
        home.log.replace(home.path / "postgres.log.old")


def log_size(home: homes.Home) -> int:
    """Bytes written so far: what is read from here on is new."""
    return home.log.stat().st_size if home.log.exists() else 0


def log_since(path: Path, offset: int) -> str:
    """What was logged after that many bytes."""
    if not path.exists():
        return ""
    with path.open("rb") as log:
        log.seek(offset)
        return log.read().decode("utf-8", "replace")


def with_log(home: homes.Home, sentence: str) -> str:
    """Put the end of the log below a sentence, indented."""
    lines = log_since(home.log, 0).splitlines()[-TAIL_LINES:]
    return "\n".join([sentence, f"The end of {home.log}:", *(f"  {line}" for line in lines)])
