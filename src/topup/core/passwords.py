"""Passwords: what we take and how they are kept (Argon2id; OWASP's first recommended figures).

Pure but slow on purpose, about 20 ms: `topup.flows.hashing` runs it off the event loop. Compared in NFKC, so that the
same password typed on another keyboard is the same password.
"""

import unicodedata

import argon2
from argon2 import exceptions

LENGTH_MIN = 8
LENGTH_MAX = 128
SALT_BYTES = 16
_HASHER = argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, hash_len=32, salt_len=SALT_BYTES)


def seal(password: str, salt: bytes) -> str:
    """What is stored of a password."""
    return _HASHER.hash(_normal(password), salt=salt)


def is_match(sealed: str, password: str) -> bool:
    """Whether the password is the stored one."""
    try:
        return _HASHER.verify(sealed, _normal(password))
    except (exceptions.VerificationError, exceptions.InvalidHashError):
        return False


def is_outdated(sealed: str) -> bool:
    """Whether the stored value was made with other figures than today's."""
    return _HASHER.check_needs_rehash(sealed)


def _normal(password: str) -> str:
    return unicodedata.normalize("NFKC", password)


NOBODYS = seal("nobody has this password", b"nobody has this!")
"""Compared against when there is no such person, so that the answer takes as long as for somebody (fault 74)."""
