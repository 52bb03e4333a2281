"""Access tokens: nothing in a token chooses how it is checked (fault 69)."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from joserfc import jwk, jwt

from topup.core import keys, tokens

KEY = keys.derive("tests-only-tests-only-tests-only-tests").access_token
USER, LOGIN = UUID(int=7), UUID(int=8)
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
HEADER = {"alg": "HS256", "typ": "at+jwt"}
CLAIMS = {
    "iss": "topup",
    "aud": "topup-api",
    "sub": str(USER),
    "sid": str(LOGIN),
    "iat": int(NOW.timestamp()),
    "exp": int(NOW.timestamp()) + 3600,
}
RSA = jwk.RSAKey.generate_key(2048)


def _part(said: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(said).encode()).rstrip(b"=").decode()


def _signed(header: Mapping[str, Any], claims: object, key: bytes = KEY, digest: str = "sha256") -> str:
    signed = f"{_part(header)}.{_part(claims)}"
    mac = hmac.digest(key, signed.encode(), digest)
    return f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def test_a_token_of_ours_says_whose_login_it_is_and_when_it_ends() -> None:
    text = tokens.issue_access(KEY, user_id=USER, login_id=LOGIN, issued_at=NOW)
    assert tokens.read_access(KEY, text) == tokens.Access(USER, LOGIN, NOW + timedelta(hours=1))
    assert tokens.read_access(KEY, _signed(HEADER, CLAIMS)) is not None


GENUINE = _signed(HEADER, CLAIMS)
FORGED = {
    "empty": "",
    "words": "not a token",
    "two parts": ".".join(GENUINE.split(".")[:2]),
    "four parts": GENUINE + ".x",
    "no signature": ".".join([*GENUINE.split(".")[:2], ""]),
    "another signature": GENUINE[:-4] + "AAAA",
    "padded": GENUINE + "=",
    "with a line end": GENUINE + "\n",
    "beyond ASCII": GENUINE + "\u00e9",
    "very long": GENUINE + "A" * 3000,
    "alg none": f"{_part({'alg': 'none', 'typ': 'at+jwt'})}.{_part(CLAIMS)}.",
    "alg None": f"{_part({'alg': 'None', 'typ': 'at+jwt'})}.{_part(CLAIMS)}.",
    "alg none, signed": _signed({"alg": "none", "typ": "at+jwt"}, CLAIMS),
    "alg HS384": _signed({"alg": "HS384", "typ": "at+jwt"}, CLAIMS, digest="sha384"),
    "alg HS512": _signed({"alg": "HS512", "typ": "at+jwt"}, CLAIMS, digest="sha512"),
    "alg says RS256, made with HMAC": _signed({"alg": "RS256", "typ": "at+jwt"}, CLAIMS),
    "RS256 by a key of theirs": jwt.encode({"alg": "RS256", "typ": "at+jwt"}, CLAIMS, RSA, algorithms=["RS256"]),
    "HMAC by a public key": _signed(HEADER, CLAIMS, key=RSA.as_pem(private=False)),
    "alg missing": _signed({"typ": "at+jwt"}, CLAIMS),
    "alg a list": _signed({"alg": ["HS256"], "typ": "at+jwt"}, CLAIMS),
    "another key": _signed(HEADER, CLAIMS, key=b"x" * 32),
    "an empty key": _signed(HEADER, CLAIMS, key=b""),
    "the secret itself as key": _signed(HEADER, CLAIMS, key=b"tests-only-tests-only-tests-only-tests"),
    "the key of another purpose": _signed(
        HEADER, CLAIMS, key=keys.derive("tests-only-tests-only-tests-only-tests").csrf
    ),
    "typ JWT": _signed({"alg": "HS256", "typ": "JWT"}, CLAIMS),
    "typ missing": _signed({"alg": "HS256"}, CLAIMS),
    "kid": _signed({**HEADER, "kid": "../../dev/null"}, CLAIMS),
    "jku": _signed({**HEADER, "jku": "https://example.com/keys"}, CLAIMS),
    "jwk": _signed({**HEADER, "jwk": {"kty": "oct", "k": "AAAA"}}, CLAIMS),
    "x5u": _signed({**HEADER, "x5u": "https://example.com/cert"}, CLAIMS),
    "crit": _signed({**HEADER, "crit": ["exp"]}, CLAIMS),
    "b64 false": _signed({**HEADER, "b64": False, "crit": ["b64"]}, CLAIMS),
    "zip": _signed({**HEADER, "zip": "DEF"}, CLAIMS),
    "header a list": _signed([], CLAIMS),  # type: ignore[arg-type]
    "claims a list": _signed(HEADER, []),
    "claims a number": _signed(HEADER, 1),
    "an encrypted one": "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA",
}
WRONG_CLAIMS: dict[str, dict[str, Any]] = {
    "another issuer": {"iss": "https://accounts.google.com"},
    "no issuer": {"iss": None},
    "another audience": {"aud": "somebody-else"},
    "audience a list": {"aud": ["topup-api", "x"]},
    "no end": {"exp": None},
    "end a string": {"exp": "9999999999"},
    "end a fraction": {"exp": 9999999999.5},
    "end true": {"exp": True},
    "end beyond all time": {"exp": 10**30},
    "no person": {"sub": None},
    "person no id": {"sub": "alice"},
    "no login": {"sid": None},
    "login a list": {"sid": [str(LOGIN)]},
    "person a number": {"sub": 7},
    "not before": {"nbf": 4_000_000_000},
    "a claim that we do not make": {"isAdmin": True},
    "login no id": {"sid": "1; DROP TABLE logins"},
}


@pytest.mark.parametrize("text", FORGED.values(), ids=FORGED.keys())
def test_a_forged_token_is_nothing(text: str) -> None:
    assert tokens.read_access(KEY, text) is None


@pytest.mark.parametrize("change", WRONG_CLAIMS.values(), ids=WRONG_CLAIMS.keys())
def test_a_token_of_ours_for_something_else_is_nothing(change: dict[str, Any]) -> None:
    claims = {name: value for name, value in {**CLAIMS, **change}.items() if value is not None}
    assert tokens.read_access(KEY, _signed(HEADER, claims)) is None


def test_opaque_secrets_are_kept_as_digests() -> None:
    secret = tokens.secret_text("topup_rt_", bytes(range(32)))
    assert secret.startswith("topup_rt_")
    assert tokens.digest(secret) == hashlib.sha256(secret.encode()).digest()
    assert secret == "topup_rt_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
