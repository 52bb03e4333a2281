"""Runs the slow password arithmetic in threads, a few at a time, so that a rush of sign-ins leaves the event loop free.

Each run needs 19 MiB and a core; waiting callers cost nothing (fault 83).
"""

import secrets

from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar

from topup.core import passwords

AT_ONCE_MAX = 4
_limiter: RunVar[CapacityLimiter] = RunVar("password limiter")


async def sealed(password: str) -> str:
    """What to store of a password."""
    return await to_thread.run_sync(
        passwords.seal, password, secrets.token_bytes(passwords.SALT_BYTES), limiter=_places()
    )


async def is_match(stored: str | None, password: str) -> bool:
    """Whether it is the stored password. Takes as long when nothing is stored (fault 74)."""
    is_same = await to_thread.run_sync(passwords.is_match, stored or passwords.NOBODYS, password, limiter=_places())
    return is_same and stored is not None


def _places() -> CapacityLimiter:
    limiter = _limiter.get(None)
    if limiter is None:
        limiter = CapacityLimiter(AT_ONCE_MAX)
        _limiter.set(limiter)
    return limiter
