"""How events reach an endpoint: subscribed, signed, tried again, given up; and the faults that tests switch on."""

import json

import httpx2
import pytest

from tests.sandbox.boxes import SECRET, Box, Inbox


def customer(box: Box) -> None:
    box.stripe.v1.customers.create(params={"name": "Zoë"})


def deliveries(box: Box, **query: str) -> list[dict]:
    return box.web.get("/sandbox/deliveries", params=query).json()["data"]


def test_failed_delivery_is_tried_again_with_the_same_event_and_a_new_signature(box: Box) -> None:
    box.inbox.answers[:] = [500, 302, 400]
    customer(box)
    for _ in range(4):
        box.settle(hurry=True)
    assert [one.event["id"] for one in box.inbox.received].count(box.inbox.received[0].event["id"]) == 4
    tries = deliveries(box)[0]["tries"]
    assert [one["http_status"] for one in tries] == [500, 302, 400, 200]
    assert box.settle() == {"delivered": 1}


def test_delivery_is_given_up_at_the_end_of_the_schedule(box: Box) -> None:
    box.inbox.answers[:] = [500] * 20
    customer(box)
    box.settle()
    for _ in range(12):
        box.control("clock", advance_s=86400)
        box.settle()
    assert box.settle() == {"given_up": 1}
    assert len(deliveries(box, status="given_up")[0]["tries"]) == 12
    listed = box.stripe.v1.events.list(params={"delivery_success": False, "type": "customer.created"})
    assert len(listed.data) == 1


def test_body_keeps_letters_beyond_ascii_as_they_are(box: Box) -> None:
    customer(box)
    box.settle()
    assert "Zoë".encode() in box.inbox.received[0].body


def test_endpoint_gets_only_what_it_subscribed_to_and_tells_its_secret_once(box: Box) -> None:
    mine = Inbox()
    made = box.stripe.v1.webhook_endpoints.create(
        params={"url": mine.url, "enabled_events": ["charge.succeeded"], "api_version": "2026-10-28.endive"},
    )
    assert made.secret.startswith("whsec_")
    box.pay(box.session())
    box.settle()
    assert mine.types() == ["charge.succeeded"]
    box.stripe.construct_event(mine.received[0].body, mine.received[0].signature, made.secret)
    with pytest.raises(box.errors.SignatureVerificationError):
        box.stripe.construct_event(mine.received[0].body, mine.received[0].signature, SECRET)
    assert "secret" not in box.stripe.v1.webhook_endpoints.retrieve(made.id)

    box.stripe.v1.webhook_endpoints.update(made.id, params={"disabled": True})
    box.pay(box.session())
    box.settle()
    assert len(mine.received) == 1
    box.stripe.v1.webhook_endpoints.delete(made.id)
    assert [one.url for one in box.stripe.v1.webhook_endpoints.list().data] == [box.inbox.url]


def test_event_is_labelled_with_the_version_of_its_endpoint(box: Box) -> None:
    mine = Inbox()
    params = {"url": mine.url, "enabled_events": ["*"], "api_version": "2024-06-20"}
    box.stripe.v1.webhook_endpoints.create(params=params)
    customer(box)
    box.settle()
    assert mine.events()[0]["api_version"] == "2024-06-20"
    assert box.inbox.events()[0]["api_version"] == "2026-10-28.endive"


def test_endpoint_refuses_an_unknown_event_type_and_the_seventeenth(box: Box) -> None:
    endpoints = box.stripe.v1.webhook_endpoints
    with pytest.raises(box.errors.InvalidRequestError):
        endpoints.create(params={"url": box.inbox.url, "enabled_events": ["customer.sneezed"]})
    for _ in range(15):
        endpoints.create(params={"url": box.inbox.url, "enabled_events": ["customer.created"]})
    with pytest.raises(box.errors.InvalidRequestError, match="maximum of 16"):
        endpoints.create(params={"url": box.inbox.url, "enabled_events": ["customer.created"]})


def test_event_names_the_call_that_caused_it(box: Box) -> None:
    made = box.stripe.v1.customers.create(params={}, options={"idempotency_key": "key-1"})
    event = box.stripe.v1.events.list().data[0]
    assert (event.request.id, event.request.idempotency_key) == (made.last_response.request_id, "key-1")
    box.pay(box.session())
    assert box.stripe.v1.events.list().data[0].request.id is None


def test_events_are_listed_by_type_group_names_and_success_for_thirty_days(box: Box) -> None:
    box.pay(box.session())
    box.settle()
    events = box.stripe.v1.events

    def types(**params: object) -> list[str]:
        return [event.type for event in events.list(params=params).data]

    assert types(type="payment_intent.*") == ["payment_intent.succeeded", "payment_intent.created"]
    assert types(types=["charge.succeeded", "charge.failed"]) == ["charge.succeeded"]
    assert types(delivery_success=False) == []
    assert len(types(delivery_success=True)) == 4
    with pytest.raises(box.errors.InvalidRequestError):
        types(type="a", types=["b"])
    with pytest.raises(box.errors.InvalidRequestError):
        types(types=[f"type{n}" for n in range(21)])
    oldest = events.list().data[-1]
    assert events.retrieve(oldest.id).pending_webhooks == 0
    box.control("clock", advance_s=31 * 24 * 3600)
    assert types() == []
    with pytest.raises(box.errors.InvalidRequestError, match="No such event"):
        events.retrieve(oldest.id)


def test_duplicates_are_one_event_delivered_twice(box: Box) -> None:
    box.control("webhook-faults", kind="duplicate", types=["customer.*"], copies=2)
    customer(box)
    customer(box)
    box.settle()
    ids = [event["id"] for event in box.inbox.events()]
    assert sorted(ids.count(one) for one in set(ids)) == [1, 3]


def test_twins_are_two_events_that_tell_one_fact(box: Box) -> None:
    box.control("webhook-faults", kind="twin", types=["checkout.session.completed"])
    box.pay(box.session())
    box.settle()
    first, second = box.inbox.events("checkout.session.completed")
    assert first["id"] != second["id"]
    assert first["data"] == second["data"]
    box.control(f"events/{first['id']}/twin", copies=2)
    box.settle()
    assert len(box.inbox.events("checkout.session.completed")) == 4


def test_dropped_event_never_arrives_but_is_listed_as_undelivered(box: Box) -> None:
    box.control("webhook-faults", kind="drop", types=["checkout.session.completed"])
    assert box.pay(box.session()).status_code == 303
    box.settle(hurry=True)
    assert box.inbox.events("checkout.session.completed") == []
    missed = box.stripe.v1.events.list(params={"delivery_success": False}).data
    assert [event.type for event in missed] == ["checkout.session.completed"]
    box.control(f"events/{missed[0].id}/redeliver")
    box.settle()
    assert len(box.inbox.events("checkout.session.completed")) == 1


def test_delayed_event_comes_when_the_clock_has_moved(box: Box) -> None:
    box.control("webhook-faults", kind="delay", types=["*"], delay_s=3600)
    customer(box)
    box.settle()
    assert box.inbox.received == []
    box.control("clock", advance_s=3601)
    box.settle()
    assert box.inbox.types() == ["customer.created"]


def test_reordered_events_arrive_last_to_first(box: Box) -> None:
    box.control("webhook-faults", kind="reorder", types=["*"], times=4, delay_s=0.1)
    box.pay(box.session())
    box.control("settle", timeout_s=5)
    while box.control("settle")["deliveries"].get("pending"):
        pass
    assert box.inbox.types()[0] == "checkout.session.completed"
    assert box.inbox.types()[-1] == "payment_intent.created"


@pytest.mark.parametrize("manner", ["wrong_secret", "v0_only", "stale", "altered", "none"])
def test_forged_delivery_is_one_the_sdk_refuses(box: Box, manner: str) -> None:
    box.control("webhook-faults", kind="forge", manner=manner)
    customer(box)
    box.settle()
    with pytest.raises(box.errors.SignatureVerificationError):
        box.stripe.construct_event(box.inbox.received[0].body, box.inbox.received[0].signature, SECRET)


def test_two_signatures_of_a_rolled_secret_are_accepted(box: Box) -> None:
    box.control("webhook-faults", kind="forge", manner="two_v1")
    customer(box)
    box.settle()
    assert str(box.inbox.received[0].signature).count("v1=") == 2
    box.stripe.construct_event(box.inbox.received[0].body, box.inbox.received[0].signature, SECRET)


def test_signature_bears_the_walls_time_however_the_clock_stands(box: Box) -> None:
    box.control("clock", advance_s=40 * 24 * 3600)
    customer(box)
    box.settle()
    event = box.stripe.construct_event(box.inbox.received[0].body, box.inbox.received[0].signature, SECRET)
    assert event.created > 39 * 24 * 3600 + int(str(box.inbox.received[0].signature)[2:12])


def test_invented_event_may_claim_anything(box: Box) -> None:
    claim = {"id": "pi_x", "object": "payment_intent", "livemode": True}
    box.control("events", type="payment_intent.succeeded", object=claim, livemode=True, api_version="2020-01-01")
    box.control("events", type="something.new", object={"id": "x", "object": "thing"}, account="acct_other")
    box.settle()
    first, second = sorted(box.inbox.events(), key=lambda event: event["type"])
    assert (first["livemode"], first["api_version"], first["data"]["object"]) == (True, "2020-01-01", claim)
    assert (second["type"], second["account"]) == ("something.new", "acct_other")


def test_control_calls_name_what_they_do_not_understand(box: Box) -> None:
    for path, body in (
        ("webhook-faults", {"kind": "lose"}),
        ("webhook-faults", {"kind": "forge", "manner": "badly"}),
        ("faults", {"answer": "418"}),
        ("faults", {"answer": "500", "sometimes": True}),
        ("faults", {}),
        ("faults", {"answer": "500", "times": "3"}),
        ("outage", {"manner": "loud"}),
        ("clock", {}),
        ("events/evt_nothing/redeliver", {}),
        ("deliveries/999999/redeliver", {}),
    ):
        answer = box.web.post(f"/sandbox/{path}", json=body)
        assert answer.status_code in {400, 404}, path
        assert answer.json()["error"]["message"], path
    assert box.web.post("/sandbox/clock", content=b"[1]").status_code == 400
    foreign = {"Origin": "https://elsewhere.example"}
    assert box.web.post("/sandbox/wipe", headers=foreign).status_code == 403
    assert box.web.post("/sandbox/clock", content=b"{").status_code == 400


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ({"answer": "429"}, 429, "rate_limit"),
        ({"answer": "429", "reason": "lock_timeout"}, 429, "lock_timeout"),
        ({"answer": "500"}, 500, None),
        ({"answer": "409"}, 409, "idempotency_key_in_use"),
    ],
)
def test_next_matching_call_is_answered_as_switched(box: Box, fault: dict, status: int, code: str | None) -> None:
    box.control("faults", **fault, method="POST", path="/v1/customers*")
    assert box.stripe.v1.customers.list().data == []
    with pytest.raises(box.errors.StripeError) as failed:
        customer(box)
    assert failed.value.http_status == status
    assert getattr(failed.value.error, "code", None) == code
    customer(box)
    assert len(box.stripe.v1.customers.list().data) == 1


def test_rate_limit_tells_its_reason(box: Box) -> None:
    box.control("faults", answer="429", reason="endpoint-concurrency")
    with pytest.raises(box.errors.RateLimitError) as limited:
        customer(box)
    assert limited.value.headers["stripe-rate-limited-reason"] == "endpoint-concurrency"


def test_gateway_page_is_no_json(box: Box) -> None:
    box.control("faults", answer="502")
    with pytest.raises(box.errors.APIError) as failed:
        customer(box)
    assert "<html>" in failed.value.http_body


def test_lost_reply_after_the_work_is_recovered_by_the_same_key(box: Box) -> None:
    box.control("faults", answer="lost", after_work=True, method="POST")
    with pytest.raises(box.errors.APIConnectionError):
        box.stripe.v1.customers.create(params={}, options={"idempotency_key": "key-1"})
    again = box.stripe.v1.customers.create(params={}, options={"idempotency_key": "key-1"})
    assert again.last_response.headers["idempotent-replayed"] == "true"
    assert len(box.stripe.v1.customers.list().data) == 1


def test_remembered_500_is_replayed_and_the_work_was_done_once(box: Box) -> None:
    box.control("faults", answer="500", after_work=True, remember=True)
    for _ in range(2):
        with pytest.raises(box.errors.APIError) as failed:
            box.stripe.v1.customers.create(params={}, options={"idempotency_key": "key-1"})
        assert failed.value.http_status == 500
    assert len(box.stripe.v1.customers.list().data) == 1


def test_outage_cuts_or_refuses_every_call_until_it_ends(box: Box) -> None:
    box.control("outage")
    with pytest.raises(box.errors.APIConnectionError):
        customer(box)
    box.control("outage", manner="502")
    with pytest.raises(box.errors.APIError):
        customer(box)
    box.web.delete("/sandbox/outage")
    customer(box)


def test_object_is_edited_behind_the_apis_back(box: Box) -> None:
    session = box.session()
    edited = box.control(f"objects/{session.id}", set={"amount_total": 1}, emit=["checkout.session.completed"])
    assert edited["body"]["amount_total"] == 1
    box.settle()
    event = box.inbox.events("checkout.session.completed")[0]
    assert event["data"]["previous_attributes"] == {"amount_total": 1000}
    shown = box.web.get(f"/sandbox/objects/{session.id}").json()
    assert shown["hidden"]["items"][0]["amount_total"] == 1000


def test_state_shows_what_is_switched_on_and_the_overview_shows_what_happened(box: Box) -> None:
    box.control("faults", answer="500", times=3, path="/v1/refunds")
    box.pay(box.session())
    state = box.web.get("/sandbox").json()
    assert state["faults"][0]["times"] == 3
    assert state["webhook_faults"] == []
    assert box.web.get("/sandbox/faults").json()["outage"] is None
    page = box.web.get("/")
    assert "£10.00" in page.text
    assert "Faults are switched on" in page.text
    assert "checkout.session.completed" in page.text
    assert box.web.delete("/sandbox/faults").json()["faults"] == []


def test_pages_forbid_scripts_of_others_and_framing(box: Box) -> None:
    headers: httpx2.Headers = box.web.get("/").headers
    assert "script-src 'self'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert json.loads(box.web.get("/sandbox").text)["offset_s"] == 0
