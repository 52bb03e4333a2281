"""Who may call what: every call of the machine door, with every scope, for nobody, a student and an admin (66, 67, 76).

The list of calls is read from the application, so a call that is added without a line here fails the first test.
"""

import httpx2
from fastapi.routing import APIRoute

from tests.web import machines
from tests.web.conftest import ORIGIN, Visitor
from topup.core.api_keys import SCOPES, Scope
from topup.runtime import house as houses
from topup.web.api import machine as door

NOBODYS = "01a20000-0000-7000-8000-000000000000"
AMOUNT = {"amount": 1}
# What opens each call, and a body that would go through if there were such an account, hold or transaction.
CALLS: dict[tuple[str, str], tuple[set[Scope], object]] = {
    ("PUT", "/api/accounts/by-external-id/{external_id}"): ({"grant"}, {}),
    ("GET", "/api/accounts"): ({"read"}, None),
    ("GET", "/api/accounts/{account_id}"): ({"read"}, None),
    ("GET", "/api/accounts/{account_id}/transactions"): ({"read"}, None),
    ("GET", "/api/accounts/{account_id}/lots"): ({"read"}, None),
    ("GET", "/api/accounts/{account_id}/holds"): ({"read"}, None),
    ("POST", "/api/accounts/{account_id}/spends"): ({"spend"}, AMOUNT),
    ("POST", "/api/accounts/{account_id}/spends/preview"): ({"read", "spend"}, AMOUNT),
    ("POST", "/api/transactions/{transaction_id}/reversal"): ({"spend"}, {}),
    ("POST", "/api/accounts/{account_id}/holds"): ({"spend"}, AMOUNT),
    ("POST", "/api/holds/{hold_id}/captures"): ({"spend"}, {}),
    ("POST", "/api/holds/{hold_id}/release"): ({"spend"}, {}),
    ("GET", "/api/holds/{hold_id}"): ({"read"}, None),
    ("POST", "/api/accounts/{account_id}/grants"): ({"grant"}, {**AMOUNT, "reason": "A gift"}),
    ("POST", "/api/transfers"): ({"spend"}, {**AMOUNT, "fromAccountId": NOBODYS, "toAccountId": NOBODYS}),
    ("GET", "/api/admin/holds"): (set(), None),
    ("GET", "/api/admin/events"): (set(), None),
    ("POST", "/api/admin/events/{event_id}/replay"): (set(), None),
    ("GET", "/api/admin/reconciliations"): (set(), None),
    ("POST", "/api/admin/accounts/{account_id}/thaw"): (set(), None),
    ("GET", "/api/admin/payments"): (set(), None),
    ("GET", "/api/admin/payments/{payment_id}"): (set(), None),
    ("POST", "/api/admin/payments/{payment_id}/resolution"): (set(), {"outcome": "FAILED", "reason": "Tested"}),
    ("GET", "/api/admin/keys"): (set(), None),
    ("POST", "/api/admin/keys"): (set(), {"name": "Host", "scopes": ["read"]}),
    ("POST", "/api/admin/keys/{key_id}/rotate"): (set(), {}),
    ("DELETE", "/api/admin/keys/{key_id}"): (set(), None),
}
DONE_OR_NOT_THERE = {200, 201, 204, 404}


async def status(client: httpx2.AsyncClient, call: tuple[str, str], key: str | None = None) -> int:
    method, template = call
    path = "/".join(NOBODYS if part.startswith("{") else part for part in template.split("/"))
    headers = {"Idempotency-Key": "k"} | ({"Authorization": f"Bearer {key}"} if key else {})
    return (await client.request(method, path, json=CALLS[call][1], headers=headers)).status_code


def test_every_call_of_the_door_is_in_this_table() -> None:
    routes = (
        route
        for router in (*door.LEAN, *door.ROUTERS, *door.ADMIN)
        for route in router.routes
        if isinstance(route, APIRoute)
    )
    assert {(method, route.path_format) for route in routes for method in route.methods or ()} == set(CALLS)


async def test_each_scope_opens_its_own_calls_and_no_others(house: houses.House, client: httpx2.AsyncClient) -> None:
    wrong = []
    for scope in SCOPES:
        key = await machines.key_text(house, [scope])
        for call, (opened_by, _) in CALLS.items():
            answered = await status(client, call, key)
            may = scope == "admin" or scope in opened_by
            if (answered in DONE_OR_NOT_THERE) != may or (not may and answered != 403):
                wrong.append((scope, call, answered))
    assert wrong == []


async def test_nobody_may_call_anything(client: httpx2.AsyncClient) -> None:
    assert {call: await status(client, call) for call in CALLS} == dict.fromkeys(CALLS, 401)


async def test_students_may_call_nothing_of_it_not_even_for_their_own_account(alice: Visitor) -> None:
    assert {call: await status(alice.client, call) for call in CALLS} == dict.fromkeys(CALLS, 403)
    own = alice.user["accountId"]
    assert (await alice.client.get(f"/api/accounts/{own}")).status_code == 403
    answer = await alice.client.post(
        f"/api/accounts/{own}/grants", json={"amount": 1, "reason": "Mine"}, headers={"Idempotency-Key": "k"}
    )
    assert (answer.status_code, answer.json()["error"]) == (403, "Admin access required")


async def test_admins_may_call_all_of_it(admin: Visitor) -> None:
    answers = {call: await status(admin.client, call) for call in CALLS}
    assert {call: answered for call, answered in answers.items() if answered not in DONE_OR_NOT_THERE} == {}


async def test_scopes_add_up(house: houses.House, transport: httpx2.ASGITransport) -> None:
    both = machines.with_key(transport, ORIGIN, await machines.key_text(house, ["read", "spend"]))
    assert (await both.get("/api/accounts")).status_code == 200
    assert (await both.spend(NOBODYS, 1)).status_code == 404
    refused = await both.grant(NOBODYS, 1)
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
    await both.client.aclose()
