"""Our row ids: UUIDv7 (RFC 9562), which sort by the millisecond they were made in.

Ids carry no meaning and decide nothing, so `new` may read the clock itself; it is the one place of this ring that does.
"""

import secrets
import time
from uuid import UUID

_VERSION_7 = 0x7 << 76
_VARIANT = 0b10 << 62


def new() -> UUID:
    """A fresh id."""
    return build(time.time_ns() // 1_000_000, secrets.randbits(74))


def build(unix_ms: int, random_bits: int) -> UUID:
    """The id of a millisecond and 74 random bits."""
    high, low = random_bits >> 62 & 0xFFF, random_bits & ((1 << 62) - 1)
    return UUID(int=(unix_ms & ((1 << 48) - 1)) << 80 | _VERSION_7 | high << 64 | _VARIANT | low)


def read(text: str) -> UUID | None:
    """The id that somebody typed or sent; None for what is none."""
    try:
        return UUID(text)
    except ValueError:
        return None
