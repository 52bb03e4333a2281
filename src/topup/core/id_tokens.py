"""Reads an OpenID Connect ID token: who the issuer vouches for, or None (fault 75).

Signature first, by the issuer's own keys and two named algorithms; then issuer, audience, times and subject. The
identity is (issuer, subject); an address is only believed when the issuer says that it verified it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from joserfc import jwk, jwt
from joserfc.errors import JoseError

ALGORITHMS = ("RS256", "ES256")
TEXT_LENGTH_MAX = 8192
_CLOCKS_DIFFER_SECONDS = 60
_SUBJECT_LENGTH_MAX = 255
_GOOGLE = "https://accounts.google.com"


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody whom an issuer vouches for. `email` is as written there, and verified by the issuer."""

    issuer: str
    subject: str
    email: str
    first_name: str
    last_name: str


def read(text: str, keys: jwk.KeySet, *, issuer: str, client_id: str, now: datetime) -> Identity | None:
    """The identity in a genuine, fresh token that was made for us."""
    if len(text) > TEXT_LENGTH_MAX or not text.isascii():
        return None
    try:
        claims = jwt.decode(text, keys, algorithms=ALGORITHMS).claims
        return _identity(claims, issuer) if _is_for_us(claims, issuer, client_id, now.timestamp()) else None
    except (JoseError, ValueError, TypeError, KeyError):
        return None


def _is_for_us(claims: dict[str, Any], issuer: str, client_id: str, now_seconds: float) -> bool:
    issuers = {issuer, issuer.removeprefix("https://")} if issuer == _GOOGLE else {issuer}
    return (
        claims["iss"] in issuers
        and claims["aud"] in (client_id, [client_id])
        and claims.get("azp", client_id) == client_id
        and _whole(claims["exp"]) > now_seconds - _CLOCKS_DIFFER_SECONDS
        and _whole(claims["iat"]) < now_seconds + _CLOCKS_DIFFER_SECONDS
        and claims.get("email_verified") is True
    )


def _identity(claims: dict[str, Any], issuer: str) -> Identity | None:
    subject, email = claims["sub"], claims["email"]
    if not isinstance(subject, str) or not isinstance(email, str) or not 0 < len(subject) <= _SUBJECT_LENGTH_MAX:
        return None
    return Identity(issuer, subject, email, _text(claims.get("given_name")), _text(claims.get("family_name")))


def _whole(value: object) -> int:
    if type(value) is not int:
        raise TypeError
    return value


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
