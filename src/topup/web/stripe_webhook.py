"""Stripe's door: raw bytes in, signature proven, handed to the batch of deliveries, answered once it is durably stored.

No parsing before the signature is proven, no call to Stripe, and no answer 2xx before the commit (faults 8a).
"""

import time
from collections.abc import Sequence

import structlog
from fastapi import Request
from pydantic import SecretStr
from starlette.responses import Response

from topup import errors
from topup.core import event_types, facts
from topup.flows import receive
from topup.gateway import signatures
from topup.web import errors as problems
from topup.web import lean, metrics
from topup.web.api import models
from topup.web.context import HouseDep

SIGNATURE = "Stripe-Signature"
UNVERIFIED, REFUSED = "unverified", "refused"
RECEIVED = b'{"received":true}'

log = structlog.get_logger(__name__)
router = lean.router("Stripe")


class Received(models.Answer):
    """The delivery is durably stored."""

    received: bool


@router.post(
    "/api/webhooks/stripe",
    response_model=Received,
    responses=problems.documented(400, 413),
    openapi_extra={"parameters": [{"in": "header", "name": SIGNATURE, "required": True, "schema": {"type": "string"}}]},
)
@router.post("/api/stripe/webhook", include_in_schema=False)
async def take_delivery(request: Request, house: HouseDep) -> Response:
    """Take one delivery of an event from Stripe."""
    started = time.perf_counter()
    try:
        delivery = await _verified(request, house.settings.stripe_webhook_secrets)
    except errors.Unreadable:
        metrics.DELIVERIES.labels(UNVERIFIED, REFUSED).inc()
        raise
    outcome = await house.deliveries.submit(delivery)
    _write_down(delivery.event, outcome, time.perf_counter() - started)
    return Response(RECEIVED, media_type="application/json")


async def _verified(request: Request, secrets: Sequence[SecretStr]) -> receive.Delivery:
    header = request.headers.get(SIGNATURE)
    if not header:
        raise errors.Unreadable("Missing stripe-signature header", code="signature_missing")
    payload = signatures.verify(await request.body(), header, secrets)
    try:
        delivery = receive.read(payload)
    except (ValueError, RecursionError):
        delivery = None
    if delivery is None:
        raise errors.Unreadable("The body is not a Stripe event.", code="event_unreadable")
    return delivery


def _write_down(event: facts.Event, outcome: str, seconds: float) -> None:
    metrics.DELIVERIES.labels(event_types.label(event.type), outcome).inc()
    metrics.DELIVERY_SECONDS.observe(seconds)
    if event.api_version != facts.API_VERSION:
        metrics.OTHER_VERSIONS.inc()
    log.info(
        "delivery",
        event_id=event.id,
        event_type=event.type,
        outcome=outcome,
        payment_id=str(event.fact.payment_id) if event.fact and event.fact.payment_id else None,
        api_version=event.api_version,
        ms=round(seconds * 1000, 1),
    )
