"""Every object the sandbox makes, held against the SDK's classes and against Stripe's own example objects."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox import shapes
from tests.sandbox.boxes import Answer, Box

SHARED = Path(os.environ.get("STRIPE_EXAMPLES", Path(__file__).parents[2].parent / "shared"))


def buy(box: Box, buyer: Answer) -> None:
    v1 = box.stripe.v1
    for number in ("4242424242424242", "4000000000009995", "4100000000000019", "4000000000005423"):
        box.pay(box.session(customer=buyer.id, payment_intent_data={"setup_future_usage": "off_session"}), number)
    box.pay(box.session(), "4000002760003184")
    v1.checkout.sessions.expire(box.session(customer_email="bob@x.example").id)
    box.session(ui_mode="embedded_page", success_url=None, cancel_url=None, return_url="https://x.example")
    for account in ("00012345", "33333335", "55555559"):
        box.debit(box.session(), account)
    for number in ("4000000000007726", "4000000000005126", "4000000000000259", "4000000000001976"):
        session = box.session()
        box.pay(session, number)
        intent = box.again(session).payment_intent
        v1.refunds.create(params={"payment_intent": intent, "amount": 100, "reason": "requested_by_customer"})


def bill(box: Box, buyer: Answer) -> None:
    v1 = box.stripe.v1
    rate = v1.tax_rates.create(params={"display_name": "VAT", "percentage": 20.0, "inclusive": False})
    transfer = {"funding_type": "bank_transfer", "bank_transfer": {"type": "gb_bank_transfer"}}
    settings = {
        "payment_method_types": ["customer_balance", "card"],
        "payment_method_options": {"customer_balance": transfer},
    }
    invoice = v1.invoices.create(
        params={
            "customer": buyer.id,
            "collection_method": "send_invoice",
            "days_until_due": 30,
            "default_tax_rates": [rate.id],
            "payment_settings": settings,
            "rendering": {"pdf": {"page_size": "a4"}},
        },
    )
    price = {"currency": "gbp", "unit_amount": 100, "product_data": {"name": "Seat"}}
    v1.invoices.add_lines(invoice.id, params={"lines": [{"price_data": price, "quantity": 3}, {"amount": 5}]})
    v1.invoices.send_invoice(invoice.id)
    v1.test_helpers.customers.fund_cash_balance(buyer.id, params={"amount": 100_000, "currency": "gbp"})
    v1.webhook_endpoints.create(params={"url": box.inbox.url, "enabled_events": ["charge.failed"]})


def everything(box: Box) -> Iterator[dict[str, Any]]:
    """Make at least one object of every kind and state, and return all that the sandbox then holds."""
    v1 = box.stripe.v1
    buyer = v1.customers.create(
        params={
            "email": "zoe@x.example",
            "name": "Zoë",
            "address": {"line1": "1 Road"},
            "shipping": {"name": "Zoë", "address": {"line1": "1 Road"}},
        },
    )
    buy(box, buyer)
    v1.setup_intents.create(
        params={"customer": buyer.id, "payment_method": "pm_card_visa", "confirm": True, "usage": "on_session"},
    )
    v1.setup_intents.create(params={"payment_method": "pm_card_authenticationRequired", "confirm": True})
    with pytest.raises(box.errors.CardError):
        v1.setup_intents.create(params={"payment_method": "pm_card_visa_chargeDeclined", "confirm": True})
    v1.payment_intents.cancel(v1.payment_intents.create(params={"amount": 500, "currency": "eur"}).id)
    bill(box, buyer)
    box.control("clock", advance_s=70)
    for dispute in v1.disputes.list().data:
        if dispute.status in {"needs_response", "warning_needs_response"}:
            v1.disputes.update(dispute.id, params={"evidence": {"uncategorized_text": "winning_evidence"}})
    box.control("clock", advance_s=70)
    told = [event.data.object for event in v1.events.list(params={"limit": 100}).auto_paging_iter()]
    ids = {one["id"] for one in told if "id" in one}
    yield from (box.web.get(f"/sandbox/objects/{one}").json()["body"] for one in ids)
    for nouns in (v1.balance_transactions, v1.events, v1.charges, v1.invoice_payments):
        for one in nouns.list(params={"limit": 100}).auto_paging_iter():
            yield one.to_dict(recursive=True, for_json=True)
    yield v1.accounts.retrieve_current().to_dict(recursive=True, for_json=True)
    yield v1.balance.retrieve().to_dict(recursive=True, for_json=True)


@pytest.fixture(scope="module")
def found(shared_box: Box) -> list[dict[str, Any]]:
    shared_box.control("wipe")
    return list(everything(shared_box))


def test_every_object_and_event_fits_the_sdks_classes(found: list[dict[str, Any]]) -> None:
    kinds = {body["object"] for body in found}
    assert kinds >= {
        *("account", "balance", "balance_transaction", "charge", "checkout.session", "customer", "dispute", "event"),
        *("invoice", "invoice_payment", "invoiceitem", "mandate", "payment_intent", "payment_method", "refund"),
        *("radar.early_fraud_warning", "setup_intent", "tax_rate", "customer_cash_balance_transaction"),
    }
    faults = {fault for body in found for fault in shapes.faults(body)}
    for event in (body for body in found if body["object"] == "event"):
        told = event["data"]
        faults |= {f"{event['type']}: {fault}" for fault in shapes.faults(told["object"])}
        previous = told.get("previous_attributes") or {}
        faults |= set(shapes.partial_faults(previous, told["object"]["object"]))
    assert faults == set()


def test_the_check_itself_notices_what_is_wrong(box: Box) -> None:
    body = box.session().to_dict(recursive=True, for_json=True)
    wrong = {
        "url": 5,
        "status": "asleep",
        "livemode": None,
        "shoe_size": 42,
        "automatic_tax": {"enabled": "perhaps"},
        "metadata": "none",
    }
    assert len(shapes.faults({**body, **wrong})) >= len(wrong)
    assert len(shapes.faults({name: value for name, value in body.items() if name != "mode"})) == 1


def keys(body: dict[str, Any], path: str = "") -> set[str]:
    """Return the names in an object and in the hashes and lists inside it."""
    found: set[str] = set()
    for name, value in body.items():
        found.add(f"{path}{name}")
        inner = [value] if isinstance(value, dict) else value if isinstance(value, list) else []
        if name not in {"metadata", "previous_attributes"}:
            for one in inner:
                found |= keys(one, f"{path}{name}.") if isinstance(one, dict) else set()
    return found


def test_objects_have_the_keys_of_the_shared_example_events(found: list[dict[str, Any]]) -> None:
    folder = SHARED / "stripe-events"
    if not folder.is_dir():
        pytest.skip(f"no example events in {folder}")
    mine: dict[str, set[str]] = {}
    for body in found:
        shown = body["data"]["object"] if body["object"] == "event" else body
        mine.setdefault(shown["object"], set()).update(keys(shown))
    for file in sorted(folder.glob("*.*.json")):
        example = json.loads(file.read_text())["data"]["object"]
        missing = keys(example) - mine[example["object"]]
        # Coupons are not supported, and so their traces are absent.
        assert {name for name in missing if not name.startswith("discounts.")} == set(), file.name


def test_shared_example_events_pass_the_same_check() -> None:
    folder = SHARED / "stripe-events"
    if not folder.is_dir():
        pytest.skip(f"no example events in {folder}")
    for file in sorted(folder.glob("*.*.json")):
        event = json.loads(file.read_text())
        assert shapes.faults(event) + shapes.faults(event["data"]["object"]) == [], file.name


def test_objects_have_the_fields_of_stripes_own_examples(found: list[dict[str, Any]]) -> None:
    file = SHARED / "stripe" / "fixtures3.json"
    if not file.is_file():
        pytest.skip(f"no example objects in {file}")
    examples = json.loads(file.read_text())["resources"]
    for body in found:
        example = examples.get(body["object"])
        if example is None or body["object"] in {"event", "account"}:
            continue
        declared = shapes.declared(shapes.class_of(body["object"]))
        # The examples are older than the SDK and fill in what only some objects have.
        required = {name for name in example if name in declared and shapes.is_required(declared[name])}
        assert required <= body.keys(), body["object"]
