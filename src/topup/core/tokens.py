"""What a signed-in device carries: a short-lived access token (JWT) and opaque secrets kept only as digests.

An access token names a login and proves nothing alone: whoever reads it must also look at the login's row. One
algorithm, one exact header and our own key only, so that nothing in a token can choose how it is checked (fault 69).
"""

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from joserfc import jwk, jwt
from joserfc.errors import JoseError

ACCESS_SECONDS = 3600
ISSUER = "topup"
AUDIENCE = "topup-api"
_HEADER = {"alg": "HS256", "typ": "at+jwt"}
_CLAIMS = frozenset({"iss", "aud", "sub", "sid", "iat", "exp"})
_TEXT_LENGTH_MAX = 2048


@dataclass(frozen=True, slots=True)
class Access:
    """What a genuine access token says."""

    user_id: UUID
    login_id: UUID
    expires_at: datetime


def issue_access(key: bytes, *, user_id: UUID, login_id: UUID, issued_at: datetime) -> str:
    """An access token for one login, good for `ACCESS_SECONDS`."""
    issued = int(issued_at.timestamp())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": str(user_id),
        "sid": str(login_id),
        "iat": issued,
        "exp": issued + ACCESS_SECONDS,
    }
    return jwt.encode(dict(_HEADER), claims, _oct(key), algorithms=[_HEADER["alg"]])


def read_access(key: bytes, text: str) -> Access | None:
    """What the token says, or None when it is not genuine. `topup.db.logins` compares its end."""
    if len(text) > _TEXT_LENGTH_MAX or not text.isascii():
        return None
    try:
        token = jwt.decode(text, _oct(key), algorithms=[_HEADER["alg"]])
        return _access(token.claims) if token.header == _HEADER else None
    except (JoseError, ValueError, TypeError, KeyError, OverflowError):
        return None


def secret_text(prefix: str, randomness: bytes) -> str:
    """An opaque secret such as `topup_rt_...`; `randomness` is at least 32 bytes."""
    return f"{prefix}{base64.urlsafe_b64encode(randomness).rstrip(b'=').decode()}"


def digest(secret: str) -> bytes:
    """What is stored of an opaque secret. It has 256 random bits, so a plain hash cannot be searched."""
    return hashlib.sha256(secret.encode()).digest()


def _access(claims: dict[str, Any]) -> Access | None:
    if (
        claims.keys() != _CLAIMS
        or claims["iss"] != ISSUER
        or claims["aud"] != AUDIENCE
        or type(claims["exp"]) is not int
    ):
        return None
    if type(claims["sub"]) is not str or type(claims["sid"]) is not str:
        return None
    expires_at = datetime.fromtimestamp(0, UTC) + timedelta(seconds=claims["exp"])
    return Access(UUID(claims["sub"]), UUID(claims["sid"]), expires_at)


@lru_cache(maxsize=8)
def _oct(key: bytes) -> jwk.OctKey:
    return jwk.OctKey.import_key(key)
