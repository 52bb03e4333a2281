"""The express lane answers as the layers would have: the same calls are sent both ways."""

import dataclasses
import itertools
import json
from collections.abc import Mapping
from typing import Any

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tests import stripe_bodies
from tests.web import machines
from tests.web.conftest import ORIGIN, Visitor
from topup.core import ids
from topup.runtime.house import House
from topup.web import app as application
from topup.web import body_limit, lean

# What belongs to one answer alone, wherever it stands.
OF_ONE_ANSWER = {"id", "accountId", "recordedAt", "createdAt", "expiresAt", "requestId"}


@dataclasses.dataclass
class Call:
    """What is sent, to an account of its own each time."""

    path: str = "/api/accounts/{account}/spends"
    body: bytes = b'{"amount": 3, "description": "Essay"}'
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    is_keyed: bool = True


CALLS = {
    "a spend": Call(),
    "a spend with metadata": Call(body=b'{"amount": 1, "metadata": {"essay": [1, 2, {"a": null}]}, "sourceId": "e-1"}'),
    "a spend of too much": Call(body=b'{"amount": 101}'),
    "a spend of nothing": Call(body=b'{"amount": 0}'),
    "an unknown field": Call(body=b'{"amount": 1, "colour": "red"}'),
    "no JSON": Call(body=b'{"amount": '),
    "no body": Call(body=b""),
    "another type of body": Call(headers={"Content-Type": "text/plain"}),
    "no idempotency key": Call(is_keyed=False),
    "an impossible idempotency key": Call(headers={"Idempotency-Key": "a b"}),
    "no API key": Call(headers={"Authorization": ""}),
    "a wrong API key": Call(headers={"Authorization": "Bearer topup_sk_wrong"}),
    "an unknown account": Call(path=f"/api/accounts/{ids.new()}/spends"),
    "an id that is none": Call(path="/api/accounts/x/spends"),
    "a hold": Call(path="/api/accounts/{account}/holds", body=b'{"amount": 3}'),
    "a grant": Call(path="/api/accounts/{account}/grants", body=b'{"amount": 3, "reason": "A gift"}'),
    "an unknown hold": Call(path=f"/api/holds/{ids.new()}/release", body=b"{}"),
    "an unsigned delivery": Call(path="/api/webhooks/stripe"),
    "a forged delivery": Call(path="/api/webhooks/stripe", headers={"Stripe-Signature": "t=1,v1=00"}),
    "a request id": Call(headers={"X-Request-Id": "trace-1234"}),
    "a body that is too large": Call(body=b" " * (body_limit.LIMIT_BYTES + 1)),
    "another site": Call(headers={"Origin": "https://elsewhere.example"}),
    "an address that is none": Call(path="/api/accounts/{account}/spend"),
}


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that went the express way."""
    served: list[str] = []
    answer = lean.Route.answer

    async def noted(self: lean.Route, request: Request) -> Response:
        served.append(request.scope["path"])
        return await answer(self, request)

    monkeypatch.setattr(lean.Route, "answer", noted)
    return served


class Layers:
    """The same application with the express lane closed."""

    def __init__(self, house: House) -> None:
        self.app = application.create_app(house)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A header that has no meaning, but is a browser's, sends a call through the layers."""
        scope["headers"] = [*scope["headers"], (b"cookie", b"nothing=1")]
        await self.app(scope, receive, send)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
async def test_call_is_answered_alike_both_ways(machine: machines.Machine, house: House, call: Call) -> None:
    by_layers = machines.with_key(httpx2.ASGITransport(app=Layers(house)), ORIGIN, await machines.key_text(house))
    numbers = itertools.count()
    answers = []
    for client in (machine.client, by_layers.client):
        account = await machine.account(f"of-{next(numbers)}", granted=100)
        headers = {"Content-Type": "application/json", **call.headers}
        if call.is_keyed:
            headers.setdefault("Idempotency-Key", f"key-{ids.new()}")
        path = call.path.replace("{account}", account)
        answers.append(_shape(await client.post(path, content=call.body, headers=headers)))
    assert answers[0] == answers[1]


async def test_plain_calls_take_the_express_lane_and_others_do_not(
    machine: machines.Machine, counted: list[str], alice: Visitor
) -> None:
    account = await machine.account(granted=5)
    counted.clear()
    path = f"/api/accounts/{account}/spends"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(application.request_ids.RequestIds, "__call__", _closed)
        assert (await machine.spend(account, 1)).status_code == 201
        with pytest.raises(AssertionError, match="by the layers"):
            await machine.client.post(path, json={"amount": 1}, headers={"Origin": ORIGIN, "Idempotency-Key": "k"})
        with pytest.raises(AssertionError, match="by the layers"):
            await machine.client.get(path)
        with pytest.raises(AssertionError, match="by the layers"):
            await alice.client.post(path, json={"amount": 1}, headers={"Cookie": "a=b"})
    assert counted == [path]


async def test_fault_that_nobody_foresaw_is_answered_and_tells_nothing(
    machine: machines.Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 87."""
    account = await machine.account(granted=5)

    async def broken(*_: object) -> None:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(lean.Route, "answer", broken)
    answer = await machine.spend(account, 1)
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "secret" not in answer.text
    assert answer.headers["x-request-id"] == answer.json()["requestId"]


async def test_delivery_is_answered_alike_both_ways(client: httpx2.AsyncClient, house: House) -> None:
    body = stripe_bodies.event("brave.new.thing", {"id": "obj_1"}, event_id="evt_1")
    headers = {"Stripe-Signature": stripe_bodies.signature(body, "whsec_tests"), "Content-Type": "application/json"}
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=Layers(house)), base_url=ORIGIN) as by_layers:
        one, other = [
            await way.post("/api/webhooks/stripe", content=body, headers=headers) for way in (client, by_layers)
        ]
    assert one.status_code == 200
    assert _shape(one) == _shape(other)


async def _closed(*_: object) -> None:
    raise AssertionError("by the layers")


def _shape(answer: httpx2.Response) -> tuple[int, dict[str, str], Any]:
    """All of an answer but what is of one answer alone; of that, that it is there."""
    headers = dict(answer.headers)
    offered = headers.pop("x-request-id")
    shown = {**headers, "x-request-id": offered if offered == "trace-1234" else str(len(offered))}
    return answer.status_code, shown, json.loads(answer.text, object_hook=_without_own)


def _without_own(found: dict[str, Any]) -> dict[str, Any]:
    return {name: name if name in OF_ONE_ANSWER and value else value for name, value in found.items()}
