"""What an API key looks like, and what the application behind it may do.

`topup_sk_<prefix>_<secret>`: the prefix is public and finds the row, the secret has 256 random bits and is stored as
its SHA-256 (a slow hash would add nothing to that many bits). Pure; read by the key ring, made by topup.flows.keys.
"""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

Scope = Literal["read", "spend", "grant", "admin"]
SCOPES: tuple[Scope, ...] = ("read", "spend", "grant", "admin")

MARK = "topup_sk_"
NAME_LENGTH_MAX = 100
PREFIX_BYTES = 10
SECRET_BYTES = 32
_SHAPE = re.compile(r"topup_sk_([a-z2-7]{16})_([a-z2-7]{52})")


@dataclass(frozen=True, slots=True)
class Application:
    """A host application that showed a key. It outlives the key: after a rotation it is the same application."""

    application_id: UUID
    key_id: UUID
    name: str
    scopes: frozenset[Scope]

    @property
    def actor(self) -> str:
        """How the ledger and idempotency name this application."""
        return f"application:{self.application_id}"

    def may(self, scope: Scope) -> bool:
        """Whether the key opens calls of a scope; `admin` opens them all."""
        return scope in self.scopes or "admin" in self.scopes


@dataclass(frozen=True, slots=True, repr=False)
class Key:
    """A key taken apart. `text` is secret."""

    prefix: str
    text: str

    def digest(self) -> bytes:
        """What is stored of the key."""
        return hashlib.sha256(self.text.encode()).digest()

    def fits(self, digest: bytes) -> bool:
        """Whether this is the key of a stored digest; takes the same time wherever they differ (fault 76)."""
        return hmac.compare_digest(self.digest(), digest)


def build(prefix_bytes: bytes, secret_bytes: bytes) -> Key:
    """The key of so many random bytes: `PREFIX_BYTES` and `SECRET_BYTES`."""
    prefix = _letters(prefix_bytes)
    return Key(prefix, f"{MARK}{prefix}_{_letters(secret_bytes)}")


def read(text: str) -> Key | None:
    """The key in a bearer token; None when it has not the shape of one."""
    found = _SHAPE.fullmatch(text)
    return None if found is None else Key(found[1], text)


def _letters(random_bytes: bytes) -> str:
    return base64.b32encode(random_bytes).decode().rstrip("=").lower()
