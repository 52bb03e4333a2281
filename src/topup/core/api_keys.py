"""API keys of host applications: `topup_sk_<prefix>_<secret>`. The prefix finds the row, the digest of all proves it.

256 random bits need no slow hash; a digest is compared in constant time by whoever looks it up (fault 76). Pure.
"""

import hashlib
import re

START = "topup_sk_"
PREFIX_BYTES = 6
SECRET_BYTES = 32
SCOPES = ("read", "spend", "grant", "admin")

_SHAPE = re.compile(rf"{START}([0-9a-f]{{{PREFIX_BYTES * 2}}})_[0-9a-f]{{{SECRET_BYTES * 2}}}")


def build(prefix: bytes, secret: bytes) -> str:
    """A key from random bytes."""
    return f"{START}{prefix.hex()}_{secret.hex()}"


def prefix_of(key: str) -> str | None:
    """What finds the key's row; None when it cannot be a key of ours."""
    found = _SHAPE.fullmatch(key)
    return found[1] if found else None


def digest(key: str) -> bytes:
    """What is stored of a key."""
    return hashlib.sha256(key.encode()).digest()
