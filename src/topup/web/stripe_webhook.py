"""Stripe's door: raw bytes in, signature proven, handed to the batch of deliveries, answered once it is durably stored.

No parsing before the signature is proven, no call to Stripe, and no answer 2xx before the commit (faults 8a).
"""

from fastapi import Request
from starlette.responses import Response

from topup import errors
from topup.flows import receive
from topup.gateway import signatures
from topup.web import errors as problems
from topup.web import lean
from topup.web.api import models
from topup.web.context import HouseDep

SIGNATURE = "Stripe-Signature"
RECEIVED = b'{"received":true}'

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
    header = request.headers.get(SIGNATURE)
    if not header:
        raise errors.Unreadable("Missing stripe-signature header", code="signature_missing")
    payload = signatures.verify(await request.body(), header, house.settings.stripe_webhook_secrets)
    try:
        delivery = receive.read(payload)
    except (ValueError, RecursionError):
        delivery = None
    if delivery is None:
        raise errors.Unreadable("The body is not a Stripe event.", code="event_unreadable")
    await house.deliveries.submit(delivery)
    return Response(RECEIVED, media_type="application/json")
