"""The inbox as admins see it: filtered, paged, replayed, and closed to everybody else."""

import psycopg

from tests import people, stripe_bodies
from tests.web.conftest import Visitor
from topup.flows import receive
from topup.runtime.house import House

ROWS = """
    INSERT INTO stripe_events (id, type, object_id, api_version, is_live, payload, happened_at, received_at,
                               processed_at, outcome, attempts)
    SELECT 'evt_' || n, CASE WHEN n % 2 = 0 THEN 'invoice.paid' ELSE 'refund.created' END, 'in_1', '2026-10-28.endive',
        false, '{}', topup_now(), topup_now() - make_interval(secs => n / 2), topup_now(), 'unchanged', 1
    FROM generate_series(1, 9) AS n;
    INSERT INTO stripe_events (id, type, api_version, is_live, payload, happened_at, received_at, attempts, next_try_at,
                               last_error)
    VALUES ('evt_dead', 'invoice.paid', '2031-01-01.zenith', false, '{}', topup_now(), topup_now(), 20, topup_now(),
            'No.'),
           ('evt_waits', 'invoice.paid', '2031-01-01.zenith', false, '{}', topup_now(), topup_now(), 2, topup_now(),
            'No.');
"""


def fill(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute(ROWS)


async def ids(visitor: Visitor, query: str) -> list[str]:
    answer = await visitor.client.get(f"/api/admin/events?{query}")
    assert answer.status_code == 200, answer.text
    return [event["id"] for event in answer.json()["data"]]


async def test_events_are_filtered_by_outcome_type_and_version(admin: Visitor, database_url: str) -> None:
    fill(database_url)
    assert await ids(admin, "outcome=dead") == ["evt_dead"]
    assert await ids(admin, "outcome=waiting") == ["evt_waits"]
    assert await ids(admin, "outcome=unchanged&type=invoice.paid") == ["evt_2", "evt_4", "evt_6", "evt_8"]
    assert set(await ids(admin, "apiVersion=2031-01-01.zenith")) == {"evt_dead", "evt_waits"}
    assert await ids(admin, "outcome=credited") == []
    refused = await admin.client.get("/api/admin/events?outcome=lost")
    assert refused.status_code == 422


async def test_pages_show_each_event_once_also_those_that_came_together(admin: Visitor, database_url: str) -> None:
    fill(database_url)
    seen, cursor = [], ""
    while True:
        page = (await admin.client.get(f"/api/admin/events?limit=2{cursor}")).json()
        seen += [event["id"] for event in page["data"]]
        if page["nextCursor"] is None:
            break
        cursor = f"&cursor={page['nextCursor']}"
    assert len(seen) == len(set(seen)) == 11
    assert seen == await ids(admin, "limit=100")


async def test_an_event_says_what_became_of_it_and_not_what_is_in_it(admin: Visitor, database_url: str) -> None:
    fill(database_url)
    [event] = (await admin.client.get("/api/admin/events?outcome=dead")).json()["data"]
    times = {name: event.pop(name) for name in ("happenedAt", "receivedAt")}
    assert all(moment.endswith("Z") for moment in times.values())
    assert event == {
        "id": "evt_dead",
        "type": "invoice.paid",
        "objectId": None,
        "apiVersion": "2031-01-01.zenith",
        "livemode": False,
        "outcome": "dead",
        "attempts": 20,
        "processedAt": None,
        "nextTryAt": None,
        "lastError": "No.",
        "isPruned": False,
    }


async def test_an_admin_replays_an_event_whose_effect_failed(admin: Visitor, house: House, database_url: str) -> None:
    alice = await people.person(house.pool, "Alice")
    session = stripe_bodies.session(await people.pending(house.pool, alice))
    delivery = receive.read(stripe_bodies.event("checkout.session.completed", session, event_id="evt_paid"))
    assert delivery is not None
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute("ALTER TABLE lots ADD CONSTRAINT bug CHECK (amount <> 100)")
        assert await receive.receive(house.pool, [delivery], is_live=False) == ["failed"]
        owner.execute("ALTER TABLE lots DROP CONSTRAINT bug")
    answer = await admin.client.post("/api/admin/events/evt_paid/replay")
    assert (answer.status_code, answer.json()["outcome"]) == (200, "credited")
    again = await admin.client.post("/api/admin/events/evt_paid/replay")
    assert (again.status_code, again.json()["outcome"]) == (200, "unchanged")


async def test_a_pruned_event_says_that_it_cannot_be_replayed(admin: Visitor, database_url: str) -> None:
    fill(database_url)
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute("UPDATE stripe_events SET payload = NULL WHERE id = 'evt_1'")
    answer = await admin.client.post("/api/admin/events/evt_1/replay")
    assert (answer.status_code, answer.json()["code"]) == (409, "event_pruned")
    assert (await admin.client.post("/api/admin/events/evt_nobody/replay")).status_code == 404


async def test_the_inbox_is_closed_to_everybody_else(alice: Visitor) -> None:
    assert (await alice.client.get("/api/admin/events")).status_code == 403
    assert (await alice.client.post("/api/admin/events/evt_1/replay")).status_code == 403
