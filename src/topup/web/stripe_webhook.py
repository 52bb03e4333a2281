"""Stripe's door: raw bytes in, signature proven, handed to the batch of deliveries, answered once it is durably stored.

No parsing before the signature is proven, no call to Stripe, and no answer 2xx before the commit (faults 8a).
"""

from typing import Annotated

from fastapi import APIRouter, Header, Request

from topup import errors
from topup.flows import receive
from topup.gateway import signatures
from topup.web import errors as problems
from topup.web.context import HouseDep

router = APIRouter(tags=["Stripe"])


@router.post("/api/webhooks/stripe", responses=problems.documented(400, 413))
@router.post("/api/stripe/webhook", include_in_schema=False)
async def take_delivery(
    request: Request, house: HouseDep, stripe_signature: Annotated[str | None, Header()] = None
) -> dict[str, bool]:
    """Take one delivery of an event from Stripe."""
    if not stripe_signature:
        raise errors.Unreadable("Missing stripe-signature header", code="signature_missing")
    payload = signatures.verify(await request.body(), stripe_signature, house.settings.stripe_webhook_secrets)
    try:
        delivery = receive.read(payload)
    except ValueError:
        delivery = None
    if delivery is None:
        raise errors.Unreadable("The body is not a Stripe event.", code="event_unreadable")
    await house.deliveries.submit(delivery)
    return {"received": True}
