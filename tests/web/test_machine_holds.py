"""Credits set aside: captured, released, ended; never more than was held (faults 40, 43, 44)."""

import asyncio

import psycopg
import pytest

from tests.web.machines import Machine

NOBODYS = "01a20000-0000-7000-8000-000000000000"


def wait(database_url: str, time: str) -> None:
    """Let that much time pass."""
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE deployment SET is_demo = true, clock_offset = clock_offset + %s::interval", [time])


async def test_hold_sets_credits_aside(machine: Machine) -> None:
    account_id = await machine.account(granted=10)
    placed = await machine.post(f"/api/accounts/{account_id}/holds", {"amount": 4, "expiresInSeconds": 60})
    assert placed.status_code == 201, placed.text
    hold = placed.json()
    assert hold == {
        "id": hold["id"],
        "accountId": account_id,
        "amount": 4,
        "captured": 0,
        "status": "OPEN",
        "expiresAt": hold["expiresAt"],
    }
    assert await machine.figures(account_id) == (10, 4, 6)
    assert (await machine.get(f"/api/holds/{hold['id']}")).json() == hold
    assert (await machine.get(f"/api/accounts/{account_id}/holds")).json() == {"data": [hold], "nextCursor": None}
    assert (await machine.spend(account_id, 7)).status_code == 402


async def test_hold_beyond_what_is_available_is_refused(machine: Machine) -> None:
    account_id = await machine.account(granted=10)
    await machine.hold(account_id, 8)
    refused = await machine.post(f"/api/accounts/{account_id}/holds", {"amount": 3})
    assert (refused.status_code, refused.json()["available"], refused.json()["required"]) == (402, 2, 3)


@pytest.mark.parametrize("seconds", [0, -1, 86_401, 1.5, "60", True, None])
async def test_hold_lasts_a_second_to_a_day(machine: Machine, seconds: object) -> None:
    account_id = await machine.account(granted=10)
    body = {"amount": 1, "expiresInSeconds": seconds}
    assert (await machine.post(f"/api/accounts/{account_id}/holds", body)).status_code == 422


async def test_capture_takes_what_was_used_and_gives_the_rest_back(machine: Machine) -> None:
    account_id = await machine.account(granted=10)
    hold_id = await machine.hold(account_id, 6)
    captured = await machine.post(f"/api/holds/{hold_id}/captures", {"amount": 4})
    assert captured.status_code == 201, captured.text
    line = captured.json()
    assert (line["sourceType"], line["amount"], line["sourceId"]) == ("HOLD_CAPTURE", 4, hold_id)
    assert await machine.figures(account_id) == (6, 0, 6)
    hold = (await machine.get(f"/api/holds/{hold_id}")).json()
    assert (hold["status"], hold["captured"]) == ("CAPTURED", 4)
    assert (await machine.get(f"/api/accounts/{account_id}/holds")).json()["data"] == []


async def test_capture_without_an_amount_takes_all(machine: Machine) -> None:
    account_id = await machine.account(granted=10)
    for body in ({}, None):
        hold_id = await machine.hold(account_id, 3)
        captured = await machine.post(f"/api/holds/{hold_id}/captures", body)
        assert (captured.status_code, captured.json()["amount"]) == (201, 3)
    assert await machine.figures(account_id) == (4, 0, 4)


async def test_capture_in_parts_keeps_the_hold_open_until_the_last(machine: Machine) -> None:
    account_id = await machine.account(granted=10)
    hold_id = await machine.hold(account_id, 6)
    for amount in (1, 2):
        assert (
            await machine.post(f"/api/holds/{hold_id}/captures", {"amount": amount, "final": False})
        ).status_code == 201
    assert await machine.figures(account_id) == (7, 3, 4)
    beyond = await machine.post(f"/api/holds/{hold_id}/captures", {"amount": 4, "final": False})
    assert (beyond.status_code, beyond.json()["code"]) == (422, "more_than_held")
    assert (await machine.post(f"/api/holds/{hold_id}/captures")).json()["amount"] == 3
    assert (await machine.get(f"/api/holds/{hold_id}")).json()["captured"] == 6


async def test_never_more_than_held_is_captured(machine: Machine) -> None:
    account_id = await machine.account(granted=10)
    hold_id = await machine.hold(account_id, 6)
    beyond = await machine.post(f"/api/holds/{hold_id}/captures", {"amount": 7})
    assert (beyond.status_code, beyond.json()["code"]) == (422, "more_than_held")
    assert await machine.figures(account_id) == (10, 6, 4)


async def test_release_gives_everything_back(machine: Machine) -> None:
    account_id = await machine.account(granted=10)
    hold_id = await machine.hold(account_id, 6)
    released = await machine.post(f"/api/holds/{hold_id}/release")
    assert (released.status_code, released.json()["status"]) == (200, "RELEASED")
    assert await machine.figures(account_id) == (10, 0, 10)


@pytest.mark.parametrize("first", ["captures", "release"])
@pytest.mark.parametrize("then", ["captures", "release"])
async def test_closed_hold_stays_closed(machine: Machine, first: str, then: str) -> None:
    """Fault 44."""
    account_id = await machine.account(granted=10)
    hold_id = await machine.hold(account_id, 6)
    assert (await machine.post(f"/api/holds/{hold_id}/{first}", {})).status_code in (200, 201)
    refused = await machine.post(f"/api/holds/{hold_id}/{then}", {})
    assert (refused.status_code, refused.json()["code"]) == (409, "hold_closed")


async def test_hold_that_ended_gives_back_and_can_no_longer_be_captured(machine: Machine, database_url: str) -> None:
    """Fault 44: at its very end, whether a sweep has run or not."""
    account_id = await machine.account(granted=10)
    captured, released, seen = [await machine.hold(account_id, 2, expiresInSeconds=60) for _ in range(3)]
    wait(database_url, "60 seconds")
    assert (await machine.get(f"/api/holds/{seen}")).json()["status"] == "EXPIRED"
    assert await machine.figures(account_id) == (10, 0, 10)
    for answer in (
        await machine.post(f"/api/holds/{captured}/captures", {}),
        await machine.post(f"/api/holds/{released}/release"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "hold_closed")


async def test_capture_of_credits_that_expired_while_held_is_honoured(machine: Machine, database_url: str) -> None:
    """Fault 40."""
    account_id = await machine.account()
    with psycopg.connect(database_url) as connection:
        row = connection.execute("SELECT topup_now() + interval '60 seconds'").fetchone()
    assert row is not None
    await machine.grant(account_id, 10, expiresAt=row[0].isoformat())
    hold_id = await machine.hold(account_id, 6, expiresInSeconds=3600)
    wait(database_url, "61 seconds")
    assert await machine.figures(account_id) == (6, 6, 0)
    assert (await machine.post(f"/api/holds/{hold_id}/captures", {"amount": 4})).status_code == 201
    assert await machine.figures(account_id) == (0, 0, 0)
    listed = (await machine.get(f"/api/accounts/{account_id}/transactions")).json()["data"]
    assert [(line["sourceType"], line["amount"]) for line in listed] == [
        ("EXPIRY", 2),
        ("HOLD_CAPTURE", 4),
        ("EXPIRY", 4),
        ("PROMOTION", 10),
    ]


@pytest.mark.parametrize("hold_id", [NOBODYS, "nonsense"])
async def test_holds_that_are_not_there_are_not_found(machine: Machine, hold_id: str) -> None:
    for answer in (
        await machine.get(f"/api/holds/{hold_id}"),
        await machine.post(f"/api/holds/{hold_id}/captures", {}),
        await machine.post(f"/api/holds/{hold_id}/release"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_hold_of_a_dispute_is_none_of_the_hosts(machine: Machine, database_url: str) -> None:
    account_id = await machine.account(granted=10)
    with psycopg.connect(database_url) as connection:
        connection.execute(
            """INSERT INTO holds (id, account_id, kind, amount, status, actor, created_at)
            VALUES (%s, %s, 'DISPUTE', 1, 'OPEN', 'topup', topup_now())""",
            [NOBODYS, account_id],
        )
    assert (await machine.get(f"/api/holds/{NOBODYS}")).status_code == 404
    assert (await machine.post(f"/api/holds/{NOBODYS}/captures", {})).status_code == 404
    assert (await machine.post(f"/api/holds/{NOBODYS}/release")).status_code == 404
    assert (await machine.get(f"/api/accounts/{account_id}/holds")).json()["data"] == []


async def test_captures_and_releases_at_once_close_a_hold_once(machine: Machine) -> None:
    """Fault 43."""
    account_id = await machine.account(granted=10)
    hold_id = await machine.hold(account_id, 6)
    answers = await asyncio.gather(
        *(machine.post(f"/api/holds/{hold_id}/captures", {"amount": 5}) for _ in range(8)),
        *(machine.post(f"/api/holds/{hold_id}/release") for _ in range(8)),
    )
    done = [answer for answer in answers if answer.status_code < 300]
    assert len(done) == 1
    assert {answer.status_code for answer in answers} - {done[0].status_code} == {409}
    balance, held, _ = await machine.figures(account_id)
    assert (balance, held) == (5 if done[0].status_code == 201 else 10, 0)


async def test_parts_captured_at_once_never_add_up_to_more_than_held(machine: Machine) -> None:
    """Fault 43."""
    account_id = await machine.account(granted=20)
    hold_id = await machine.hold(account_id, 10)
    answers = await asyncio.gather(
        *(machine.post(f"/api/holds/{hold_id}/captures", {"amount": 3, "final": False}) for _ in range(8))
    )
    assert sum(answer.status_code == 201 for answer in answers) == 3
    assert await machine.figures(account_id) == (11, 1, 10)


async def test_open_holds_are_listed_page_by_page(machine: Machine) -> None:
    account_id = await machine.account(granted=20)
    placed = [await machine.hold(account_id, 1) for _ in range(5)]
    first = (await machine.get(f"/api/accounts/{account_id}/holds", limit=3)).json()
    rest = (await machine.get(f"/api/accounts/{account_id}/holds", limit=3, cursor=first["nextCursor"])).json()
    assert [hold["id"] for hold in first["data"] + rest["data"]] == placed[::-1]
    assert rest["nextCursor"] is None
