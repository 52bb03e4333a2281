"""The pool and what is given from it: allocations, taking back, ends, and what a student and a host see (fault 55)."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import httpx2
import psycopg
import pytest

from tests import institutions
from tests.institutions import School, Someone
from tests.web.machines import Machine
from topup.db import invariants
from topup.db.invariants import invariant
from topup.flows import return_ended, session_prices, settle
from topup.runtime.house import House

ALLOCATIONS = "/api/sessions/allocations"


@pytest.fixture
async def cast(house: House, transport: httpx2.ASGITransport) -> AsyncIterator[dict[str, Someone]]:
    """Olga owns a school, Stella studies there, Nora belongs nowhere."""
    async with AsyncExitStack() as stack:
        yield {
            name.lower(): await stack.enter_async_context(institutions.signed_in(house, transport, name))
            for name in ("Olga", "Stella", "Nora")
        }


@pytest.fixture
async def school(house: House, cast: dict[str, Someone]) -> AsyncIterator[School]:
    """A school; whatever a test did to its sessions, the ledger is whole afterwards."""
    school = await institutions.school(house, cast["olga"])
    yield school
    async with house.pool.connection() as conn:
        found = {one.name: await invariant.find(conn, one) for one in invariants.ALL if not one.may_be_late}
    assert {name: findings for name, findings in found.items() if findings} == {}


async def in_days(house: House, days: int) -> str:
    """A time as the API takes it."""
    async with house.pool.connection() as conn:
        row = await (await conn.execute("SELECT topup_now() + make_interval(days => %s)", [days])).fetchone()
    assert row is not None
    return row[0].isoformat()


async def find(school: School, allocation_id: str) -> dict[str, Any]:
    listed = (await school.owner.get(ALLOCATIONS)).json()["data"]
    return next(one for one in listed if one["id"] == allocation_id)


async def test_prices_are_tiers_that_price_the_whole_quantity(house: House, cast: dict[str, Someone]) -> None:
    assert [await session_prices.seed(house.pool) for _ in range(2)] == [3, 0]
    assert (await cast["nora"].get("/api/sessions/prices")).json()["data"] == [
        {"minQuantity": 1, "unitPriceInCents": 600, "currency": "gbp"},
        {"minQuantity": 50, "unitPriceInCents": 540, "currency": "gbp"},
        {"minQuantity": 200, "unitPriceInCents": 480, "currency": "gbp"},
    ]


async def test_an_address_that_is_no_member_is_invited_and_counts_at_once(school: School, database_url: str) -> None:
    await school.fill(10)
    given = await school.allocate("New@Example.com", 3)
    assert (given["email"], given["quantity"], given["unused"], given["returned"]) == ("new@example.com", 3, 3, 0)
    pool = await school.pool()
    assert (pool["purchased"], pool["available"], pool["allocated"], pool["used"]) == (10, 7, 3, 0)
    with psycopg.connect(database_url) as connection:
        mails = connection.execute("SELECT recipient FROM outbox WHERE kind = 'invitation'").fetchall()
        found = connection.execute("SELECT status, role FROM memberships WHERE email = 'new@example.com'").fetchall()
    assert (mails, found) == ([("new@example.com",)], [("INVITED", "STUDENT")])
    again = await school.allocate("new@example.com", 2)
    assert again["accountId"] == given["accountId"]


async def test_a_student_is_named_by_membership_or_by_person(school: School, cast: dict[str, Someone]) -> None:
    await school.fill(10)
    membership_id = await school.member(cast["stella"], "STUDENT")
    for student_id in (membership_id, str(cast["stella"].user_id)):
        answer = await school.owner.post(ALLOCATIONS, {"studentId": student_id, "quantity": 1})
        assert (answer.status_code, answer.json()["studentId"]) == (201, membership_id)
    for student_id in (str(cast["nora"].user_id), "no-id-at-all"):
        assert (await school.owner.post(ALLOCATIONS, {"studentId": student_id, "quantity": 1})).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"email": "a@example.com", "quantity": 0},
        {"email": "a@example.com", "quantity": -1},
        {"email": "a@example.com", "quantity": 1.5},
        {"email": "a@example.com", "quantity": True},
        {"email": "a@example.com", "quantity": "1"},
        {"email": "a@example.com"},
        {"email": "nobody", "quantity": 1},
        {"quantity": 1},
        {"email": "a@example.com", "studentId": "0198a5a0-0000-7000-8000-000000000000", "quantity": 1},
        {"email": "a@example.com", "quantity": 1, "expiresAt": "2020-01-01T00:00:00Z"},
        {"email": "a@example.com", "quantity": 1, "accountId": "x"},
    ],
)
async def test_a_wrong_allocation_is_refused_and_leaves_nothing(
    school: School, database_url: str, body: dict[str, Any]
) -> None:
    await school.fill(10)
    assert (await school.owner.post(ALLOCATIONS, body)).status_code == 422
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT email FROM memberships WHERE status = 'INVITED'").fetchall() == []
    assert (await school.pool())["available"] == 10


async def test_beyond_the_pool_nothing_is_given_and_nobody_is_invited(school: School, database_url: str) -> None:
    await school.fill(2)
    body = {"email": "a@example.com", "quantity": 10**9}
    refused = await school.owner.post(ALLOCATIONS, body, Idempotency_Key="k")
    assert (refused.status_code, refused.json()["code"]) == (402, "insufficient_credits")
    assert (refused.json()["available"], refused.json()["required"]) == (2, 10**9)
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT 1 FROM memberships WHERE status = 'INVITED'").fetchall() == []
        assert connection.execute("SELECT 1 FROM outbox WHERE kind = 'invitation'").fetchall() == []
    again = await school.owner.post(ALLOCATIONS, body, Idempotency_Key="k")
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (402, "true")


async def test_the_same_key_gives_once(school: School) -> None:
    await school.fill(10)
    body = {"email": "a@example.com", "quantity": 3}
    answers = await asyncio.gather(*(school.owner.post(ALLOCATIONS, body, Idempotency_Key="k") for _ in range(5)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert (await school.pool())["allocated"] == 3
    other = await school.owner.post(ALLOCATIONS, {**body, "quantity": 4}, Idempotency_Key="k")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_forty_at_once_on_a_pool_of_twenty_five_give_twenty_five(school: School) -> None:
    """A1, A2: never more than was bought, whoever was first."""
    await school.fill(25)
    answers = await asyncio.gather(
        *(
            school.owner.post(ALLOCATIONS, {"email": f"s{number % 30}@example.com", "quantity": 1})
            for number in range(40)
        )
    )
    assert Counter(answer.status_code for answer in answers) == {201: 25, 402: 15}
    pool = await school.pool()
    assert (pool["available"], pool["allocated"]) == (0, 25)


async def test_a_host_finds_the_student_by_address_and_spends(
    school: School, cast: dict[str, Someone], machine: Machine
) -> None:
    await school.fill(10)
    await school.member(cast["stella"], "STUDENT")
    given = await school.allocate("stella@example.com", 5)
    [account] = (await machine.get("/api/accounts", email="stella@example.com", unit="session")).json()["data"]
    assert (account["id"], account["unit"], account["available"]) == (given["accountId"], "session", 5)
    assert (await machine.spend(account["id"], 2)).status_code == 201
    [mine] = (await cast["stella"].get("/api/sessions/mine")).json()["data"]
    assert mine == {
        "institutionId": school.id,
        "institutionName": "Hill School",
        "accountId": given["accountId"],
        "available": 3,
        "used": 2,
        "expiresAt": None,
    }
    pool = await school.pool()
    assert (pool["available"], pool["allocated"], pool["used"]) == (5, 5, 2)


async def test_somebody_known_sees_their_sessions_before_they_accept(school: School, cast: dict[str, Someone]) -> None:
    await school.fill(10)
    await school.allocate("nora@example.com", 4)
    [mine] = (await cast["nora"].get("/api/sessions/mine")).json()["data"]
    assert (mine["institutionName"], mine["available"]) == ("Hill School", 4)


async def test_taking_back_returns_what_is_unused_and_counts_it(school: School, machine: Machine) -> None:
    """A4."""
    await school.fill(10)
    given = await school.allocate("a@example.com", 6)
    await machine.spend(given["accountId"], 2)
    taken = await school.owner.delete(f"{ALLOCATIONS}/{given['id']}")
    assert taken.status_code == 200
    assert (taken.json()["returned"], taken.json()["unused"]) == (4, 0)
    assert taken.json()["closedAt"] is not None
    pool = await school.pool()
    assert (pool["available"], pool["allocated"], pool["used"]) == (8, 2, 2)
    again = await school.owner.delete(f"{ALLOCATIONS}/{given['id']}")
    assert (again.status_code, again.json()["returned"]) == (200, 4)


async def test_what_is_on_hold_comes_back_when_the_hold_ends(school: School, machine: Machine, house: House) -> None:
    await school.fill(10)
    given = await school.allocate("a@example.com", 6)
    hold_id = await machine.hold(given["accountId"], 2)
    await school.owner.delete(f"{ALLOCATIONS}/{given['id']}")
    assert (await school.pool())["available"] == 8
    await machine.post(f"/api/holds/{hold_id}/release")
    assert await return_ended.sweep(house.pool) == 2
    pool = await school.pool()
    assert (pool["available"], pool["allocated"]) == (10, 0)
    assert (await find(school, given["id"]))["returned"] == 6


async def test_a_reversed_spend_of_a_closed_allocation_goes_back_too(
    school: School, machine: Machine, house: House
) -> None:
    await school.fill(10)
    given = await school.allocate("a@example.com", 6)
    spent = (await machine.spend(given["accountId"], 2)).json()
    await school.owner.delete(f"{ALLOCATIONS}/{given['id']}")
    await machine.post(f"/api/transactions/{spent['id']}/reversal")
    assert await return_ended.sweep(house.pool) == 2
    pool = await school.pool()
    assert (pool["available"], pool["allocated"], pool["used"]) == (10, 0, 0)


async def test_an_allocation_ends_to_the_moment_and_the_rest_goes_back_once(
    school: School, machine: Machine, house: House
) -> None:
    await school.fill(10)
    given = await school.allocate("a@example.com", 6, expiresAt=await in_days(house, 1))
    await machine.spend(given["accountId"], 1)
    await institutions.wait(house, "1 day")
    refused = await machine.spend(given["accountId"], 1)
    assert (refused.status_code, refused.json()["available"]) == (402, 0)
    assert [await return_ended.sweep(house.pool) for _ in range(2)] == [5, 0]
    async with house.pool.connection() as conn:
        [row] = await (
            await conn.execute("SELECT returned, expired, closed_at IS NOT NULL FROM allocations")
        ).fetchall()
        [pool_account] = await (
            await conn.execute("SELECT balance FROM accounts WHERE institution_id IS NOT NULL")
        ).fetchall()
    assert (row, pool_account) == ((5, 0, True), (9,))


async def test_two_sweeps_at_once_return_once(school: School, house: House) -> None:
    await school.fill(30)
    for number in range(10):
        await school.allocate(f"s{number}@example.com", 3, expiresAt=await in_days(house, 1))
    await institutions.wait(house, "1 day")
    await asyncio.gather(*(return_ended.sweep(house.pool) for _ in range(3)), settle.sweep(house.pool))
    await return_ended.sweep(house.pool)
    async with house.pool.connection() as conn:
        [row] = await (await conn.execute("SELECT balance FROM accounts WHERE institution_id IS NOT NULL")).fetchall()
    assert row == (30,)


async def test_what_expired_by_itself_before_it_was_returned_stays_expired(school: School, house: House) -> None:
    await school.fill(10, valid_days=2)
    await school.allocate("a@example.com", 6, expiresAt=await in_days(house, 1))
    await institutions.wait(house, "3 days")
    assert await return_ended.sweep(house.pool) == 0
    await settle.sweep(house.pool)
    async with house.pool.connection() as conn:
        [row] = await (await conn.execute("SELECT returned, expired FROM allocations")).fetchall()
        [account] = await (
            await conn.execute("SELECT balance FROM accounts WHERE institution_id IS NOT NULL")
        ).fetchall()
    assert (row, account) == ((0, 6), (0,))


async def test_figures_add_up_whatever_happened(
    school: School, machine: Machine, house: House, cast: dict[str, Someone]
) -> None:
    await school.fill(20)
    kept = await school.allocate("a@example.com", 5)
    await machine.spend(kept["accountId"], 2)
    back = await school.allocate("b@example.com", 4)
    await school.owner.delete(f"{ALLOCATIONS}/{back['id']}")
    ending = await school.allocate("c@example.com", 3, expiresAt=(await in_minutes(house, 30)))
    await machine.spend(ending["accountId"], 1)
    await institutions.wait(house, "31 minutes")
    await settle.sweep(house.pool)
    pool = await school.pool()
    assert (pool["available"], pool["allocated"], pool["used"]) == (12, 8, 3)
    await return_ended.sweep(house.pool)
    pool = await school.pool()
    assert (pool["purchased"], pool["available"], pool["allocated"], pool["used"]) == (20, 14, 6, 3)


async def in_minutes(house: House, minutes: int) -> str:
    async with house.pool.connection() as conn:
        row = await (await conn.execute("SELECT topup_now() + make_interval(mins => %s)", [minutes])).fetchone()
    assert row is not None
    return row[0].isoformat()


async def test_taking_back_while_the_student_spends_loses_and_doubles_nothing(school: School, machine: Machine) -> None:
    await school.fill(20)
    given = await school.allocate("a@example.com", 20)
    answers = await asyncio.gather(
        *(machine.spend(given["accountId"], 1) for _ in range(10)),
        school.owner.delete(f"{ALLOCATIONS}/{given['id']}"),
        *(machine.spend(given["accountId"], 1) for _ in range(10)),
    )
    spent = Counter(answer.status_code for answer in answers)[201]
    pool = await school.pool()
    assert (pool["available"], pool["allocated"], pool["used"]) == (20 - spent, spent, spent)


async def test_who_is_removed_while_allocations_run_keeps_nothing(
    school: School, cast: dict[str, Someone], house: House
) -> None:
    """A3."""
    await school.fill(20)
    membership_id = await school.member(cast["stella"], "STUDENT")
    path = f"/api/institutions/{school.id}/members/{membership_id}"
    body = {"studentId": membership_id, "quantity": 1}
    answers = await asyncio.gather(
        *(school.owner.post(ALLOCATIONS, body) for _ in range(5)),
        school.owner.delete(path),
        *(school.owner.post(ALLOCATIONS, body) for _ in range(5)),
    )
    assert {answer.status_code for answer in answers} <= {201, 204, 404}
    await return_ended.sweep(house.pool)
    pool = await school.pool()
    assert (pool["available"], pool["allocated"]) == (20, 0)


async def test_allocations_are_paged_newest_first_and_chosen_by_student(school: School) -> None:
    await school.fill(10)
    given = [await school.allocate(f"s{number % 2}@example.com", 1) for number in range(5)]
    first = (await school.owner.get(ALLOCATIONS, limit=2)).json()
    rest = (await school.owner.get(ALLOCATIONS, limit=3, cursor=first["nextCursor"])).json()
    assert [one["id"] for one in first["data"] + rest["data"]] == [one["id"] for one in reversed(given)]
    assert rest["nextCursor"] is None
    chosen = (await school.owner.get(ALLOCATIONS, studentId=given[1]["studentId"])).json()["data"]
    assert [one["id"] for one in chosen] == [given[3]["id"], given[1]["id"]]


async def test_who_may_do_it_in_several_institutions_must_say_where(
    school: School, house: House, cast: dict[str, Someone]
) -> None:
    other = await institutions.school(house, cast["olga"], "Dale School")
    await school.fill(5)
    unsaid = await cast["olga"].get("/api/sessions/pool")
    assert (unsaid.status_code, unsaid.json()["code"]) == (422, "institution_id_required")
    given = await school.allocate("a@example.com", 1)
    assert (await cast["olga"].get("/api/sessions/pool", institutionId=other.id)).json()["purchased"] == 0
    wrong = await cast["olga"].delete(f"{ALLOCATIONS}/{given['id']}", institutionId=other.id)
    assert wrong.status_code == 404
    assert (await cast["olga"].delete(f"{ALLOCATIONS}/{given['id']}")).status_code == 200


async def test_taking_the_younger_of_two_allocations_back_is_in_order(school: School, machine: Machine) -> None:
    """The older lot is passed over, which only this kind of movement may do (G4)."""
    await school.fill(10)
    older = await school.allocate("a@example.com", 3)
    younger = await school.allocate("a@example.com", 4)
    await school.owner.delete(f"{ALLOCATIONS}/{younger['id']}")
    assert (await find(school, older["id"]))["unused"] == 3
    assert (await school.pool())["available"] == 7
