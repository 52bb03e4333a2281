"""The price list, and what admins do to it."""

import asyncio
from typing import Any

import httpx2
import psycopg

from tests.web.conftest import Visitor
from topup.flows import seed_packages
from topup.runtime.house import House

PATH = "/api/credit-packages"
SMALL = {"name": "Small Pack", "credits": 50, "priceInCents": 600}


async def _create(admin: Visitor, **changes: object) -> dict[str, Any]:
    answer = await admin.client.post(PATH, json={**SMALL, **changes})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_the_seeded_packages_are_for_sale_cheapest_first(client: httpx2.AsyncClient, house: House) -> None:
    assert await seed_packages.seed(house.pool) == 3
    listed = (await client.get(PATH)).json()
    told = [
        (package["name"], package["credits"], package["priceInCents"], package["currency"])
        for package in listed["data"]
    ]
    assert told == [
        ("Starter Pack", 100, 1000, "gbp"),
        ("Value Pack", 500, 4500, "gbp"),
        ("Premium Pack", 1000, 8000, "gbp"),
    ]
    assert listed["nextCursor"] is None


async def test_seeding_again_changes_nothing_not_even_what_was_edited(admin: Visitor, house: House) -> None:
    await seed_packages.seed(house.pool)
    first = (await admin.client.get(PATH)).json()["data"][0]
    await admin.client.patch(f"{PATH}/{first['id']}", json={"priceInCents": 1100})
    assert await seed_packages.seed(house.pool) == 0
    assert (await admin.client.get(f"{PATH}/{first['id']}")).json()["priceInCents"] == 1100


async def test_a_package_has_its_defaults_and_answers_as_it_was_made(admin: Visitor) -> None:
    made = await _create(admin, description="For\nbeginners", validDays=90, refundDays=14)
    assert made == {
        "id": made["id"],
        "name": "Small Pack",
        "description": "For\nbeginners",
        "credits": 50,
        "priceInCents": 600,
        "currency": "gbp",
        "isActive": True,
        "validDays": 90,
        "refundDays": 14,
        "createdAt": made["createdAt"],
        "updatedAt": made["updatedAt"],
    }
    assert (await admin.client.get(f"{PATH}/{made['id']}")).json() == made


async def test_a_name_is_taken_whatever_its_case(admin: Visitor) -> None:
    made = await _create(admin)
    again = await admin.client.post(PATH, json={**SMALL, "name": " SMALL pack "})
    assert (again.status_code, again.json()["code"]) == (409, "package_name_taken")
    other = await _create(admin, name="Other")
    renamed = await admin.client.patch(f"{PATH}/{other['id']}", json={"name": "small PACK"})
    assert (renamed.status_code, renamed.json()["code"]) == (409, "package_name_taken")
    same = await admin.client.patch(f"{PATH}/{made['id']}", json={"name": "SMALL PACK"})
    assert same.json()["name"] == "SMALL PACK"


async def test_parallel_creations_of_one_name_make_one_package(admin: Visitor) -> None:
    answers = await asyncio.gather(*(admin.client.post(PATH, json=SMALL) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]


async def test_only_what_is_sent_changes_and_null_empties(admin: Visitor) -> None:
    made = await _create(admin, description="Words", validDays=90)
    url = f"{PATH}/{made['id']}"
    changed = (await admin.client.patch(url, json={"priceInCents": 700, "description": None})).json()
    assert changed == {**made, "priceInCents": 700, "description": None, "updatedAt": changed["updatedAt"]}
    assert (await admin.client.patch(url, json={})).json()["validDays"] == 90
    for name in ("name", "credits", "priceInCents", "currency", "isActive"):
        refused = await admin.client.patch(url, json={name: None})
        assert (name, refused.status_code) == (name, 422)


async def test_a_deleted_package_is_off_the_list_and_still_there(admin: Visitor, client: httpx2.AsyncClient) -> None:
    made = await _create(admin)
    for _ in range(2):
        gone = await admin.client.delete(f"{PATH}/{made['id']}")
        assert (gone.status_code, gone.json()["isActive"]) == (200, False)
    assert (await client.get(PATH)).json()["data"] == []
    assert (await client.get(f"{PATH}/{made['id']}")).json()["isActive"] is False
    everything = await admin.client.get(PATH, params={"includeInactive": "true"})
    assert [package["id"] for package in everything.json()["data"]] == [made["id"]]


async def test_the_list_is_paged_by_price_without_gap_or_repeat(admin: Visitor, client: httpx2.AsyncClient) -> None:
    made = [await _create(admin, name=f"Pack {n}", priceInCents=600 + n // 3) for n in range(7)]
    seen, cursor = [], None
    for _ in range(4):
        page = (await client.get(PATH, params={"limit": 3, **({"cursor": cursor} if cursor else {})})).json()
        seen += [package["id"] for package in page["data"]]
        cursor = page["nextCursor"]
        if cursor is None:
            break
    assert seen == [package["id"] for package in sorted(made, key=lambda one: (one["priceInCents"], one["id"]))]
    for odd in (
        {"limit": 0},
        {"limit": 101},
        {"limit": "x"},
        {"cursor": "x"},
        {"cursor": "bnVsbA"},
        {"cursor": "\x00"},
    ):
        assert (await client.get(PATH, params=odd)).status_code == 422


async def test_nobody_but_an_admin_changes_prices(alice: Visitor, admin: Visitor, client: httpx2.AsyncClient) -> None:
    """Fault 67."""
    url = f"{PATH}/{(await _create(admin))['id']}"
    calls: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", PATH, {"json": SMALL}),
        ("PATCH", url, {"json": {"priceInCents": 1}}),
        ("DELETE", url, {}),
        ("GET", PATH, {"params": {"includeInactive": "true"}}),
    ]
    for method, path, sent in calls:
        refused = await alice.client.request(method, path, **sent)
        assert (method, refused.status_code, refused.json()["error"]) == (method, 403, "Admin access required")
        assert (await client.request(method, path, **sent)).status_code == 401
    assert (await client.get(url)).json()["priceInCents"] == 600


async def test_prices_and_credits_stay_within_their_bounds(admin: Visitor) -> None:
    """Faults 62, 65, 68."""
    odd: list[dict[str, object]] = [
        {"credits": 0},
        {"credits": 100_001},
        {"priceInCents": 0},
        {"priceInCents": -1},
        {"priceInCents": 10_000_001},
        {"priceInCents": 1e30},
        {"priceInCents": 10.5},
        {"priceInCents": "1000"},
        {"currency": "GBP"},
        {"currency": "pounds"},
        {"currency": "xyz"},
        {"name": ""},
        {"name": "x" * 101},
        {"description": "x" * 501},
        {"description": "\x00"},
        {"validDays": 0},
        {"refundDays": -1},
        {"isActive": "yes"},
        {"id": "01a202fb-10bd-72c5-bb41-e6529f3b413c"},
        {"unit": "session"},
    ]
    for change in odd:
        answer = await admin.client.post(PATH, json={**SMALL, **change})
        pointers = [fault["pointer"] for fault in answer.json()["errors"]]
        assert (answer.status_code, pointers) == (422, [f"/{name}" for name in change])
    await _create(admin, name="x" * 100, description="x" * 500, credits=100_000, priceInCents=10_000_000)


async def test_an_id_that_cannot_be_ours_is_simply_not_there(admin: Visitor) -> None:
    """Fault 66."""
    missing = []
    for package_id in ("01a202fb-10bd-72c5-bb41-e6529f3b413c", "nonsense", "1", "%00", "..%2f"):
        for method in ("GET", "PATCH", "DELETE"):
            answer = await admin.client.request(method, f"{PATH}/{package_id}", json={} if method == "PATCH" else None)
            missing.append((answer.status_code, answer.json()["code"], answer.json()["detail"]))
    assert set(missing) == {(404, "not_found", "Not found.")}


async def test_a_repeated_creation_under_one_key_is_done_once(admin: Visitor, database_url: str) -> None:
    """Faults 51 to 54."""
    key = {"Idempotency-Key": "make-small"}
    answers = await asyncio.gather(*(admin.client.post(PATH, json=SMALL, headers=key) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert sorted(answer.headers.get("idempotent-replayed", "") for answer in answers) == ["", *["true"] * 4]
    other = await admin.client.post(PATH, json={**SMALL, "name": "Other"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM packages").fetchone() == (1,)


async def test_a_conflict_is_remembered_under_its_key_and_a_fault_is_not(admin: Visitor) -> None:
    made = await _create(admin)
    key = {"Idempotency-Key": "make-again"}
    first = await admin.client.post(PATH, json=SMALL, headers=key)
    await admin.client.patch(f"{PATH}/{made['id']}", json={"name": "Out of the way"})
    again = await admin.client.post(PATH, json=SMALL, headers=key)
    assert (first.status_code, again.status_code) == (409, 409)
    assert (again.text, again.headers["idempotent-replayed"]) == (first.text, "true")
    assert again.headers["content-type"] == "application/problem+json"
    odd = {"Idempotency-Key": "odd"}
    assert (await admin.client.post(PATH, json={**SMALL, "credits": 0}, headers=odd)).status_code == 422
    assert (await admin.client.post(PATH, json=SMALL, headers=odd)).status_code == 201


async def test_a_key_of_odd_characters_is_refused(admin: Visitor) -> None:
    for key in (" ", "x" * 256, "a b", "tab\there"):
        answer = await admin.client.post(PATH, json=SMALL, headers={"Idempotency-Key": key})
        assert (key, answer.status_code, answer.json()["code"]) == (key, 400, "idempotency_key_invalid")
