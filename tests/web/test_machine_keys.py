"""API keys: shown once, scoped, rotated without a gap, revoked at once, and never in the clear (fault 76)."""

import re

import httpx2
import psycopg
import pytest

from tests.web import machines
from tests.web.conftest import ORIGIN, Visitor
from tests.web.machines import Machine
from topup.core import api_keys
from topup.runtime import house as houses
from topup.runtime import key_ring

NOBODYS = "01a20000-0000-7000-8000-000000000000"


async def created(admin: Visitor, **body: object) -> dict[str, str]:
    answer = await admin.client.post("/api/admin/keys", json={"name": "Essay marker", "scopes": ["read"], **body})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def status_with(client: httpx2.AsyncClient, key: str, path: str = "/api/accounts") -> int:
    return (await client.get(path, headers={"Authorization": f"Bearer {key}"})).status_code


def forget(house: houses.House) -> None:
    """As if `KNOWN_SECONDS` had passed."""
    for known in house.key_ring._known.values():
        known.read_at_seconds -= key_ring.KNOWN_SECONDS


async def test_key_is_shown_once(admin: Visitor, database_url: str) -> None:
    made = await created(admin, scopes=["spend", "read", "spend"])
    assert re.fullmatch(r"topup_sk_[a-z2-7]{16}_[a-z2-7]{52}", made["key"])
    assert (made["name"], made["scopes"], made["lastUsedAt"]) == ("Essay marker", ["read", "spend"], None)
    assert made["key"].split("_")[2] == made["prefix"]
    listed = await admin.client.get("/api/admin/keys")
    assert made["key"] not in listed.text
    assert listed.json()["data"] == [{name: value for name, value in made.items() if name != "key"}]
    with psycopg.connect(database_url) as connection:
        row = connection.execute("SELECT row_to_json(k)::text, encode(secret_hash, 'hex') FROM api_keys k").fetchone()
    assert row is not None
    assert made["key"].split("_")[3] not in row[0]
    assert row[1] == api_keys.Key("", made["key"]).digest().hex()


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"scopes": []}, "/scopes"),
        ({"scopes": ["write"]}, "/scopes/0"),
        ({"scopes": "read"}, "/scopes"),
        ({"name": ""}, "/name"),
        ({"name": "x" * 101}, "/name"),
        ({"prefix": "mine"}, "/prefix"),
    ],
)
async def test_key_refuses_what_is_wrong_and_names_it(admin: Visitor, body: dict[str, object], pointer: str) -> None:
    answer = await admin.client.post("/api/admin/keys", json={"name": "Host", "scopes": ["read"], **body})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_wrong_keys_open_nothing(admin: Visitor, client: httpx2.AsyncClient) -> None:
    """Fault 76."""
    key = (await created(admin))["key"]
    assert await status_with(client, key) == 200
    other = (await created(admin))["key"]
    prefix, secret = key.split("_")[2:]
    for wrong in (
        key[:-1] + ("a" if key[-1] != "a" else "b"),
        f"topup_sk_{prefix}_{other.split('_')[3]}",
        f"topup_sk_{'a' * 16}_{secret}",
        f"topup_sk_{prefix}_",
        f"topup_sk_{prefix}",
        f"topup_sk_{prefix.upper()}_{secret}",
        key + "a",
        "topup_sk_",
        "topup_sk_' OR 1=1",
    ):
        answer = await client.get("/api/accounts", headers={"Authorization": f"Bearer {wrong}"})
        assert (answer.status_code, answer.json()["code"]) == (401, "key_invalid"), wrong


async def test_keys_are_taken_from_the_header_alone(admin: Visitor, client: httpx2.AsyncClient) -> None:
    """Fault 76: never in an address."""
    key = (await created(admin))["key"]
    assert (await client.get("/api/accounts", params={"api_key": key, "access_token": key})).status_code == 401
    assert (await client.get("/api/accounts", headers={"X-Api-Key": key})).status_code == 401
    assert (await client.get("/api/accounts", headers={"Authorization": f"Basic {key}"})).status_code == 401


async def test_revoked_key_is_refused_at_once_where_it_was_revoked(admin: Visitor, client: httpx2.AsyncClient) -> None:
    """Fault 70."""
    made = await created(admin)
    assert await status_with(client, made["key"]) == 200
    assert (await admin.client.delete(f"/api/admin/keys/{made['id']}")).status_code == 204
    assert (await admin.client.delete(f"/api/admin/keys/{made['id']}")).status_code == 204
    assert await status_with(client, made["key"]) == 401
    [listed] = (await admin.client.get("/api/admin/keys")).json()["data"]
    assert listed["revokedAt"] is not None


async def test_rotated_key_works_beside_the_new_one_until_the_overlap_ends(
    admin: Visitor, client: httpx2.AsyncClient, house: houses.House, database_url: str
) -> None:
    """Fault 89."""
    old = await created(admin)
    rotated = await admin.client.post(f"/api/admin/keys/{old['id']}/rotate")
    assert rotated.status_code == 201, rotated.text
    new = rotated.json()
    assert (new["applicationId"], new["scopes"]) == (old["applicationId"], old["scopes"])
    assert new["id"] != old["id"]
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE deployment SET is_demo = true, clock_offset = '23 hours 59 minutes'")
    assert [await status_with(client, key) for key in (old["key"], new["key"])] == [200, 200]
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE deployment SET clock_offset = '24 hours 1 minute'")
    forget(house)
    assert [await status_with(client, key) for key in (old["key"], new["key"])] == [401, 200]


async def test_overlap_may_be_chosen_and_may_be_nothing(admin: Visitor, client: httpx2.AsyncClient) -> None:
    old = await created(admin)
    assert await status_with(client, old["key"]) == 200
    for wrong in (-1, 30 * 86_400 + 1, 1.5, "60"):
        answer = await admin.client.post(f"/api/admin/keys/{old['id']}/rotate", json={"overlapSeconds": wrong})
        assert answer.status_code == 422
    await admin.client.post(f"/api/admin/keys/{old['id']}/rotate", json={"overlapSeconds": 0})
    assert await status_with(client, old["key"]) == 401
    assert (await admin.client.post(f"/api/admin/keys/{old['id']}/rotate")).status_code == 404


async def test_keys_that_are_not_there_are_not_found(admin: Visitor) -> None:
    for key_id in (NOBODYS, "nonsense"):
        assert (await admin.client.delete(f"/api/admin/keys/{key_id}")).status_code == 404
        assert (await admin.client.post(f"/api/admin/keys/{key_id}/rotate")).status_code == 404


async def test_keys_are_listed_newest_first(admin: Visitor) -> None:
    made = [(await created(admin, name=f"Host {number}"))["id"] for number in range(3)]
    first = (await admin.client.get("/api/admin/keys", params={"limit": 2})).json()
    rest = (await admin.client.get("/api/admin/keys", params={"cursor": first["nextCursor"]})).json()
    assert [key["id"] for key in first["data"] + rest["data"]] == made[::-1]


async def test_last_use_is_seen(admin: Visitor, client: httpx2.AsyncClient, house: houses.House) -> None:
    made = await created(admin)
    await status_with(client, made["key"])
    await house.key_ring.__aexit__()
    [listed] = (await admin.client.get("/api/admin/keys")).json()["data"]
    assert listed["lastUsedAt"] is not None


async def test_key_that_is_used_too_fast_is_told_when_to_come_back(
    admin: Visitor, client: httpx2.AsyncClient, house: houses.House
) -> None:
    made, other = await created(admin), await created(admin)
    assert await status_with(client, made["key"]) == 200
    known = house.key_ring._known[made["prefix"]]
    known.bucket.free_at_seconds = house.key_ring.clock() + 10
    answer = await client.get("/api/accounts", headers={"Authorization": f"Bearer {made['key']}"})
    assert (answer.status_code, answer.json()["code"]) == (429, "slow_down")
    assert 1 <= int(answer.headers["retry-after"]) <= 10
    assert await status_with(client, other["key"]) == 200


async def test_admin_scope_may_what_an_admin_may(
    house: houses.House, transport: httpx2.ASGITransport, client: httpx2.AsyncClient
) -> None:
    boss = machines.with_key(transport, ORIGIN, await machines.key_text(house, ["admin"]))
    package = {"name": "Trial", "credits": 10, "priceInCents": 500}
    assert (await boss.post("/api/credit-packages", package)).status_code == 201
    assert (await boss.get("/api/credit-packages", includeInactive="true")).status_code == 200
    made = await boss.post("/api/admin/keys", {"name": "Host", "scopes": ["read"]})
    assert made.status_code == 201
    assert await status_with(client, made.json()["key"]) == 200
    await boss.client.aclose()


async def test_application_is_no_person(machine: Machine) -> None:
    for path in ("/api/credits", "/api/payments", "/api/auth/me"):
        answer = await machine.get(path)
        assert (answer.status_code, answer.json()["code"]) == (403, "person_required"), path
