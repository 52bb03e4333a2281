"""What Stripe's events tell about a payment, and that nothing Stripe could send makes the reader fall."""

import copy
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import stripe_bodies
from topup.core import facts, ids
from topup.core.payments import Told

SAMPLES = Path(os.environ.get("TOPUP_STRIPE_EVENTS", Path(__file__).parents[3] / "shared" / "stripe-events"))
PAYMENT_ID = ids.new()

# What a sample's file name begins with, and what it tells. Samples of other types tell nothing about a payment here.
STORIES = {
    "checkout.session.completed.paid": Told.PAID,
    "checkout.session.completed.unpaid": Told.ON_ITS_WAY,
    "checkout.session.completed.no_payment_required": Told.FREE,
    "checkout.session.async_payment_succeeded": Told.PAID,
    "checkout.session.async_payment_failed": Told.FAILED,
    "checkout.session.expired": Told.EXPIRED,
    "payment_intent.succeeded": Told.PAID,
    "payment_intent.processing": Told.ON_ITS_WAY,
    "payment_intent.payment_failed": Told.DECLINED,
    "payment_intent.canceled": Told.CANCELED,
    "payment_intent.requires_action": None,
    "invoice.paid": Told.PAID,
    "invoice.finalized": None,
    "invoice_payment.": None,
    "refund.": None,
    "charge.": None,
    "setup_intent.": None,
    "payment_method.": None,
}


def samples() -> list[Any]:
    found = sorted(SAMPLES.glob("*.*.json"))
    if not found:
        return [pytest.param(None, marks=pytest.mark.skip(reason=f"no sample events in {SAMPLES.name}"))]
    return [pytest.param(path, id=path.stem) for path in found]


def read(body: object) -> facts.Event:
    event = facts.event(body)
    assert event is not None
    return event


def fact(event_type: str, told: dict[str, Any]) -> facts.Fact | None:
    return read(json.loads(stripe_bodies.event(event_type, told))).fact


@pytest.mark.parametrize("path", samples())
def test_sample_event_tells_what_its_story_says(path: Path) -> None:
    body = json.loads(path.read_bytes())
    event = read(body)
    assert (event.id, event.type, event.api_version) == (body["id"], body["type"], facts.API_VERSION)
    assert (event.object_id, event.is_live, event.account) == (body["data"]["object"]["id"], False, None)
    stories = [told for name, told in STORIES.items() if path.name.startswith(name)]
    if stories:
        assert (event.fact.told if event.fact else None) == stories[0]


@pytest.mark.parametrize("path", samples())
def test_sample_event_with_anything_missing_or_strange_is_still_read(path: Path) -> None:
    """Faults 14 and 36: each key taken away, and each value replaced by something of another type."""
    body = json.loads(path.read_bytes())
    for strange in (None, [], {}, "", "x", -1, 2**70, 1.5, True):
        for key in body["data"]["object"]:
            facts.event(_with(body, key, strange))
    for key in body["data"]["object"]:
        without = copy.deepcopy(body)
        del without["data"]["object"][key]
        facts.event(without)


def _with(body: dict[str, Any], key: str, value: object) -> dict[str, Any]:
    changed = copy.deepcopy(body)
    changed["data"]["object"][key] = value
    return changed


def test_paid_session_tells_the_money_and_every_id() -> None:
    told = fact("checkout.session.completed", stripe_bodies.session(PAYMENT_ID))
    assert told == facts.Fact(
        told=Told.PAID,
        source="CHECKOUT",
        is_live=False,
        payment_id=PAYMENT_ID,
        session_id="cs_test_1",
        intent_id="pi_1",
        customer_id="cus_1",
        paid_minor=1000,
        currency="gbp",
    )


def invoice(**more: object) -> dict[str, Any]:
    """An invoice of one of our payments, taxed."""
    sums = {"total": 1200, "total_excluding_tax": 1000, "amount_paid": 1200}
    ours = {"customer": "cus_1", "currency": "gbp", "metadata": {"topup_payment_id": str(PAYMENT_ID)}}
    return {"id": "in_1", "object": "invoice", "status": "paid", "livemode": False, **sums, **ours, **more}


SESSION, INTENT, INVOICE = stripe_bodies.session(PAYMENT_ID), stripe_bodies.intent(PAYMENT_ID), invoice()


@pytest.mark.parametrize(
    ("event_type", "told", "means"),
    [
        ("checkout.session.completed", SESSION, Told.PAID),
        ("checkout.session.async_payment_succeeded", SESSION, Told.PAID),
        ("checkout.session.async_payment_failed", {**SESSION, "payment_status": "unpaid"}, Told.FAILED),
        ("checkout.session.expired", {**SESSION, "status": "expired"}, Told.EXPIRED),
        ("checkout.session.expired", {**SESSION, "status": "complete"}, Told.EXPIRED),
        ("payment_intent.succeeded", INTENT, Told.PAID),
        ("payment_intent.processing", INTENT, Told.ON_ITS_WAY),
        ("payment_intent.payment_failed", INTENT, Told.DECLINED),
        ("payment_intent.canceled", INTENT, Told.CANCELED),
        ("invoice.paid", INVOICE, Told.PAID),
        ("invoice.voided", {**INVOICE, "status": "void"}, Told.CANCELED),
        ("invoice.marked_uncollectible", {**INVOICE, "status": "uncollectible"}, Told.WRITTEN_OFF),
        ("payment_intent.requires_action", INTENT, None),
        ("invoice.finalized", {**INVOICE, "status": "open"}, None),
        ("charge.succeeded", INTENT, None),
    ],
)
def test_each_type_of_event_tells_one_thing(event_type: str, told: dict[str, Any], means: Told | None) -> None:
    """Fault 14. As the sample events say it, where there are none."""
    found = fact(event_type, told)
    assert (found.told if found else None) is means
    assert found is None or (found.paid_minor is not None) is (means is Told.PAID)


def test_event_is_read_whole() -> None:
    told = {"id": "re_1", "object": "refund", "payment_intent": "pi_1"}
    created = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    more = {"created": 1_700_000_000, "account": "acct_1", "api_version": "2026-10-28.endive"}
    event = read(json.loads(stripe_bodies.event("refund.created", told, event_id="evt_1", **more)))
    assert event == facts.Event(
        "evt_1", "refund.created", False, created, "2026-10-28.endive", "acct_1", "re_1", None, "pi_1"
    )
    assert read(json.loads(stripe_bodies.event("charge.succeeded", told))).money_back_intent_id is None


@pytest.mark.parametrize(
    ("status", "payment_status", "means"),
    [
        ("complete", "paid", Told.PAID),
        ("complete", "unpaid", Told.ON_ITS_WAY),
        ("complete", "no_payment_required", Told.FREE),
        ("complete", "else", None),
        ("open", "paid", None),
        ("expired", "unpaid", Told.EXPIRED),
    ],
)
def test_session_read_now_says_how_it_stands(status: str, payment_status: str, means: Told | None) -> None:
    found = facts.of_session(stripe_bodies.session(PAYMENT_ID, status=status, payment_status=payment_status))
    assert (found.told if found else None) is means


@pytest.mark.parametrize("is_live", [True, False])
@pytest.mark.parametrize(
    ("status", "means", "paid_minor"),
    [
        ("succeeded", Told.PAID, 1000),
        ("processing", Told.ON_ITS_WAY, None),
        ("canceled", Told.CANCELED, None),
        ("requires_action", None, None),
    ],
)
def test_intent_read_now_says_how_it_stands(
    status: str, means: Told | None, paid_minor: int | None, *, is_live: bool
) -> None:
    found = facts.of_intent_now(stripe_bodies.intent(PAYMENT_ID, status=status, livemode=is_live))
    told = {"payment_id": PAYMENT_ID, "intent_id": "pi_1", "customer_id": "cus_1", "currency": "gbp"}
    expected = means and facts.Fact(means, "PAYMENT_INTENT", is_live=is_live, paid_minor=paid_minor, **told)
    assert found == expected


@pytest.mark.parametrize("is_live", [True, False])
@pytest.mark.parametrize(
    ("status", "means", "paid_minor"),
    [
        ("paid", Told.PAID, 1000),
        ("void", Told.CANCELED, None),
        ("uncollectible", Told.WRITTEN_OFF, None),
        ("open", None, None),
        ("draft", None, None),
    ],
)
def test_invoice_says_how_it_stands_and_its_price_before_tax(
    status: str, means: Told | None, paid_minor: int | None, *, is_live: bool
) -> None:
    """Fault 61."""
    found = facts.of_invoice(invoice(status=status, livemode=is_live))
    told = {"payment_id": PAYMENT_ID, "invoice_id": "in_1", "customer_id": "cus_1", "currency": "gbp"}
    expected = means and facts.Fact(means, "INVOICE", is_live=is_live, paid_minor=paid_minor, **told)
    assert found == expected


def test_metadata_finds_the_payment_where_nothing_else_does() -> None:
    """Fault 63."""
    session = stripe_bodies.session(PAYMENT_ID, client_reference_id=None)
    assert facts.row_id(session, "topup_payment_id") == PAYMENT_ID
    assert facts.row_id(session, "topup_other_id") is None


def test_paid_intent_tells_what_was_received_and_not_what_was_asked() -> None:
    told = fact("payment_intent.succeeded", stripe_bodies.intent(PAYMENT_ID, amount_received=900))
    assert told is not None
    assert (told.told, told.source, told.paid_minor, told.intent_id) == (Told.PAID, "PAYMENT_INTENT", 900, "pi_1")


@pytest.mark.parametrize(
    ("payment_status", "told"), [("paid", Told.PAID), ("unpaid", Told.ON_ITS_WAY), ("no_payment_required", Told.FREE)]
)
def test_completed_does_not_mean_paid(payment_status: str, told: Told) -> None:
    """Fault 37."""
    found = fact("checkout.session.completed", stripe_bodies.session(PAYMENT_ID, payment_status=payment_status))
    assert found is not None
    assert found.told is told
    assert (found.paid_minor is not None) is (told is Told.PAID)


@pytest.mark.parametrize("mode", ["setup", "subscription", None, 7])
@pytest.mark.parametrize(
    "event_type",
    ["checkout.session.completed", "checkout.session.expired", "checkout.session.async_payment_failed"],
)
def test_session_that_is_no_payment_tells_nothing(event_type: str, mode: object) -> None:
    assert fact(event_type, stripe_bodies.session(PAYMENT_ID, mode=mode)) is None


def test_amounts_that_are_no_whole_numbers_are_no_amounts() -> None:
    """Faults 36 and 62."""
    for strange in ("1000", 1000.0, True, None, [1000]):
        told = fact("checkout.session.completed", stripe_bodies.session(PAYMENT_ID, amount_subtotal=strange))
        assert told is not None
        assert told.paid_minor is None


@pytest.mark.parametrize(("before_tax", "total", "paid"), [(1000, 1200, 1000), (1000, 900, 900), (1000, None, 1000)])
def test_tax_is_no_part_of_the_price_and_a_discount_is_missing_from_it(
    before_tax: int, total: int | None, paid: int
) -> None:
    """Fault 61."""
    session = stripe_bodies.session(PAYMENT_ID, amount_subtotal=before_tax, amount_total=total)
    told = fact("checkout.session.completed", session)
    assert told is not None
    assert told.paid_minor == paid


def test_session_that_leaves_out_what_goes_without_saying_is_read_all_the_same() -> None:
    """Fault 14: a body of another version, or one made by hand, need not have every key."""
    session = stripe_bodies.session(PAYMENT_ID)
    for key in ("mode", "status", "amount_subtotal"):
        del session[key]
    told = fact("checkout.session.completed", session)
    assert told is not None
    assert (told.told, told.paid_minor) == (Told.PAID, 1000)


@pytest.mark.parametrize("unstorable", ["evt_\x00", "evt_\ud800", "e" * 256])
def test_id_that_no_table_could_hold_is_none(unstorable: str) -> None:
    """Faults 62 and 84."""
    assert facts.event({"object": "event", "id": unstorable, "type": "x"}) is None
    event = read({"object": "event", "id": "evt_1", "type": "x", "data": {"object": {"id": unstorable}}})
    assert event.object_id is None


def test_expanded_objects_are_known_by_their_ids() -> None:
    session = stripe_bodies.session(PAYMENT_ID, customer={"id": "cus_9", "object": "customer"})
    session["payment_intent"] = {"id": "pi_9", "object": "payment_intent"}
    told = fact("checkout.session.completed", session)
    assert told is not None
    assert (told.customer_id, told.intent_id) == ("cus_9", "pi_9")


@pytest.mark.parametrize("hint", ["not-a-uuid", "", None, 7, "ord_123"])
def test_hint_that_is_no_id_of_ours_is_no_hint(hint: object) -> None:
    """Fault 63."""
    session = stripe_bodies.session(PAYMENT_ID, client_reference_id=hint, metadata={"topup_payment_id": hint})
    told = fact("checkout.session.completed", session)
    assert told is not None
    assert told.payment_id is None


def test_reference_stands_in_for_metadata_that_was_deleted() -> None:
    """Fault 63."""
    told = fact("checkout.session.completed", stripe_bodies.session(PAYMENT_ID, metadata={}))
    assert told is not None
    assert told.payment_id == PAYMENT_ID


def test_livemode_of_the_event_is_what_counts() -> None:
    """Fault 13."""
    body = json.loads(stripe_bodies.event("checkout.session.completed", stripe_bodies.session(PAYMENT_ID)))
    event = read({**body, "livemode": True})
    assert event.is_live
    assert event.fact is not None
    assert event.fact.is_live


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "event",
        7,
        {},
        {"object": "v2.core.event", "id": "evt_1", "type": "x"},
        {"object": "event"},
        {"object": "event", "id": "evt_1"},
        {"object": "event", "id": 7, "type": "x"},
    ],
)
def test_what_is_no_snapshot_event_is_none(body: object) -> None:
    """Faults 14 and 36."""
    assert facts.event(body) is None


@pytest.mark.parametrize(
    ("created", "time"),
    [
        (1_700_000_000, datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        (2**31, datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC)),
        ("soon", datetime(1970, 1, 1, tzinfo=UTC)),
        (None, datetime(1970, 1, 1, tzinfo=UTC)),
        (10**30, datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_time_of_an_event_is_read_or_else_long_ago(created: object, time: datetime) -> None:
    """Fault 39: also beyond 2038."""
    assert read({"object": "event", "id": "evt_1", "type": "x", "created": created}).happened_at == time


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = ["id", "mode", "status", "payment_status", "amount_subtotal", "amount_received", "currency", "customer"]
KEYS += ["payment_intent", "metadata", "client_reference_id", "livemode"]


@settings(max_examples=200, deadline=None)
@given(
    event_type=st.sampled_from([name for name in STORIES if not name.endswith(".")]),
    told=st.dictionaries(st.sampled_from(KEYS), JSON) | JSON,
    more=st.dictionaries(st.sampled_from(["created", "livemode", "api_version", "account", "data"]), JSON),
)
def test_no_event_that_stripe_could_ever_send_makes_the_reader_fall(
    event_type: str, told: object, more: dict[str, Any]
) -> None:
    """Faults 14 and 36."""
    event_type = ".".join(event_type.split(".")[:3]) if event_type.startswith("checkout") else event_type
    event = facts.event({"object": "event", "id": "evt_1", "type": event_type, "data": {"object": told}, **more})
    assert event is not None
