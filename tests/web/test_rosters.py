"""Rosters: what a dry run says is what the import does, all of it or nothing, and never twice."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import psycopg
import pytest

from tests import institutions
from tests.institutions import School, Someone
from topup.db import invariants
from topup.db.invariants import invariant
from topup.runtime.house import House

PATH = "/api/sessions/rosters"
CSV = {"Content-Type": "text/csv"}


@pytest.fixture
async def olga(house: House, transport: httpx2.ASGITransport) -> AsyncIterator[Someone]:
    async with institutions.signed_in(house, transport, "Olga") as someone:
        yield someone


@pytest.fixture
async def school(house: House, olga: Someone) -> AsyncIterator[School]:
    """A school; whatever a test did to its sessions, the ledger is whole afterwards."""
    school = await institutions.school(house, olga)
    yield school
    async with house.pool.connection() as conn:
        found = {one.name: await invariant.find(conn, one) for one in invariants.ALL if not one.may_be_late}
    assert {name: findings for name, findings in found.items() if findings} == {}


def roster(count: int, quantity: int = 1) -> str:
    return "email,quantity\n" + "".join(f"s{number}@example.com,{quantity}\n" for number in range(count))


async def send(school: School, text: str | bytes, **headers: str) -> httpx2.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await school.owner.client.post(PATH, content=text, headers={**CSV, **named})


async def try_out(school: School, text: str | bytes) -> dict[str, Any]:
    answer = await school.owner.client.post(PATH, params={"dryRun": "true"}, content=text, headers=CSV)
    assert answer.status_code == 200, answer.text
    return answer.json()


def count(database_url: str, table: str) -> int:
    statements = {
        "allocations": "SELECT count(*) FROM allocations",
        "invited": "SELECT count(*) FROM memberships WHERE status = 'INVITED'",
        "mails": "SELECT count(*) FROM outbox WHERE kind = 'invitation'",
    }
    with psycopg.connect(database_url) as connection:
        row = connection.execute(statements[table].encode()).fetchone()
    assert row is not None
    return row[0]


async def test_a_dry_run_says_what_each_row_would_do_and_writes_nothing(school: School, database_url: str) -> None:
    await school.fill(10)
    await school.allocate("known@example.com", 1)
    rows = ("known@example.com,2,", "new@example.com,3,2999-01-01", "nobody,1,", "late@example.com,1,2020-01-01")
    text = "\n".join(("email,quantity,expiresAt", *rows))
    planned = await try_out(school, text)
    assert [(row["row"], row["outcome"], row["column"]) for row in planned["data"]] == [
        (2, "allocate", None),
        (3, "invite", None),
        (4, "wrong", "email"),
        (5, "wrong", "expiresAt"),
    ]
    assert planned["data"][1]["expiresAt"] == "2999-01-02T00:00:00.000Z"
    assert planned["summary"] == {
        "rows": 4,
        "allocate": 1,
        "invite": 1,
        "alreadyGiven": 0,
        "wrong": 2,
        "quantity": 5,
        "available": 9,
    }
    assert (planned["isDryRun"], planned["isImportable"]) == (True, False)
    assert (count(database_url, "allocations"), count(database_url, "invited")) == (1, 1)


async def test_an_import_gives_to_everybody_and_invites_whoever_is_new(school: School, database_url: str) -> None:
    await school.fill(2000)
    await school.allocate("s1@example.com", 1)
    imported = await send(school, roster(1200))
    assert imported.status_code == 201
    assert (imported.json()["summary"]["invite"], imported.json()["summary"]["allocate"]) == (1199, 1)
    pool = await school.pool()
    assert (pool["available"], pool["allocated"]) == (799, 1201)
    assert [count(database_url, table) for table in ("allocations", "invited", "mails")] == [1201, 1200, 1200]
    progress = await school.owner.get(f"{PATH}/{imported.json()['rosterId']}")
    assert {**progress.json(), "rosterId": ""} == {
        "rosterId": "",
        "status": "DONE",
        "rowsTotal": 1200,
        "rowsDone": 1200,
    }


async def test_the_same_rows_again_give_nothing_and_new_ones_do(school: School) -> None:
    await school.fill(100)
    assert (await send(school, roster(3, 2))).status_code == 201
    again = await send(school, roster(5, 2))
    assert again.json()["summary"] == {
        "rows": 5,
        "allocate": 0,
        "invite": 2,
        "alreadyGiven": 3,
        "wrong": 0,
        "quantity": 4,
        "available": 94,
    }
    assert (await school.pool())["allocated"] == 10
    planned = await try_out(school, roster(5, 2))
    assert {row["outcome"] for row in planned["data"]} == {"already_given"}


async def test_one_wrong_row_and_nothing_is_imported(school: School, database_url: str) -> None:
    await school.fill(100)
    refused = await send(school, roster(3) + "s1@example.com,4\nx,1\n")
    assert (refused.status_code, refused.json()["code"]) == (422, "roster_invalid")
    assert [fault["pointer"] for fault in refused.json()["errors"]] == ["/rows/5/email", "/rows/6/email"]
    assert [count(database_url, table) for table in ("allocations", "invited", "mails")] == [0, 0, 0]


async def test_a_roster_beyond_the_pool_gives_nothing(school: School, database_url: str) -> None:
    await school.fill(10)
    refused = await send(school, roster(11))
    assert (refused.status_code, refused.json()["code"]) == (402, "insufficient_credits")
    assert (refused.json()["available"], refused.json()["required"]) == (10, 11)
    assert [count(database_url, table) for table in ("allocations", "invited", "mails")] == [0, 0, 0]
    progress = await school.owner.get(f"{PATH}/{(await try_out(school, roster(11)))['rosterId']}")
    assert (progress.json()["status"], progress.json()["rowsDone"]) == ("FAILED", 0)


async def test_the_same_roster_twice_at_once_gives_once(school: School) -> None:
    await school.fill(100)
    answers = await asyncio.gather(*(send(school, roster(20)) for _ in range(3)))
    assert {answer.status_code for answer in answers} == {201}
    assert Counter(answer.json()["summary"]["invite"] for answer in answers) == {20: 1, 0: 2}
    assert (await school.pool())["allocated"] == 20


async def test_rosters_and_single_allocations_at_once_never_give_more_than_there_is(school: School) -> None:
    await school.fill(30)
    answers = await asyncio.gather(
        send(school, roster(20)),
        *(
            school.owner.post("/api/sessions/allocations", {"email": f"s{number}@example.com", "quantity": 1})
            for number in range(20)
        ),
    )
    assert {answer.status_code for answer in answers} <= {201, 402}
    pool = await school.pool()
    assert pool["available"] + pool["allocated"] == 30


async def test_a_key_repeats_the_answer_and_is_for_one_file(school: School) -> None:
    await school.fill(100)
    first = await send(school, roster(2), Idempotency_Key="k")
    again = await send(school, roster(2), Idempotency_Key="k")
    assert (again.status_code, again.text, again.headers["Idempotent-Replayed"]) == (201, first.text, "true")
    assert (await send(school, roster(3), Idempotency_Key="k")).status_code == 422


async def test_a_file_may_come_in_a_form(school: School) -> None:
    await school.fill(10)
    sent = await school.owner.client.post(PATH, files={"file": ("roster.csv", roster(2), "text/csv")})
    assert (sent.status_code, sent.json()["summary"]["invite"]) == (201, 2)


async def test_what_is_no_file_is_refused(school: School) -> None:
    assert (await school.owner.post(PATH, {"email": "a@example.com"})).status_code == 415
    assert (await send(school, b"\xff\xfe\x00")).status_code == 422
    assert (await send(school, "")).status_code == 422
    assert (await send(school, b"x" * (5 * 1024 * 1024 + 1))).status_code == 413
