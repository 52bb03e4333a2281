"""Stops asking a service that does not answer, so that callers are told at once instead of queueing behind timeouts.

After several failures in a row it refuses for a while, then lets one caller try. It decides no money: a refused call
was never made (fault 34).
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class Breaker:
    """Counts failures in a row. `monotonic` is the clock, in seconds."""

    monotonic: Callable[[], float]
    failures_max: int = 5
    rest_seconds: float = 5.0
    _failures: int = 0
    _rests_until: float = 0.0

    def may_call(self) -> bool:
        """Whether to make the call; after a rest one caller in each `rest_seconds` may, until one succeeds."""
        if self._failures < self.failures_max:
            return True
        now = self.monotonic()
        if now < self._rests_until:
            return False
        self._rests_until = now + self.rest_seconds
        return True

    def succeeded(self) -> None:
        """The service answered."""
        self._failures = 0

    def failed(self) -> None:
        """The service did not answer, or only to say that it cannot."""
        self._failures += 1
        if self._failures >= self.failures_max:
            self._rests_until = self.monotonic() + self.rest_seconds
