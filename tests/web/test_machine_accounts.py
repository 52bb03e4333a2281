"""Accounts through the machine door: opened once for each user of the host, found, read page by page."""

import asyncio
from urllib.parse import quote

import psycopg
import pytest

from tests.web.conftest import Visitor
from tests.web.machines import Machine


def wait(database_url: str, time: str) -> None:
    """Let that much time pass."""
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE deployment SET is_demo = true, clock_offset = clock_offset + %s::interval", [time])


def in_half_an_hour(database_url: str) -> str:
    """A time as the API takes it."""
    with psycopg.connect(database_url) as connection:
        row = connection.execute("SELECT topup_now() + interval '30 minutes'").fetchone()
    assert row is not None
    return row[0].isoformat()


def stored(database_url: str, account_id: str) -> tuple[str | None, str | None]:
    with psycopg.connect(database_url) as connection:
        row = connection.execute("SELECT email, name FROM accounts WHERE id = %s", [account_id]).fetchone()
    assert row is not None
    return row[0], row[1]


async def test_first_put_opens_an_account_and_the_next_finds_it(machine: Machine, database_url: str) -> None:
    path = "/api/accounts/by-external-id/user-1"
    first = await machine.client.put(path, json={"email": "Alice@Example.com", "name": "Alice"})
    assert first.status_code == 201, first.text
    account = first.json()
    assert account == {
        "id": account["id"],
        "externalId": "user-1",
        "unit": "credit",
        "balance": 0,
        "held": 0,
        "available": 0,
        "debt": 0,
    }
    again = await machine.client.put(path, json={"email": "alice@example.com"})
    assert (again.status_code, again.json()) == (200, account)
    assert stored(database_url, account["id"]) == ("alice@example.com", "Alice")


async def test_put_changes_what_it_mentions_and_leaves_the_rest(machine: Machine, database_url: str) -> None:
    path = "/api/accounts/by-external-id/user-1"
    account_id = (await machine.client.put(path, json={"email": "a@example.com", "name": "Alice"})).json()["id"]
    await machine.client.put(path, json={"name": "Alicia"})
    assert stored(database_url, account_id) == ("a@example.com", "Alicia")
    await machine.client.put(path)
    assert stored(database_url, account_id) == ("a@example.com", "Alicia")
    await machine.client.put(path, json={"email": None, "name": "Al"})
    assert stored(database_url, account_id) == (None, "Al")


async def test_one_user_may_have_an_account_of_each_unit(machine: Machine) -> None:
    credit_id = await machine.account("user-1")
    session_id = await machine.account("user-1", unit="session")
    assert credit_id != session_id
    assert await machine.account("user-1", unit="session") == session_id


async def test_many_puts_at_once_open_one_account(machine: Machine) -> None:
    ids = await asyncio.gather(*(machine.account("user-1") for _ in range(16)))
    assert len(set(ids)) == 1


@pytest.mark.parametrize(
    "external_id", ["a", "x" * 255, "Ünïcode 山田", "a b+c@d.e:1", "%25", "...", "eu/7", "/", "a//b/"]
)
async def test_external_ids_are_any_text_of_the_host(machine: Machine, external_id: str) -> None:
    opened = await machine.client.put(f"/api/accounts/by-external-id/{quote(external_id, safe='')}", json={})
    assert (opened.status_code, opened.json()["externalId"]) == (201, external_id)


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("user-1", {"unit": "pound"}, "/unit"),
        ("user-1", {"email": "nonsense"}, "/email"),
        ("user-1", {"name": ""}, "/name"),
        ("user-1", {"balance": 100}, "/balance"),
        ("x" * 256, {}, "path:external_id"),
        ("a%00b", {}, "path:external_id"),
        ("%20", {}, "path:external_id"),
        ("%FF", {}, "path:external_id"),
    ],
)
async def test_put_refuses_what_is_wrong_and_names_it(
    machine: Machine, path: str, body: dict[str, object], pointer: str
) -> None:
    """Faults 68 and 82."""
    answer = await machine.client.put(f"/api/accounts/by-external-id/{path}", json=body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_accounts_are_found_by_address_and_unit(machine: Machine, alice: Visitor) -> None:
    for number, unit in ((1, "credit"), (2, "session")):
        await machine.client.put(
            f"/api/accounts/by-external-id/user-{number}", json={"email": "alice@example.com", "unit": unit}
        )
    await machine.account("user-3")

    async def found(**query: str) -> list[str | None]:
        return [account["externalId"] for account in (await machine.get("/api/accounts", **query)).json()["data"]]

    assert await found(email="ALICE@example.com") == ["user-2", "user-1", None]
    assert await found(email="alice@example.com", unit="session") == ["user-2"]
    assert await found(unit="session") == ["user-2"]
    assert await found(email="nobody@example.com") == []
    assert await found() == ["user-3", "user-2", "user-1", None]
    own = (await machine.get("/api/accounts", email="alice@example.com")).json()["data"][-1]
    assert (own["id"], own["balance"]) == (alice.user["accountId"], 100)


@pytest.mark.parametrize(
    "query", [{"unit": "pound"}, {"email": "nonsense"}, {"limit": 0}, {"limit": 101}, {"cursor": "x"}]
)
async def test_wrong_queries_are_refused(machine: Machine, query: dict[str, str | int]) -> None:
    answer = await machine.get("/api/accounts", **query)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


async def test_accounts_are_listed_page_by_page(machine: Machine) -> None:
    opened = [await machine.account(f"user-{number}") for number in range(5)]
    seen, cursor = [], ""
    while cursor is not None:
        query = {"cursor": cursor} if cursor else {}
        page = (await machine.get("/api/accounts", limit=2, **query)).json()
        seen += [account["id"] for account in page["data"]]
        cursor = page["nextCursor"]
    assert seen == opened[::-1]


async def test_statement_pages_neither_repeat_nor_miss_a_line_while_credits_are_spent(machine: Machine) -> None:
    account_id = await machine.account(granted=1000)
    for _ in range(24):
        await machine.spend(account_id, 1)
    path = f"/api/accounts/{account_id}/transactions"
    first = (await machine.get(path, limit=10)).json()
    seen, cursor = first["data"], first["nextCursor"]
    while cursor is not None:
        await machine.spend(account_id, 1)
        page = (await machine.get(path, limit=10, cursor=cursor)).json()
        seen += page["data"]
        cursor = page["nextCursor"]
    assert [line["balanceAfter"] for line in seen] == [*range(976, 1001)]


async def test_lots_are_listed_newest_first_with_what_is_left_in_them(machine: Machine) -> None:
    account_id = await machine.account()
    for number in range(1, 6):
        await machine.grant(account_id, 10 * number, priority=number)
    await machine.spend(account_id, 15)
    first = (await machine.get(f"/api/accounts/{account_id}/lots", limit=2)).json()
    rest = (await machine.get(f"/api/accounts/{account_id}/lots", limit=5, cursor=first["nextCursor"])).json()
    lots = first["data"] + rest["data"]
    assert [(lot["amount"], lot["remaining"]) for lot in lots] == [(50, 50), (40, 40), (30, 30), (20, 15)]
    assert lots[0] == {
        "id": lots[0]["id"],
        "amount": 50,
        "remaining": 50,
        "held": 0,
        "priority": 5,
        "expiresAt": None,
        "sourceType": "PROMOTION",
        "paymentId": None,
        "createdAt": lots[0]["createdAt"],
    }


async def test_credits_are_gone_at_the_very_moment_they_end(machine: Machine, database_url: str) -> None:
    """Fault 40: however an account is read first, although no sweep has run."""
    ids = [await machine.account(name, granted=5) for name in ("figures", "statement", "lots", "spend", "list")]
    for account_id in ids:
        await machine.grant(account_id, 10, expiresAt=in_half_an_hour(database_url))
    wait(database_url, "30 minutes")
    figures, statement, lots, spend, _ = ids
    assert await machine.figures(figures) == (5, 0, 5)
    listed = (await machine.get(f"/api/accounts/{statement}/transactions")).json()["data"]
    assert [(line["sourceType"], line["amount"]) for line in listed] == [
        ("EXPIRY", 10),
        ("PROMOTION", 10),
        ("PROMOTION", 5),
    ]
    assert len((await machine.get(f"/api/accounts/{lots}/lots")).json()["data"]) == 1
    assert (await machine.spend(spend, 6)).json()["available"] == 5
    assert [account["balance"] for account in (await machine.get("/api/accounts")).json()["data"]] == [5] * 5


async def test_people_see_their_own_credits_end_at_the_same_moment(
    machine: Machine, alice: Visitor, database_url: str
) -> None:
    """Fault 40."""
    await machine.grant(alice.user["accountId"], 10, expiresAt=in_half_an_hour(database_url))
    assert (await alice.client.get("/api/credits")).json()["available"] == 110
    wait(database_url, "30 minutes")
    assert (await alice.client.get("/api/credits")).json()["balance"] == 100
    listed = (await alice.client.get("/api/credits/transactions")).json()["data"]
    assert [line["sourceType"] for line in listed] == ["EXPIRY", "PROMOTION", "WELCOME_BONUS"]
