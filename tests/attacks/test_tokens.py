"""Tokens that somebody made, bent, stole or kept: none opens anything, and none is told to the log (faults 69, 70, 87).

`tests/core/test_tokens.py` holds the pure rule against the corpus; here each token is genuine in all but one thing,
names a login that lives, and comes through every layer.
"""

import base64
import json
import time
from collections.abc import Iterator
from typing import Any, LiteralString

import httpx2
import psycopg
import pytest
from joserfc import jwk, jwt

from tests import oidc
from tests.attacks import listening
from tests.core import test_tokens as corpus
from tests.web import visits
from tests.web.conftest import ORIGIN, PASSWORD, Visitor
from topup.core import keys
from topup.runtime import house as houses
from topup.runtime.house import House
from topup.settings import Settings
from topup.web import app

MADE_MIN = 40
RSA = jwk.RSAKey.generate_key(2048)
FAR = 4_000_000_000
WRONG_CLAIMS: list[dict[str, object]] = [
    {"iss": "https://accounts.google.com"},
    {"aud": "topup-web"},
    {"aud": ["topup-api"]},
    {"exp": 1},
    {"exp": str(FAR)},
    {"exp": -1},
    {"exp": 1e300},
    {"nbf": FAR},
    {"sid": "00000000-0000-7000-8000-000000000000"},
    {"sid": None},
    {"isAdmin": True},
]


def claims_of(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def crafted(house: House, visitor: Visitor, other: Visitor) -> Iterator[tuple[str, str]]:
    """What is wrong with it, and the token."""
    genuine, key = visitor.login["accessToken"], house.keys.access_token
    claims, header = claims_of(genuine), dict(corpus.HEADER)
    head, body, mac = genuine.split(".")

    def signed(changed_header: object = None, changed: object = None, **how: Any) -> str:
        return corpus._signed(changed_header or header, changed or claims, **{"key": key, **how})  # type: ignore[arg-type]

    for name in ("kid", "jku", "jwk", "x5u", "x5c", "crit", "zip", "cty", "b64", "nonce"):
        yield f"header {name}", signed({**header, name: "https://evil.example/keys.json"})
    for alg in (
        "none",
        "None",
        "NONE",
        "nOnE",
        "",
        "HS384",
        "HS512",
        "RS256",
        "PS256",
        "ES256",
        "EdDSA",
        "dir",
        "hs256",
    ):
        digest = {"HS384": "sha384", "HS512": "sha512"}.get(alg, "sha256")
        yield f"alg {alg!r}, signed", signed({**header, "alg": alg}, digest=digest)
        yield f"alg {alg!r}, bare", f"{corpus._part({**header, 'alg': alg})}.{body}."
    yield "RS256 with a key of theirs", jwt.encode({"alg": "RS256", "typ": "at+jwt"}, claims, RSA, algorithms=["RS256"])
    yield "HMAC under a public key", signed(key=RSA.as_pem(private=False))
    for typ in ("JWT", "rt+jwt", "AT+JWT", "application/at+jwt", "", None):
        yield f"typ {typ!r}", signed({**header, "typ": typ})
    for name, value in (("key of zeros", b"\0" * 32), ("empty key", b""), ("secret itself", b"tests-only-" * 3)):
        yield name, signed(key=value)
    for purpose in ("csrf", "code", "bucket"):
        yield f"our key for {purpose}", signed(key=getattr(house.keys, purpose))
    for change in WRONG_CLAIMS:
        yield f"claims {change}", signed(changed={**claims, **change})
    yield "of somebody else", signed(changed={**claims, "sub": other.user["id"]})
    yield "login a list", signed(changed={**claims, "sid": [claims["sid"]]})
    yield "person in capitals", signed(changed={**claims, "sub": claims["sub"].upper() + " "})
    yield "one claim fewer", signed(changed={name: value for name, value in claims.items() if name != "iat"})
    yield "a claim twice", _raw(head, json.dumps(claims)[:-1] + f', "exp": {FAR}}}', b"not our key")
    yield "cut", genuine[:-7]
    yield "signature of zeros", f"{head}.{body}.{'A' * len(mac)}"
    yield "another's signature", f"{head}.{body}.{other.login['accessToken'].split('.')[2]}"
    yield "parts swapped", f"{body}.{head}.{mac}"
    yield "five parts", f"{genuine}.{mac}.{mac}"
    yield "huge", genuine + "A" * 30_000
    yield "padded", genuine + "=="
    yield "two tokens", f"{genuine}, {genuine}"
    yield "quoted", f'"{genuine}"'
    yield "refresh token", visitor.login["refreshToken"]
    yield "page cookie", "topup_pg_" + "A" * 43
    yield "a key that is none", "topup_sk_" + "A" * 60
    yield (
        "ID token",
        jwt.encode(
            {"alg": "RS256", "kid": "first"},
            {**claims, "aud": oidc.CLIENT_ID, "exp": int(time.time()) + 3600},
            RSA,
            algorithms=["RS256"],
        ),
    )


def _raw(head: str, claims: str, key: bytes) -> str:
    body = base64.urlsafe_b64encode(claims.encode()).rstrip(b"=").decode()
    mac = corpus.hmac.digest(key, f"{head}.{body}".encode(), "sha256")
    return f"{head}.{body}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


async def test_no_token_but_our_own_opens_anything_and_none_is_logged(
    house: House, alice: Visitor, bob: Visitor, client: httpx2.AsyncClient
) -> None:
    tokens = dict(crafted(house, alice, bob))
    assert len(tokens) >= MADE_MIN
    opened = []
    with listening.to_the_log() as heard:
        for name, token in tokens.items():
            answer = await client.get("/api/auth/me", headers={"Authorization": f"Bearer {token}"})
            if (answer.status_code, answer.headers.get("www-authenticate")) != (401, "Bearer"):
                opened.append((name, answer.status_code))
            assert token not in answer.text
        written = heard.getvalue()
    assert opened == []
    assert '"route": "/api/auth/me"' in written, "nothing was listened to"
    parts = {part for token in tokens.values() for part in token.split(".") if len(part) > 20}
    assert [part for part in parts if part in written] == []
    assert (await alice.client.get("/api/auth/me")).status_code == 200


@pytest.mark.parametrize(
    "header",
    ["Bearer\t{}", "bearer:{}", "Token {}", "Bearer Bearer {}", "Basic {}", "Bearer \u00a0{}", "Bearer {}\u00e9"],
)
async def test_a_genuine_token_in_an_odd_header_is_nobody(
    alice: Visitor, client: httpx2.AsyncClient, header: str
) -> None:
    """Fault 69."""
    sent = header.format(alice.login["accessToken"]).encode()
    answer = await client.get("/api/auth/me", headers=[(b"authorization", sent)])
    assert answer.status_code == 401


@pytest.mark.parametrize("place", ["?access_token={}", "?token={}", "?authorization=Bearer%20{}"])
async def test_a_token_in_an_address_is_not_looked_at(alice: Visitor, client: httpx2.AsyncClient, place: str) -> None:
    """Fault 76: addresses end up in logs."""
    assert (await client.get("/api/auth/me" + place.format(alice.login["accessToken"]))).status_code == 401


async def test_a_new_secret_ends_every_token_of_the_old_one(
    house: House, alice: Visitor, settings: Settings, client: httpx2.AsyncClient
) -> None:
    """Faults 70, 89: access tokens and open codes are dead at once; sign-ins, which are rows, are not."""
    await client.post("/api/auth/forgot-password", json={"email": "alice@example.com"})
    rotated = settings.model_copy(
        update={"jwt_secret": type(settings.jwt_secret)("another-secret-of-32-characters-and-more")}
    )
    assert keys.derive(rotated.jwt_secret.get_secret_value()) != house.keys
    async with houses.opened(rotated) as after:
        transport = httpx2.ASGITransport(app=app.create_app(after))
        async with httpx2.AsyncClient(transport=transport, base_url=ORIGIN) as later:
            old = {"Authorization": f"Bearer {alice.login['accessToken']}"}
            assert (await later.get("/api/auth/me", headers=old)).status_code == 401
            traded = await later.post("/api/auth/refresh", json={"refreshToken": alice.login["refreshToken"]})
            assert traded.status_code == 200
            new = {"Authorization": f"Bearer {traded.json()['accessToken']}"}
            assert (await later.get("/api/auth/me", headers=new)).status_code == 200
            assert (await client.get("/api/auth/me", headers=new)).status_code == 401


@pytest.mark.parametrize(
    "act",
    [
        "UPDATE users SET disabled_at = topup_now()",
        "UPDATE logins SET ended_at = topup_now()",
        "UPDATE logins SET expires_at = topup_now()",
        "DELETE FROM refresh_tokens; DELETE FROM logins",
    ],
)
async def test_a_token_is_worth_no_more_than_its_row(alice: Visitor, database_url: str, act: LiteralString) -> None:
    """Fault 70: ban, sign-out, end and a lost row act on the very next request."""
    assert (await alice.client.get("/api/credits")).status_code == 200
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute(act)
    assert (await alice.client.get("/api/credits")).status_code == 401
    refused = await alice.client.post("/api/auth/refresh", json={"refreshToken": alice.login["refreshToken"]})
    assert refused.status_code == 401


async def test_signing_in_again_leaves_nothing_of_what_a_browser_brought(
    alice: Visitor, client: httpx2.AsyncClient
) -> None:
    """Fault 77, session fixation: a cookie that was planted before signing in is not the one that is signed in."""
    planted = "topup_pg_" + "A" * 43
    client.cookies.set("topup-8000", planted)
    sent = await visits.post(client, "/sign-in", page="/sign-in", email="alice@example.com", password=PASSWORD)
    assert sent.status_code == 303
    given = [cookie for cookie in sent.headers.get_list("set-cookie") if cookie.startswith("topup-8000=")]
    assert len(given) == 1
    assert planted not in given[0]
    for part in ("HttpOnly", "SameSite=lax", "Path=/"):
        assert part in given[0]
    client.cookies.clear()
    client.cookies.set("topup-8000", planted)
    assert (await client.get("/api/auth/me")).status_code == 401
