"""Signs deliveries as Stripe does, and in the wrong ways that a careful receiver must notice.

`t` is always the wall's time, never the sandbox's clock: a receiver compares it with its own clock. Pure.
"""

import hashlib
import hmac
from typing import Final

MANNERS: Final = ("right", "wrong_secret", "v0_only", "two_v1", "stale", "altered", "none")

WRONG_SECRET: Final = "whsec_not_the_one_you_know"  # noqa: S105 - wrong on purpose
STALE_S: Final = 3600


def header(manner: str, payload: bytes, secret: str, at: int) -> str:
    """Return the Stripe-Signature header; empty when the manner is to send none."""
    if manner == "none":
        return ""
    if manner == "stale":
        at -= STALE_S
    right, wrong = _digest(payload, secret, at), _digest(payload, WRONG_SECRET, at)
    marks = {
        "wrong_secret": f"v1={wrong}",
        "v0_only": f"v0={right}",
        "two_v1": f"v1={wrong},v1={right}",
        "altered": f"v1={_digest(payload + b' ', secret, at)}",
    }
    return f"t={at}," + marks.get(manner, f"v1={right},v0={wrong}")


def _digest(payload: bytes, secret: str, at: int) -> str:
    return hmac.new(secret.encode(), f"{at}.".encode() + payload, hashlib.sha256).hexdigest()
