"""Signing in with an ID token (fault 75)."""

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator

import httpx2
import psycopg
import pytest
from joserfc import jwk, jwt

from tests import oidc
from tests.web.conftest import ORIGIN, Visitor
from topup.runtime import house as houses
from topup.settings import Settings
from topup.web import app


@pytest.fixture(scope="module")
def issuer() -> Iterator[oidc.Issuer]:
    with oidc.running() as issuer:
        yield issuer


@pytest.fixture
async def house(settings: Settings, issuer: oidc.Issuer) -> AsyncIterator[houses.House]:
    """A house that knows the issuer."""
    known = {"google_client_id": oidc.CLIENT_ID, "google_issuer": issuer.address}
    async with houses.opened(settings.model_copy(update=known)) as house:
        yield house


async def _sign_in(client: httpx2.AsyncClient, token: str) -> httpx2.Response:
    return await client.post("/api/auth/google", json={"idToken": token})


def _count(database_url: str) -> tuple[int, int]:
    with psycopg.connect(database_url) as connection:
        row = connection.execute(
            "SELECT (SELECT count(*) FROM users), (SELECT coalesce(sum(amount), 0)::int FROM lots)"
        )
        return row.fetchone() or (0, 0)


async def test_a_person_seen_for_the_first_time_is_a_student_with_a_welcome(
    client: httpx2.AsyncClient, issuer: oidc.Issuer, database_url: str
) -> None:
    answer = await _sign_in(client, issuer.token())
    user = answer.json()["user"]
    assert (user["email"], user["firstName"], user["lastName"]) == ("grace@example.com", "Grace", "Green")
    assert (user["role"], user["isAdmin"]) == ("STUDENT", False)
    assert _count(database_url) == (1, 100)


async def test_the_person_is_issuer_and_subject_whatever_the_address_says(
    client: httpx2.AsyncClient, issuer: oidc.Issuer, database_url: str
) -> None:
    first = await _sign_in(client, issuer.token())
    moved = await _sign_in(client, issuer.token(email="grace@elsewhere.example"))
    assert moved.json()["user"] == first.json()["user"]
    assert _count(database_url) == (1, 100)


async def test_parallel_first_visits_make_one_person_with_one_welcome(
    client: httpx2.AsyncClient, issuer: oidc.Issuer, database_url: str
) -> None:
    answers = await asyncio.gather(*(_sign_in(client, issuer.token()) for _ in range(6)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["user"]["id"] for answer in answers}) == 1
    assert _count(database_url) == (1, 100)


async def test_an_address_that_has_somebody_is_not_handed_over(
    alice: Visitor, client: httpx2.AsyncClient, issuer: oidc.Issuer
) -> None:
    answer = await _sign_in(client, issuer.token(email="alice@example.com"))
    assert (answer.status_code, answer.json()["code"]) == (409, "sign_in_to_link")


async def test_an_address_used_again_under_another_subject_is_not_handed_over(
    client: httpx2.AsyncClient, issuer: oidc.Issuer
) -> None:
    assert (await _sign_in(client, issuer.token())).status_code == 200
    answer = await _sign_in(client, issuer.token(sub="another"))
    assert (answer.status_code, answer.json()["code"]) == (409, "sign_in_to_link")


async def test_its_owner_may_link_the_two_and_then_sign_in_either_way(
    alice: Visitor, client: httpx2.AsyncClient, issuer: oidc.Issuer
) -> None:
    token = issuer.token(email="alice@example.com")
    assert (await client.post("/api/auth/google/link", json={"idToken": token})).status_code == 401
    for _ in range(2):
        linked = await alice.client.post("/api/auth/google/link", json={"idToken": token})
        assert linked.status_code == 204
    assert (await _sign_in(client, token)).json()["user"] == alice.user


async def test_an_identity_is_linked_to_one_person_only(alice: Visitor, bob: Visitor, issuer: oidc.Issuer) -> None:
    token = issuer.token()
    assert (await alice.client.post("/api/auth/google/link", json={"idToken": token})).status_code == 204
    taken = await bob.client.post("/api/auth/google/link", json={"idToken": token})
    assert (taken.status_code, taken.json()["code"]) == (409, "already_linked")
    second = await alice.client.post("/api/auth/google/link", json={"idToken": issuer.token(sub="another")})
    assert second.status_code == 409


async def test_a_token_that_is_not_for_us_or_not_genuine_is_refused(
    client: httpx2.AsyncClient, issuer: oidc.Issuer, alice: Visitor, database_url: str
) -> None:
    """Faults 69, 75."""
    stranger = jwk.RSAKey.generate_key(2048, {"kid": "first"})
    genuine = issuer.token()
    secret = jwk.OctKey.import_key(base64.b64encode(issuer.keys[0].as_pem(private=False)))
    now = 1_700_000_000
    tokens = {
        "signed by a stranger under a known name": issuer.token(key=stranger),
        "HMAC with what is public of the key": jwt.encode({"alg": "HS256", "kid": "first"}, {"sub": "1"}, secret),
        "cut": genuine[:-10],
        "alg none": genuine.partition(".")[0] + "." + genuine.split(".")[1] + ".",
        "another audience": issuer.token(aud="somebody.else"),
        "two audiences": issuer.token(aud=[oidc.CLIENT_ID, "somebody.else"]),
        "another party": issuer.token(azp="somebody.else"),
        "another issuer": issuer.token(iss="https://accounts.google.com"),
        "no subject": issuer.token(sub=None),
        "subject a number": issuer.token(sub=7),
        "very long subject": issuer.token(sub="x" * 300),
        "address not verified": issuer.token(email_verified=False),
        "verified in words": issuer.token(email_verified="true"),
        "no address": issuer.token(email=None),
        "address no address": issuer.token(email="grace"),
        "ended": issuer.token(iat=now, exp=now + 3600),
        "from the future": issuer.token(iat=4_000_000_000, exp=4_000_003_600),
        "never ends": issuer.token(exp=None),
        "ends in words": issuer.token(exp="4000000000"),
        "our own access token": alice.login["accessToken"],
        "words": "not a token",
        "long": "x" * 8192,
    }
    before = _count(database_url)
    for name, token in tokens.items():
        answer = await _sign_in(client, token)
        assert (name, answer.status_code, answer.json()["code"]) == (name, 401, "id_token_invalid")
    assert _count(database_url) == before


async def test_names_from_outside_are_cleaned_and_cut(client: httpx2.AsyncClient, issuer: oidc.Issuer) -> None:
    token = issuer.token(given_name="Gr\x00a\nce" + "e" * 200, family_name=None)
    user = (await _sign_in(client, token)).json()["user"]
    assert user["firstName"].startswith("Grace")
    assert len(user["firstName"]) == 100
    assert user["lastName"] == ""


async def test_without_a_client_id_there_is_no_google(settings: Settings) -> None:
    async with houses.opened(settings) as house:
        transport = httpx2.ASGITransport(app=app.create_app(house))
        async with httpx2.AsyncClient(transport=transport, base_url=ORIGIN) as client:
            answer = await _sign_in(client, "x")
    assert (answer.status_code, answer.json()["code"]) == (404, "google_not_set_up")
