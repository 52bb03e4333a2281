"""The same key, again: one effect and the first answer, byte for byte; another request under it is refused."""

import asyncio
from typing import Any

import httpx2
import psycopg
import pytest

from tests.web import machines
from tests.web.conftest import ORIGIN, Visitor
from tests.web.machines import Machine
from topup.runtime import house as houses
from topup.settings import Settings
from topup.web import app

REPLAYED = "idempotent-replayed"


def same_bytes(first: httpx2.Response, again: httpx2.Response) -> bool:
    return (
        (again.status_code, again.content, again.headers["content-type"])
        == (first.status_code, first.content, first.headers["content-type"])
        and REPLAYED not in first.headers
        and again.headers[REPLAYED] == "true"
    )


async def calls(machine: Machine) -> list[tuple[str, dict[str, Any]]]:
    """One of each call that needs a key, all of which go through."""
    account_id, other_id = await machine.account("alice", granted=100), await machine.account("bob")
    spent = (await machine.spend(account_id, 5)).json()
    hold_id = await machine.hold(account_id, 5)
    return [
        (f"/api/accounts/{account_id}/spends", {"amount": 1}),
        (f"/api/accounts/{account_id}/holds", {"amount": 1}),
        (f"/api/holds/{hold_id}/captures", {"amount": 1}),
        (f"/api/transactions/{spent['id']}/reversal", {}),
        (f"/api/accounts/{account_id}/grants", {"amount": 1, "reason": "A gift"}),
        ("/api/transfers", {"fromAccountId": account_id, "toAccountId": other_id, "amount": 1}),
    ]


async def lines(machine: Machine, account_id: str) -> int:
    return len((await machine.get(f"/api/accounts/{account_id}/transactions", limit=100)).json()["data"])


async def test_each_call_that_moves_credits_needs_a_key(machine: Machine) -> None:
    for path, body in await calls(machine):
        for headers in ({}, {"Idempotency-Key": ""}):
            answer = await machine.client.post(path, json=body, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_required"), path


@pytest.mark.parametrize("key", ["with space", "x" * 256, "tab\there", "caf\u00e9"])
async def test_keys_are_visible_characters_and_not_too_many(machine: Machine, key: str) -> None:
    account_id = await machine.account(granted=10)
    headers = {b"Idempotency-Key": key.encode("latin-1")}
    answer = await machine.client.post(f"/api/accounts/{account_id}/spends", json={"amount": 1}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_invalid")


async def test_a_key_may_have_255_visible_characters(machine: Machine) -> None:
    account_id = await machine.account(granted=10)
    key = "".join(chr(0x21 + n % 94) for n in range(255))
    first = await machine.spend(account_id, 1, key=key)
    assert first.status_code == 201
    assert same_bytes(first, await machine.spend(account_id, 1, key=key))


async def test_a_repeat_gets_the_first_answer_byte_for_byte(machine: Machine) -> None:
    """Fault 51, on every call that moves credits."""
    asked = await calls(machine)
    account_id = await machine.account("alice")
    firsts = [await machine.post(path, body, key="k") for path, body in asked]
    assert {first.status_code for first in firsts} == {201}
    before = await lines(machine, account_id), await machine.figures(account_id)
    for first, (path, body) in zip(firsts, asked, strict=True):
        assert same_bytes(first, await machine.post(path, body, key="k")), path
    assert (await lines(machine, account_id), await machine.figures(account_id)) == before


async def test_another_request_under_the_key_is_refused_and_writes_nothing(machine: Machine) -> None:
    """Fault 52."""
    account_id, other_id = await machine.account("alice", granted=100), await machine.account("bob", granted=100)
    first = await machine.spend(account_id, 1, key="k")
    assert first.status_code == 201
    for path, body in (
        (f"/api/accounts/{account_id}/spends", {"amount": 2}),
        (f"/api/accounts/{account_id}/spends", {"amount": 1, "description": "Another"}),
        (f"/api/accounts/{other_id}/spends", {"amount": 1}),
    ):
        answer = await machine.post(path, body, key="k")
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused"), path
    assert await machine.figures(account_id) == (99, 0, 99)
    assert await machine.figures(other_id) == (100, 0, 100)
    assert same_bytes(first, await machine.spend(account_id, 1, key="k"))


async def test_spacing_and_order_of_fields_do_not_make_another_request(machine: Machine) -> None:
    account_id = await machine.account(granted=100)
    bodies = (
        b'{"amount":1,"description":"x"}',
        b'{ "amount": 1,\n  "description": "\\u0078" }',
        b'{"description":"x","amount":1}',
    )
    headers = {"Content-Type": "application/json", "Idempotency-Key": "k"}
    answers = [
        await machine.client.post(f"/api/accounts/{account_id}/spends", content=body, headers=headers)
        for body in bodies
    ]
    assert [answer.status_code for answer in answers] == [201] * 3
    assert all(same_bytes(answers[0], again) for again in answers[1:])


async def test_a_key_belongs_to_one_route(machine: Machine) -> None:
    """Fault 53."""
    account_id = await machine.account(granted=100)
    assert (await machine.spend(account_id, 1, key="k")).status_code == 201
    held = await machine.post(f"/api/accounts/{account_id}/holds", {"amount": 1}, key="k")
    assert (held.status_code, REPLAYED in held.headers) == (201, False)
    assert await machine.figures(account_id) == (99, 1, 98)


async def test_a_key_belongs_to_one_application_or_person(
    machine: Machine, house: houses.House, transport: httpx2.ASGITransport, admin: Visitor
) -> None:
    """Fault 53: nobody sees another's answer."""
    account_id = await machine.account(granted=100)
    other = machines.with_key(transport, ORIGIN, await machines.key_text(house))
    for client in (machine.client, other.client, admin.client):
        answer = await client.post(
            f"/api/accounts/{account_id}/spends", json={"amount": 1}, headers={"Idempotency-Key": "k"}
        )
        assert (answer.status_code, REPLAYED in answer.headers) == (201, False)
    await other.client.aclose()
    assert await machine.figures(account_id) == (97, 0, 97)


async def test_a_refusal_for_want_of_credit_stays_a_refusal(machine: Machine) -> None:
    """Fault 54: the balance rose meanwhile, and the same key is still answered as it was."""
    account_id = await machine.account(granted=5)
    refused = await machine.spend(account_id, 6, key="k")
    assert refused.status_code == 402
    await machine.grant(account_id, 100)
    assert same_bytes(refused, await machine.spend(account_id, 6, key="k"))
    assert refused.json()["requestId"] == refused.headers["x-request-id"]
    assert (await machine.spend(account_id, 6, key="another")).status_code == 201


async def test_a_conflict_is_remembered(machine: Machine) -> None:
    account_id = await machine.account(granted=5)
    hold_id = await machine.hold(account_id, 5)
    await machine.post(f"/api/holds/{hold_id}/release")
    refused = await machine.post(f"/api/holds/{hold_id}/captures", {}, key="k")
    assert refused.status_code == 409
    assert same_bytes(refused, await machine.post(f"/api/holds/{hold_id}/captures", {}, key="k"))


async def test_what_was_not_found_or_not_valid_may_be_tried_again_under_its_key(machine: Machine) -> None:
    account_id = await machine.account(granted=5)
    assert (await machine.spend("01a20000-0000-7000-8000-000000000000", 1, key="a")).status_code == 404
    assert (await machine.spend(account_id, 0, key="a")).status_code == 422
    assert (await machine.spend(account_id, 1, key="a")).status_code == 201


async def test_fifty_posts_with_one_key_at_once_have_one_effect(machine: Machine) -> None:
    """Fault 51."""
    account_id = await machine.account(granted=100)
    answers = await asyncio.gather(*(machine.spend(account_id, 3, key="k") for _ in range(50)))
    assert {(answer.status_code, answer.content) for answer in answers} == {(201, answers[0].content)}
    assert sum(REPLAYED not in answer.headers for answer in answers) == 1
    assert await machine.figures(account_id) == (97, 0, 97)


async def test_one_key_in_many_processes_at_once_has_one_effect(machine: Machine, settings: Settings) -> None:
    """Faults 51 and 52: each house has a queue of its own, and the twins meet in the database only."""
    account_id, other_id = await machine.account("alice", granted=100), await machine.account("bob", granted=100)
    authorization = machine.client.headers["authorization"]

    async def one_process(number: int) -> list[httpx2.Response]:
        async with houses.opened(settings) as house:
            transport = httpx2.ASGITransport(app=app.create_app(house))
            client = httpx2.AsyncClient(transport=transport, base_url=ORIGIN, headers={"Authorization": authorization})
            async with client:
                process = Machine(client)
                target = account_id if number % 2 else other_id
                return await asyncio.gather(*(process.spend(target, 3, key=f"k{n}") for n in range(10)))

    answers = [answer for each in await asyncio.gather(*map(one_process, range(6))) for answer in each]
    assert {answer.status_code for answer in answers} == {201, 422}
    assert sum(answer.status_code == 201 and REPLAYED not in answer.headers for answer in answers) == 10
    left = (await machine.figures(account_id))[0] + (await machine.figures(other_id))[0]
    assert left == 200 - 3 * 10


async def test_release_takes_a_key_and_needs_none(machine: Machine) -> None:
    account_id = await machine.account(granted=10)
    hold_id = await machine.hold(account_id, 5)
    first = await machine.post(f"/api/holds/{hold_id}/release", key="k")
    assert first.status_code == 200
    assert same_bytes(first, await machine.post(f"/api/holds/{hold_id}/release", key="k"))
    assert (await machine.client.post(f"/api/holds/{hold_id}/release")).status_code == 409


async def test_a_retry_after_the_keys_rotation_replays(
    machine: Machine, admin: Visitor, house: houses.House, transport: httpx2.ASGITransport
) -> None:
    created = (await admin.client.post("/api/admin/keys", json={"name": "Host", "scopes": ["spend"]})).json()
    account_id = await machine.account(granted=10)
    old = machines.with_key(transport, ORIGIN, created["key"])
    first = await old.spend(account_id, 1, key="k")
    rotated = (await admin.client.post(f"/api/admin/keys/{created['id']}/rotate", json={})).json()
    new = machines.with_key(transport, ORIGIN, rotated["key"])
    assert same_bytes(first, await new.spend(account_id, 1, key="k"))
    await old.client.aclose()
    await new.client.aclose()


async def test_answers_are_kept_as_long_as_the_ledger(machine: Machine, database_url: str) -> None:
    """A key of long ago still stands for what it did."""
    account_id = await machine.account(granted=10)
    first = await machine.spend(account_id, 1, key="k")
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE deployment SET is_demo = true, clock_offset = '5 years'")
    assert same_bytes(first, await machine.spend(account_id, 1, key="k"))


async def test_routes_are_kept_under_names_that_must_not_change(machine: Machine, database_url: str) -> None:
    """A renamed route or path parameter would make every key of the past a new one."""
    for path, body in await calls(machine):
        await machine.post(path, body, key="k")
    await machine.post(f"/api/holds/{await machine.hold(await machine.account('alice'), 1)}/release", key="k")
    with psycopg.connect(database_url) as connection:
        kept = connection.execute("SELECT DISTINCT route FROM idempotency ORDER BY route").fetchall()
    assert [route for (route,) in kept] == [
        "POST /api/accounts/{account_id}/grants",
        "POST /api/accounts/{account_id}/holds",
        "POST /api/accounts/{account_id}/spends",
        "POST /api/holds/{hold_id}/captures",
        "POST /api/holds/{hold_id}/release",
        "POST /api/transactions/{transaction_id}/reversal",
        "POST /api/transfers",
    ]
