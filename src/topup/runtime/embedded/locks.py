"""Who may start or stop the embedded PostgreSQL, decided by file locks that end with the process that holds them.

A turn is exclusive and short: one process at a time looks, starts or stops. A lease is shared and lasts as long as a
process uses the server; it is taken on the folder itself, which also tells systemd-tmpfiles to leave the folder alone.
Neither asks for a process id, so a kill -9 leaves nothing to clean up. The package's front door calls both.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Generator
from pathlib import Path

from topup import errors

TURN_WAIT_SECONDS = 120


@contextlib.contextmanager
def turn(folder: Path) -> Generator[None]:
    """Hold the exclusive right to start and stop in this folder, waiting while another process has it.

    Where somebody deleted the folder there is nothing left to take turns about.
    """
    if not folder.exists():
        yield
        return
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        give_up_at = time.monotonic() + TURN_WAIT_SECONDS
        while not _locked(handle, fcntl.LOCK_EX):
            if time.monotonic() > give_up_at:
                raise errors.Unavailable(
                    f"Another process has been starting or stopping PostgreSQL in {folder} for too long."
                )
            time.sleep(0.02)
        yield
    finally:
        os.close(handle)


class Lease:
    """One user's claim on a running server; ends at release() or with the process, whichever comes first."""

    def __init__(self, folder: Path) -> None:
        """Take the lease; call inside a turn, so that nobody is stopping the server meanwhile."""
        self._handle: int | None = os.open(folder, os.O_RDONLY)
        fcntl.flock(self._handle, fcntl.LOCK_SH)

    def release(self) -> bool:
        """End the claim; true for exactly one caller, the last one, who then has to stop the server."""
        if self._handle is None:
            return False
        was_last = _locked(self._handle, fcntl.LOCK_EX)
        os.close(self._handle)
        self._handle = None
        return was_last


def is_leased(folder: Path) -> bool:
    """Whether some process uses the server in this folder; call inside a turn."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        return not _locked(handle, fcntl.LOCK_EX)
    finally:
        os.close(handle)


def _locked(handle: int, kind: int) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
