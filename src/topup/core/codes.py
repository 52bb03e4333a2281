"""One-time codes: six digits that prove a mailbox, stored only as an HMAC under a server key (fault 71-73).

The HMAC covers purpose, address and the code row's id, so that a stored value is worth nothing for another purpose,
address or row. Six digits hold against guessing because tries are counted before comparing (`topup.db.codes`).
"""

import hashlib
import hmac
from typing import Literal
from uuid import UUID

Purpose = Literal["REGISTER", "RESET"]
NUMBERS = 1_000_000
MINUTES_VALID = 10


def text_of(number: int) -> str:
    """The six digits of a random number below `NUMBERS`."""
    return f"{number:06d}"


def seal(key: bytes, *, purpose: Purpose, email: str, code_id: UUID, code: str) -> bytes:
    """What is stored of a code."""
    return hmac.digest(key, "\n".join([purpose, email, str(code_id), code]).encode(), hashlib.sha256)


def is_match(sealed: bytes, candidate: bytes) -> bool:
    """Compare two seals in constant time."""
    return hmac.compare_digest(sealed, candidate)
