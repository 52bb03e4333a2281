"""How many requests one key may send in a while: tokens that come back at a steady rate (GCRA).

Pure; time is an argument. Called by topup.runtime.key_ring, in the process and for this process alone: it keeps one
host application from starving the others of it, and guards no secret.
"""

from dataclasses import dataclass


@dataclass(slots=True)
class Bucket:
    """`burst` at once, then `per_second`. `free_at_seconds` is when the bucket will be full again."""

    per_second: int
    burst: int
    free_at_seconds: float = 0.0

    def take(self, now_seconds: float) -> float:
        """Take one and return 0, or leave everything as it is and return how many seconds to wait for one."""
        begins_seconds = max(self.free_at_seconds, now_seconds)
        wait_seconds = begins_seconds - now_seconds - (self.burst - 1) / self.per_second
        if wait_seconds > 0:
            return wait_seconds
        self.free_at_seconds = begins_seconds + 1 / self.per_second
        return 0
