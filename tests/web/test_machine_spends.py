"""Spending through the machine door: what goes through, what is refused, what is undone."""

import asyncio

import psycopg
import pytest

from tests.web.machines import Machine

NOBODYS = "01a20000-0000-7000-8000-000000000000"
WHOLE_MAX = 2**53 - 1


async def test_spend_takes_credits_and_answers_the_statement_line(machine: Machine) -> None:
    account_id = await machine.account(granted=100)
    answer = await machine.spend(
        account_id, 30, description="Essay 17", sourceId="essay-17", metadata={"words": 1200, "tags": ["a", "b"]}
    )
    assert answer.status_code == 201, answer.text
    line = answer.json()
    assert line == {
        "id": line["id"],
        "transactionType": "DEBIT",
        "amount": 30,
        "balanceAfter": 70,
        "sourceType": "USAGE",
        "sourceId": "essay-17",
        "description": "Essay 17",
        "metadata": {"words": 1200, "tags": ["a", "b"]},
        "createdAt": line["createdAt"],
    }
    assert await machine.figures(account_id) == (70, 0, 70)
    listed = (await machine.get(f"/api/accounts/{account_id}/transactions")).json()
    assert listed["data"][0] == line


async def test_spend_beyond_what_is_available_is_refused_with_both_numbers(machine: Machine) -> None:
    account_id = await machine.account(granted=10)
    answer = await machine.spend(account_id, 11)
    assert answer.status_code == 402
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["code"], problem["available"], problem["required"]) == ("insufficient_credits", 10, 11)
    assert problem["requestId"] == answer.headers["x-request-id"]
    assert await machine.figures(account_id) == (10, 0, 10)


async def test_everything_can_be_spent_to_the_last_credit(machine: Machine) -> None:
    account_id = await machine.account(granted=10)
    assert (await machine.spend(account_id, 10)).status_code == 201
    assert (await machine.spend(account_id, 1)).json()["available"] == 0


@pytest.mark.parametrize(
    "wrong",
    [0, -1, 1.5, 1.0, WHOLE_MAX + 1, 2**63, 2**64, 10**30, 1e30, "1", "one", True, False, None, [1], {"amount": 1}],
)
async def test_amounts_are_whole_numbers_that_every_client_reads_exactly(machine: Machine, wrong: object) -> None:
    """Faults 62 and 65, on every call that takes an amount."""
    account_id = await machine.account(granted=10)
    hold_id = await machine.hold(account_id, 5)
    for path, body in (
        (f"/api/accounts/{account_id}/spends", {"amount": wrong}),
        (f"/api/accounts/{account_id}/spends/preview", {"amount": wrong}),
        (f"/api/accounts/{account_id}/holds", {"amount": wrong}),
        (f"/api/accounts/{account_id}/grants", {"amount": wrong, "reason": "A gift"}),
        ("/api/transfers", {"fromAccountId": account_id, "toAccountId": account_id, "amount": wrong}),
        (f"/api/holds/{hold_id}/captures", {"amount": wrong}),
    ):
        if wrong is None and path.endswith("captures"):
            continue
        answer = await machine.post(path, body)
        assert answer.status_code == 422, (path, answer.text)
        assert answer.json()["code"] == "invalid", path
        assert answer.json()["errors"][0]["pointer"] == "/amount", path
    assert await machine.figures(account_id) == (10, 5, 5)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/amount"),
        ({"amount": 1, "balance": 5}, "/balance"),
        ({"amount": 1, "accountId": NOBODYS}, "/accountId"),
        ({"amount": 1, "livemode": True}, "/livemode"),
        ({"amount": 1, "description": 7}, "/description"),
        ({"amount": 1, "description": "a\x00b"}, "/description"),
        ({"amount": 1, "description": "x" * 501}, "/description"),
        ({"amount": 1, "sourceId": "a\nb"}, "/sourceId"),
        ({"amount": 1, "sourceId": "x" * 256}, "/sourceId"),
        ({"amount": 1, "metadata": []}, "/metadata"),
        ({"amount": 1, "metadata": {"a": "\x00"}}, "/metadata"),
        ({"amount": 1, "metadata": {"a": 2**53}}, "/metadata"),
        ({"amount": 1, "metadata": {"a": "x" * 9000}}, "/metadata"),
        ({"amount": 1, "metadata": {"a": [[[[[[[[[1]]]]]]]]]}}, "/metadata"),
    ],
)
async def test_fields_that_are_wrong_or_unknown_are_named(machine: Machine, body: object, pointer: str) -> None:
    """Faults 68 and 82."""
    account_id = await machine.account(granted=10)
    answer = await machine.post(f"/api/accounts/{account_id}/spends", body)
    assert answer.status_code == 422, answer.text
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]
    assert await machine.figures(account_id) == (10, 0, 10)


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"\xff",
        b'{"amount": 1' + b"[" * 3000,
        b'{"amount": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
    ],
)
async def test_a_body_that_cannot_be_read_is_a_400_and_nothing_else(machine: Machine, raw: bytes) -> None:
    account_id = await machine.account(granted=10)
    headers = {"Content-Type": "application/json", "Idempotency-Key": "k"}
    answer = await machine.client.post(f"/api/accounts/{account_id}/spends", content=raw, headers=headers)
    assert answer.status_code == 400, answer.text


async def test_metadata_nested_to_the_bottom_is_refused_and_breaks_nothing(machine: Machine) -> None:
    """Fault 83: deep JSON."""
    account_id = await machine.account(granted=10)
    headers = {"Content-Type": "application/json", "Idempotency-Key": "k"}
    for depth in (50, 400, 900):
        raw = b'{"amount": 1, "metadata": {"a": ' + b"[" * depth + b"]" * depth + b"}}"
        answer = await machine.client.post(f"/api/accounts/{account_id}/spends", content=raw, headers=headers)
        assert answer.status_code in (400, 422), answer.text


@pytest.mark.parametrize("text", ["Zoë 山田 🎓", "x" * 500, 'quote " and \\', "two\nlines", "<b>bold</b>", ""])
async def test_text_is_kept_as_it_was_written(machine: Machine, text: str) -> None:
    """Fault 84."""
    account_id = await machine.account(granted=10)
    answer = await machine.spend(account_id, 1, description=text, metadata={"text": text})
    assert answer.status_code == 201, answer.text
    assert (answer.json()["description"], answer.json()["metadata"]) == (text, {"text": text})
    listed = (await machine.get(f"/api/accounts/{account_id}/transactions")).json()
    assert listed["data"][0] == answer.json()


@pytest.mark.parametrize("account_id", [NOBODYS, "nonsense", "00000000-0000-7000-8000-000000000003"])
async def test_accounts_that_are_not_there_are_not_found(machine: Machine, account_id: str) -> None:
    """Also the ledger's own accounts are nobody's."""
    for call in (
        machine.spend(account_id, 1),
        machine.grant(account_id, 1),
        machine.post(f"/api/accounts/{account_id}/holds", {"amount": 1}),
        machine.post(f"/api/accounts/{account_id}/spends/preview", {"amount": 1}),
        machine.get(f"/api/accounts/{account_id}"),
        machine.get(f"/api/accounts/{account_id}/transactions"),
        machine.get(f"/api/accounts/{account_id}/lots"),
        machine.get(f"/api/accounts/{account_id}/holds"),
    ):
        answer = await call
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), answer.text


async def test_frozen_account_gives_nothing_and_takes_what_comes(machine: Machine, database_url: str) -> None:
    account_id = await machine.account(granted=10)
    hold_id = await machine.hold(account_id, 3)
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE accounts SET frozen_at = topup_now(), frozen_reason = 'test'")
    for path, body in (
        (f"/api/accounts/{account_id}/spends", {"amount": 1}),
        (f"/api/accounts/{account_id}/holds", {"amount": 1}),
        (f"/api/holds/{hold_id}/captures", {}),
    ):
        answer = await machine.post(path, body)
        assert (answer.status_code, answer.json()["code"]) == (409, "account_frozen"), answer.text
    assert (await machine.grant(account_id, 5)).status_code == 201


async def test_preview_says_which_lots_would_pay_and_changes_nothing(machine: Machine) -> None:
    account_id = await machine.account()
    await machine.grant(account_id, 10, priority=60)
    await machine.grant(account_id, 10, priority=40, expiresAt="2099-01-01T00:00:00+01:00")
    answer = await machine.post(f"/api/accounts/{account_id}/spends/preview", {"amount": 12})
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert (said["allowed"], said["reason"], said["availableAfter"]) == (True, None, 8)
    assert [(lot["amount"], lot["priority"], lot["expiresAt"]) for lot in said["lots"]] == [
        (10, 40, "2098-12-31T23:00:00.000Z"),
        (2, 60, None),
    ]
    assert await machine.figures(account_id) == (20, 0, 20)


async def test_preview_of_too_much_says_why(machine: Machine) -> None:
    account_id = await machine.account(granted=10)
    answer = await machine.post(f"/api/accounts/{account_id}/spends/preview", {"amount": 12})
    assert answer.json() == {"allowed": False, "reason": "insufficient_credits", "lots": [], "availableAfter": 10}


async def test_reversal_puts_a_spend_back_where_it_came_from_once(machine: Machine) -> None:
    account_id = await machine.account()
    await machine.grant(account_id, 10, priority=40)
    await machine.grant(account_id, 10, priority=60)
    spent = (await machine.spend(account_id, 15)).json()
    answer = await machine.post(f"/api/transactions/{spent['id']}/reversal", {"reason": "The marker failed"})
    assert answer.status_code == 201, answer.text
    line = answer.json()
    assert (line["transactionType"], line["amount"], line["sourceType"]) == ("CREDIT", 15, "REVERSAL")
    assert (line["sourceId"], line["description"]) == (spent["id"], "The marker failed")
    lots = (await machine.get(f"/api/accounts/{account_id}/lots")).json()["data"]
    assert [lot["remaining"] for lot in lots] == [10, 10]
    again = await machine.post(f"/api/transactions/{spent['id']}/reversal")
    assert (again.status_code, again.json()["code"]) == (409, "already_reversed")
    assert await machine.figures(account_id) == (20, 0, 20)


async def test_reversal_of_anything_but_a_spend_or_a_capture_is_refused(machine: Machine) -> None:
    account_id = await machine.account()
    granted = (await machine.grant(account_id, 10)).json()
    spent = (await machine.spend(account_id, 5)).json()
    undone = (await machine.post(f"/api/transactions/{spent['id']}/reversal")).json()
    for line in (granted, undone):
        answer = await machine.post(f"/api/transactions/{line['id']}/reversal")
        assert (answer.status_code, answer.json()["code"]) == (409, "not_reversible")
    for unknown in (NOBODYS, "nonsense"):
        assert (await machine.post(f"/api/transactions/{unknown}/reversal")).status_code == 404


async def test_many_spends_at_once_take_no_more_than_there_is(machine: Machine) -> None:
    """Fault 42."""
    account_id = await machine.account(granted=10)
    answers = await asyncio.gather(*(machine.spend(account_id, 1) for _ in range(64)))
    assert sorted(answer.status_code for answer in answers) == [201] * 10 + [402] * 54
    assert await machine.figures(account_id) == (0, 0, 0)
