"""Event bodies as Stripe sends them, for tests that need one: each built from a payment of ours."""

import json
import secrets
import time
from typing import Any
from uuid import UUID

import stripe

API_VERSION = "2026-10-28.endive"


def session(
    payment_id: UUID,
    *,
    session_id: str = "cs_test_1",
    status: str = "complete",
    payment_status: str = "paid",
    amount: int = 1000,
    currency: str = "gbp",
    intent_id: str | None = "pi_1",
    **more: Any,
) -> dict[str, Any]:
    """A checkout session of one of our payments."""
    return {
        "id": session_id,
        "object": "checkout.session",
        "mode": "payment",
        "status": status,
        "payment_status": payment_status,
        "amount_subtotal": amount,
        "amount_total": amount,
        "currency": currency,
        "customer": "cus_1",
        "payment_intent": intent_id,
        "client_reference_id": str(payment_id),
        "metadata": {"topup_payment_id": str(payment_id)},
        "livemode": False,
        **more,
    }


def intent(payment_id: UUID, *, intent_id: str = "pi_1", amount: int = 1000, **more: Any) -> dict[str, Any]:
    """A payment intent of one of our payments."""
    return {
        "id": intent_id,
        "object": "payment_intent",
        "status": "succeeded",
        "amount": amount,
        "amount_received": amount,
        "currency": "gbp",
        "customer": "cus_1",
        "metadata": {"topup_payment_id": str(payment_id)},
        "livemode": False,
        **more,
    }


def event(type_: str, told: dict[str, Any], *, event_id: str | None = None, **more: Any) -> str:
    """The body of an event."""
    body = {
        "id": event_id or f"evt_{secrets.token_hex(8)}",
        "object": "event",
        "type": type_,
        "api_version": API_VERSION,
        "created": int(time.time()),
        "livemode": False,
        "pending_webhooks": 1,
        "data": {"object": told},
        **more,
    }
    return json.dumps(body, ensure_ascii=False)


def signature(body: str, secret: str, *, timestamp: int | None = None) -> str:
    """The header that makes a body a true delivery."""
    return stripe.WebhookSignature.generate_signature_header(body, secret, timestamp)
