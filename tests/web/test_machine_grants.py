"""Grants and transfers through the machine door."""

import asyncio

import psycopg
import pytest

from tests.web.machines import Machine

WHOLE_MAX = 2**53 - 1


async def test_grant_adds_credits_with_their_reason(machine: Machine) -> None:
    account_id = await machine.account()
    granted = await machine.grant(account_id, 25)
    assert granted.status_code == 201, granted.text
    line = granted.json()
    assert (line["transactionType"], line["amount"], line["balanceAfter"]) == ("CREDIT", 25, 25)
    assert (line["sourceType"], line["description"]) == ("PROMOTION", "A gift")


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"reason": ""}, "/reason"),
        ({"reason": None}, "/reason"),
        ({"priority": -1}, "/priority"),
        ({"priority": 101}, "/priority"),
        ({"priority": 1.0}, "/priority"),
        ({"expiresAt": "tomorrow"}, "/expiresAt"),
        ({"expiresAt": "2099-01-01"}, "/expiresAt"),
        ({"expiresAt": "2099-01-01T00:00:00"}, "/expiresAt"),
        ({"expiresAt": "2099-13-01T00:00:00Z"}, "/expiresAt"),
        ({"expiresAt": "0001-01-01T00:00:00+23:59"}, "/expiresAt"),
        ({"expiresAt": "9999-12-31T23:59:59-23:59"}, "/expiresAt"),
        ({"expiresAt": 4102444800}, "/expiresAt"),
        ({"validDays": 3}, "/validDays"),
    ],
)
async def test_grant_refuses_what_is_wrong_and_names_it(
    machine: Machine, wrong: dict[str, object], pointer: str
) -> None:
    account_id = await machine.account()
    answer = await machine.grant(account_id, 1, **wrong)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert await machine.figures(account_id) == (0, 0, 0)


async def test_grant_that_would_end_in_the_past_is_refused(machine: Machine) -> None:
    account_id = await machine.account()
    answer = await machine.grant(account_id, 1, expiresAt="2020-01-01T00:00:00Z")
    assert (answer.status_code, answer.json()["code"]) == (422, "already_expired")


async def test_grant_that_ended_since_is_still_answered_as_it_was(machine: Machine, database_url: str) -> None:
    account_id = await machine.account()
    with psycopg.connect(database_url) as connection:
        row = connection.execute("SELECT topup_now() + interval '1 hour'").fetchone()
        assert row is not None
    body = {"amount": 5, "reason": "A gift", "expiresAt": row[0].isoformat()}
    first = await machine.post(f"/api/accounts/{account_id}/grants", body, key="k")
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE deployment SET is_demo = true, clock_offset = '2 hours'")
    again = await machine.post(f"/api/accounts/{account_id}/grants", body, key="k")
    assert (again.status_code, again.content) == (201, first.content)


async def test_balance_never_leaves_what_json_can_say(machine: Machine) -> None:
    """Fault 65."""
    account_id = await machine.account()
    assert (await machine.grant(account_id, WHOLE_MAX)).status_code == 201
    beyond = await machine.grant(account_id, 1)
    assert (beyond.status_code, beyond.json()["code"]) == (422, "amount_out_of_range")
    assert await machine.figures(account_id) == (WHOLE_MAX, 0, WHOLE_MAX)
    other_id = await machine.account("bob", granted=1)
    body = {"fromAccountId": other_id, "toAccountId": account_id, "amount": 1}
    assert (await machine.post("/api/transfers", body)).json()["code"] == "amount_out_of_range"
    assert (await machine.spend(account_id, WHOLE_MAX)).status_code == 201


async def test_what_ends_or_is_worth_less_is_spent_first(machine: Machine) -> None:
    account_id = await machine.account()
    await machine.grant(account_id, 10, priority=100)
    await machine.grant(account_id, 10)
    await machine.grant(account_id, 10, expiresAt="2098-01-01T00:00:00Z")
    await machine.grant(account_id, 10, expiresAt="2097-01-01T00:00:00.123456789+02:00", priority=51)
    preview = (await machine.post(f"/api/accounts/{account_id}/spends/preview", {"amount": 40})).json()
    assert [(lot["priority"], (lot["expiresAt"] or "")[:4]) for lot in preview["lots"]] == [
        (50, "2098"),
        (50, ""),
        (51, "2096"),
        (100, ""),
    ]


async def test_transfer_moves_credits_with_their_ends(machine: Machine) -> None:
    from_id, to_id = await machine.account("alice"), await machine.account("bob")
    await machine.grant(from_id, 10, expiresAt="2098-01-01T00:00:00Z", priority=7)
    body = {"fromAccountId": from_id, "toAccountId": to_id, "amount": 4, "description": "Shared"}
    moved = await machine.post("/api/transfers", body)
    assert moved.status_code == 201, moved.text
    debit, credit = moved.json()["debit"], moved.json()["credit"]
    assert (debit["transactionType"], debit["amount"], debit["balanceAfter"]) == ("DEBIT", 4, 6)
    assert (credit["transactionType"], credit["amount"], credit["balanceAfter"]) == ("CREDIT", 4, 4)
    assert {debit["sourceType"], credit["sourceType"]} == {"TRANSFER"}
    assert {debit["description"], credit["description"]} == {"Shared"}
    [lot] = (await machine.get(f"/api/accounts/{to_id}/lots")).json()["data"]
    assert (lot["remaining"], lot["priority"], lot["expiresAt"]) == (4, 7, "2098-01-01T00:00:00.000Z")


async def test_transfer_that_cannot_be_is_refused(machine: Machine) -> None:
    credit_id = await machine.account("alice", granted=10)
    session_id = await machine.account("alice", unit="session", granted=10)
    other_id = await machine.account("bob")

    async def refused(**body: object) -> tuple[int, str]:
        answer = await machine.post("/api/transfers", {"fromAccountId": credit_id, "amount": 1, **body})
        return answer.status_code, answer.json()["code"]

    assert await refused(toAccountId=session_id) == (422, "unit_mismatch")
    assert await refused(toAccountId=credit_id) == (422, "same_account")
    assert await refused(toAccountId=other_id, amount=11) == (402, "insufficient_credits")
    assert await refused(toAccountId="nonsense") == (404, "not_found")
    assert await refused(toAccountId="01a20000-0000-7000-8000-000000000000") == (404, "not_found")
    assert await refused(toAccountId="00000000-0000-7000-8000-000000000003") == (404, "not_found")
    assert await refused(toAccountId=7) == (422, "invalid")
    assert await machine.figures(credit_id) == (10, 0, 10)


async def test_transfers_back_and_forth_at_once_lose_nothing(machine: Machine) -> None:
    """Fault 57."""
    one_id, two_id = await machine.account("alice", granted=50), await machine.account("bob", granted=50)
    ways = [(one_id, two_id), (two_id, one_id)] * 20
    answers = await asyncio.gather(
        *(
            machine.post("/api/transfers", {"fromAccountId": from_id, "toAccountId": to_id, "amount": 3})
            for from_id, to_id in ways
        )
    )
    assert {answer.status_code for answer in answers} == {201}
    assert await machine.figures(one_id) == (50, 0, 50)
    assert await machine.figures(two_id) == (50, 0, 50)
