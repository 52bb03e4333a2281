"""The keys that this deployment signs and hides with, each derived from JWT_SECRET for one purpose.

One purpose a key, so that a value made for one place proves nothing in another. Pure; whoever needs a key is handed it.
"""

import hashlib
import hmac
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True, repr=False)
class Keys:
    """32 bytes each."""

    access_token: bytes
    code: bytes
    csrf: bytes
    bucket: bytes


@lru_cache(maxsize=8)
def derive(jwt_secret: str) -> Keys:
    """All keys of a deployment."""
    return Keys(
        access_token=_key(jwt_secret, "access token"),
        code=_key(jwt_secret, "one-time code"),
        csrf=_key(jwt_secret, "form token"),
        bucket=_key(jwt_secret, "rate limit bucket"),
    )


def _key(jwt_secret: str, purpose: str) -> bytes:
    return hmac.digest(jwt_secret.encode(), f"topup 1: {purpose}".encode(), hashlib.sha256)
