"""The sandbox's own time: the wall's, plus an offset that tests move and that survives a restart.

Objects, events, expiry, debits and retries follow it. A delivery's signature never does.
"""

import time
from collections.abc import Callable

from stripe_sandbox.store import Store


class Clock:
    """The wall clock moved by an offset."""

    def __init__(self, store: Store, wall: Callable[[], float] = time.time) -> None:
        self.store = store
        self.wall = wall
        self.offset_s = float(store.recall("clock_offset_s", 0.0))

    def now(self) -> float:
        """Return the sandbox's time, in seconds since 1970."""
        return self.wall() + self.offset_s

    def move(self, offset_s: float) -> None:
        """Set how far the sandbox is ahead of the wall (behind it, when negative)."""
        with self.store.transaction():
            self.store.remember("clock_offset_s", offset_s)
        self.offset_s = offset_s
