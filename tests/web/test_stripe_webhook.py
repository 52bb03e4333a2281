"""Stripe's door: who is let in, what is refused, and that nothing of a refused delivery stays."""

import asyncio
import gzip
import json
import time
from collections.abc import Mapping

import httpx2
import pytest

from tests import people, stripe_bodies
from topup.db import sql
from topup.runtime import house as houses
from topup.settings import Settings
from topup.web import app

PATH = "/api/webhooks/stripe"
SECRET = "whsec_tests"
OLD_SECRET = "whsec_tests_of_yesterday"
BODY = stripe_bodies.event("brave.new.thing", {"id": "obj_1", "name": "Zoë Müller"}, event_id="evt_1")


async def deliver(
    client: httpx2.AsyncClient, body: str | bytes, headers: Mapping[str, str], *, path: str = PATH
) -> httpx2.Response:
    content = body.encode() if isinstance(body, str) else body
    sent = {"Content-Type": "application/json", **headers}
    raw = [(name.encode(), value.encode("latin-1")) for name, value in sent.items()]
    return await client.post(path, content=content, headers=raw)


async def stored(house: houses.House) -> int:
    async with house.pool.connection() as conn:
        return await sql.value(conn, "SELECT count(*) FROM stripe_events")


def signed(body: str = BODY, secret: str = SECRET, *, at: int | None = None) -> dict[str, str]:
    return {"Stripe-Signature": stripe_bodies.signature(body, secret, timestamp=at)}


@pytest.mark.parametrize("path", [PATH, "/api/stripe/webhook"])
async def test_signed_delivery_is_stored_before_it_is_answered(
    client: httpx2.AsyncClient, house: houses.House, path: str
) -> None:
    """Fault 8a, at both addresses."""
    answer = await deliver(client, BODY, signed(), path=path)
    assert (answer.status_code, answer.json()) == (200, {"received": True})
    assert await stored(house) == 1


async def test_delivery_that_cannot_be_stored_is_not_answered_well(
    client: httpx2.AsyncClient, house: houses.House
) -> None:
    """Fault 8a: 200 means durable, so Stripe must send it again."""
    async with house.pool.connection() as conn:
        await sql.run(conn, "ALTER TABLE stripe_events RENAME TO gone")
    answer = await deliver(client, BODY, signed())
    assert answer.status_code >= 500
    async with house.pool.connection() as conn:
        await sql.run(conn, "ALTER TABLE gone RENAME TO stripe_events")
    assert await stored(house) == 0


async def test_missing_header_is_said_in_the_words_of_the_contract(
    client: httpx2.AsyncClient, house: houses.House
) -> None:
    """Fault 9."""
    answer = await deliver(client, BODY, {})
    assert (answer.status_code, answer.json()["error"]) == (400, "Missing stripe-signature header")
    assert await stored(house) == 0


def _part(name: str, text: str) -> str:
    parts = dict(part.split("=", 1) for part in stripe_bodies.signature(BODY, SECRET).split(","))
    return ",".join(f"{key}={text if key == name else value}" for key, value in parts.items())


@pytest.mark.parametrize(
    "header",
    [
        "",
        "nonsense",
        "t=,v1=",
        f"t={int(time.time())}",
        f"t={int(time.time())},v1=",
        f"t={int(time.time())},v0=" + "0" * 64,
        f"t={int(time.time())},v1=" + "0" * 64,
        "v1=" + "0" * 64,
        "t=tomorrow,v1=" + "0" * 64,
        _part("v1", "0" * 64),
        _part("t", "1"),
        _part("t", "99999999999999999999999"),
        _part("v1", "ü" * 64),
        stripe_bodies.signature(BODY, "whsec_of_somebody_else"),
        stripe_bodies.signature(BODY, SECRET + "\n"),
        stripe_bodies.signature(BODY, SECRET, timestamp=int(time.time())).replace("v1=", "v0="),
        stripe_bodies.signature(BODY, SECRET, timestamp=int(time.time()) - 301),
        stripe_bodies.signature(BODY + " ", SECRET),
    ],
    # The headers hold the time, and processes that run the tests side by side must agree on their names.
    ids=[
        "empty",
        "nonsense",
        "nothing in its parts",
        "a time alone",
        "an empty signature",
        "zeros of version 0",
        "zeros",
        "no time",
        "a time in words",
        "zeros for the signature",
        "another time",
        "a time beyond all clocks",
        "letters for digits",
        "another secret",
        "the secret and a line's end",
        "version 0",
        "too old",
        "another body",
    ],
)
async def test_forged_delivery_is_refused_and_leaves_nothing(
    client: httpx2.AsyncClient, house: houses.House, header: str
) -> None:
    """Faults 9 and 10: forged, mutilated, of another secret, v0 only, too old."""
    answer = await deliver(client, BODY, {"Stripe-Signature": header})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert await stored(house) == 0


async def test_replay_within_the_tolerance_changes_nothing(client: httpx2.AsyncClient, house: houses.House) -> None:
    """Fault 10."""
    headers = signed(at=int(time.time()) - 200)
    assert [(await deliver(client, BODY, headers)).status_code for _ in range(3)] == [200, 200, 200]
    assert await stored(house) == 1


async def test_one_valid_signature_among_several_is_enough(client: httpx2.AsyncClient) -> None:
    """Fault 9: during a roll of the secret Stripe signs with both; a blank after the comma does no harm."""
    now = int(time.time())
    valid = stripe_bodies.signature(BODY, SECRET, timestamp=now).split(",")[1]
    for header in (f"t={now},v1={'0' * 64},{valid}", f"t={now},{valid},v1={'0' * 64},v0=1", f"t={now}, {valid}"):
        assert (await deliver(client, BODY, {"Stripe-Signature": header})).status_code == 200


@pytest.mark.parametrize(
    "altered",
    [
        json.dumps(json.loads(BODY), indent=1).encode(),
        json.dumps(json.loads(BODY)).encode(),
        BODY.encode("latin-1"),
        BODY.encode("utf-16"),
        gzip.compress(BODY.encode()),
        b"\xff\xfe" + BODY.encode(),
        b"",
    ],
)
async def test_body_that_is_not_the_signed_bytes_is_refused(
    client: httpx2.AsyncClient, house: houses.House, altered: bytes
) -> None:
    """Fault 11: re-encoded, compressed, in another character set."""
    assert (await deliver(client, altered, signed())).status_code == 400
    assert await stored(house) == 0


async def test_body_over_the_cap_is_refused(client: httpx2.AsyncClient, house: houses.House) -> None:
    """Fault 11."""
    large = stripe_bodies.event("brave.new.thing", {"filling": "x" * 2**21})
    assert (await deliver(client, large, signed(large))).status_code == 413
    assert await stored(house) == 0


@pytest.mark.parametrize(
    "body", ["", "null", "[]", "7", '"event"', "{", '{"object": "v2.core.event", "id": "evt_1"}', '{"object": "event"}']
)
async def test_signed_body_that_is_no_event_is_refused(
    client: httpx2.AsyncClient, house: houses.House, body: str
) -> None:
    """Fault 14: a signature proves who speaks, not that it is sense."""
    assert (await deliver(client, body, signed(body))).status_code == 400
    assert await stored(house) == 0


async def test_both_secrets_are_taken_while_one_replaces_the_other(settings: Settings) -> None:
    """Fault 12: a hundred deliveries across the switch, none lost; afterwards the old secret opens nothing."""
    bodies = [stripe_bodies.event("brave.new.thing", {"id": f"obj_{number}"}) for number in range(100)]
    both = Settings.model_validate({**settings.model_dump(), "stripe_webhook_secrets": [SECRET, OLD_SECRET]})
    async with houses.opened(both) as house, _client(house) as client:
        answers = await asyncio.gather(
            *(
                deliver(client, body, signed(body, OLD_SECRET if number < 50 else SECRET))
                for number, body in enumerate(bodies)
            )
        )
        assert {answer.status_code for answer in answers} == {200}
        assert await stored(house) == 100
    async with houses.opened(settings) as house, _client(house) as client:
        assert (await deliver(client, BODY, signed(BODY, OLD_SECRET))).status_code == 400


async def test_door_without_a_secret_lets_nobody_in(settings: Settings) -> None:
    """Fault 9: an empty secret signs nothing."""
    none = Settings.model_validate({**settings.model_dump(), "stripe_webhook_secrets": []})
    async with houses.opened(none) as house, _client(house) as client:
        assert (await deliver(client, BODY, signed(BODY, "x"))).status_code == 400


async def test_flood_of_deliveries_leaves_room_for_others(client: httpx2.AsyncClient, house: houses.House) -> None:
    """Fault 16, in small: hundreds of deliveries at once are all stored, and the price list answers meanwhile."""
    alice = await people.person(house.pool, "Alice")
    payments = [await people.pending(house.pool, alice, credits=1) for _ in range(40)]
    bodies = [
        stripe_bodies.event(
            "checkout.session.completed", stripe_bodies.session(p, session_id=f"cs_{p}", intent_id=f"pi_{p}")
        )
        for p in payments
    ] * 8
    flood = [asyncio.create_task(deliver(client, body, signed(body))) for body in bodies]
    others = [await client.get("/api/credit-packages") for _ in range(5)]
    assert {answer.status_code for answer in others} == {200}
    assert {answer.status_code for answer in await asyncio.gather(*flood)} == {200}
    async with house.pool.connection() as conn:
        balance = await sql.value(conn, "SELECT balance FROM accounts WHERE id = %s", [alice.account_id])
    assert (balance, await stored(house)) == (40, 40)


def _client(house: houses.House) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=app.create_app(house)), base_url="http://testserver:8000"
    )
