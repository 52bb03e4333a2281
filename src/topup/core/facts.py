"""Reads what Stripe says, as JSON, into an event and the fact it tells about a payment. Pure and tolerant.

Keys may be missing, renamed or of another type in an API version of tomorrow (faults 14): then there is no fact, or
one without an amount, and never an exception. Event bodies are read as they were signed; nothing here asks Stripe.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from topup.core.payments import Channel, Fact, Told

API_VERSION = "2026-10-28.endive"
Json = Mapping[str, Any]
_MONEY_BACK = ("refund.", "charge.dispute.", "charge.refunded", "charge.refund.")
WORD = re.compile("[^\\x00\\ud800-\\udfff]{1,255}")
"""Ids and words as Stripe makes them. What a table or its index could not hold is read as missing."""


@dataclass(frozen=True, slots=True)
class Event:
    """What Stripe says happened, by its id. `account` is set on events of connected accounts, which are not ours."""

    id: str
    type: str
    is_live: bool
    happened_at: datetime
    api_version: str | None
    account: str | None
    object_id: str | None
    fact: Fact | None
    money_back_intent_id: str | None = None


def event(body: object) -> Event | None:
    """The event in a signed body, or None when it is no snapshot event at all."""
    if not isinstance(body, dict) or body.get("object") != "event":
        return None
    event_id, event_type = _text(body, "id"), _text(body, "type")
    if event_id is None or event_type is None:
        return None
    told = _object(_object(body, "data"), "object")
    is_live = body.get("livemode") is True
    return Event(
        id=event_id,
        type=event_type,
        is_live=is_live,
        happened_at=_time(body.get("created")),
        api_version=_text(body, "api_version"),
        account=_text(body, "account"),
        object_id=_text(told, "id"),
        fact=_fact(event_type, told, is_live=is_live),
        money_back_intent_id=money_back_intent(event_type, told),
    )


def of_session(session: Json) -> Fact | None:
    """What a checkout session says when it is read now, from an event or at the return page.

    `complete` does not mean paid: that is `payment_status` (https://docs.stripe.com/checkout/fulfillment).
    """
    if not _is_for_payment(session):
        return None
    if session.get("status") == "expired":
        return _session_fact(Told.EXPIRED, session)
    if session.get("status", "complete") != "complete":
        return None
    by_payment_status = {"paid": Told.PAID, "unpaid": Told.ON_ITS_WAY, "no_payment_required": Told.FREE}
    told = by_payment_status.get(str(session.get("payment_status")))
    return None if told is None else _session_fact(told, session)


def of_intent(intent: Json, told: Told) -> Fact:
    """What a payment intent says; its amount is what was received."""
    is_paid = told is Told.PAID
    return Fact(
        told=told,
        source="PAYMENT_INTENT",
        is_live=intent.get("livemode") is True,
        payment_id=_payment_id(intent),
        intent_id=_text(intent, "id"),
        customer_id=_id(intent, "customer"),
        paid_minor=_number(intent, "amount_received") if is_paid else None,
        currency=_text(intent, "currency"),
    )


def of_intent_now(intent: Json) -> Fact | None:
    """What a payment intent says when it is read now. While the buyer can still act it says nothing.

    A debit that failed stands there like one that was never tried; only the event tells it.
    """
    by_status = {"succeeded": Told.PAID, "processing": Told.ON_ITS_WAY, "canceled": Told.CANCELED}
    told = by_status.get(str(intent.get("status")))
    return None if told is None else of_intent(intent, told)


def of_invoice(invoice: Json) -> Fact | None:
    """What an invoice says; its amount is the price before tax, since tax is no part of what was quoted."""
    by_status = {"paid": Told.PAID, "void": Told.CANCELED, "uncollectible": Told.WRITTEN_OFF}
    told = by_status.get(str(invoice.get("status")))
    if told is None:
        return None
    return Fact(
        told=told,
        source="INVOICE",
        is_live=invoice.get("livemode") is True,
        payment_id=_payment_id(invoice),
        invoice_id=_text(invoice, "id"),
        customer_id=_id(invoice, "customer"),
        paid_minor=_number(invoice, "total_excluding_tax") if told is Told.PAID else None,
        currency=_text(invoice, "currency"),
    )


def _fact(event_type: str, told: Json, *, is_live: bool) -> Fact | None:
    told = {**told, "livemode": is_live}
    match event_type:
        case "checkout.session.completed" | "checkout.session.async_payment_succeeded":
            return of_session(told)
        case "checkout.session.async_payment_failed" if _is_for_payment(told):
            return _session_fact(Told.FAILED, told)
        case "checkout.session.expired" if _is_for_payment(told):
            return _session_fact(Told.EXPIRED, told)
        case "invoice.paid" | "invoice.voided" | "invoice.marked_uncollectible":
            return of_invoice(told)
    by_intent_event = {
        "payment_intent.succeeded": Told.PAID,
        "payment_intent.processing": Told.ON_ITS_WAY,
        "payment_intent.payment_failed": Told.DECLINED,
        "payment_intent.canceled": Told.CANCELED,
    }
    intent_told = by_intent_event.get(event_type)
    return None if intent_told is None else of_intent(told, intent_told)


def _session_fact(told: Told, session: Json) -> Fact:
    source: Channel = "CHECKOUT"
    return Fact(
        told=told,
        source=source,
        is_live=session.get("livemode") is True,
        payment_id=_payment_id(session),
        session_id=_text(session, "id"),
        intent_id=_id(session, "payment_intent"),
        customer_id=_id(session, "customer"),
        paid_minor=_price_paid(session) if told is Told.PAID else None,
        currency=_text(session, "currency"),
    )


def _is_for_payment(session: Json) -> bool:
    """Not one that only saves a card or starts a subscription; those say so."""
    return session.get("mode", "payment") == "payment"


def _price_paid(session: Json) -> int | None:
    """What was paid of the price: the sum before tax, or the total where a discount has made it less than that."""
    total = _number(session, "amount_total")
    before_tax = _number(session, "amount_subtotal") if "amount_subtotal" in session else total
    return before_tax if before_tax is None or total is None else min(before_tax, total)


def row_id(told: Json, name: str) -> UUID | None:
    """Which row of ours an object's metadata names. It finds the row and is checked against it (faults 63)."""
    return _uuid(_text(_object(told, "metadata"), name))


def money_back_intent(event_type: str, told: Json) -> str | None:
    """The intent that a refund or a dispute is about, where an event tells of one; nothing else of it is believed."""
    return _id(told, "payment_intent") if event_type.startswith(_MONEY_BACK) else None


def _payment_id(told: Json) -> UUID | None:
    return row_id(told, "topup_payment_id") or _uuid(_text(told, "client_reference_id"))


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None


def _object(parent: Json, key: str) -> Json:
    found = parent.get(key)
    return found if isinstance(found, dict) else {}


def _text(parent: Json, key: str) -> str | None:
    found = parent.get(key)
    return found if isinstance(found, str) and WORD.fullmatch(found) else None


def _id(parent: Json, key: str) -> str | None:
    """The id of something that may have been expanded into an object."""
    return _text(parent, key) or _text(_object(parent, key), "id")


def _number(parent: Json, key: str) -> int | None:
    found = parent.get(key)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def _time(unix_seconds: object) -> datetime:
    try:
        return datetime.fromtimestamp(int(str(unix_seconds)), UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)
