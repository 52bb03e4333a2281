"""What a browser with a publishable key may do and see: one intent, by its client secret, without its metadata.

Called by the two kinds of intents on each read and confirm.
"""

import contextlib
from collections.abc import Iterator
from typing import Final

from stripe_sandbox import errors
from stripe_sandbox.routing import Call
from stripe_sandbox.store import Body

PRIVATE: Final = frozenset(
    {"metadata", "customer", "latest_charge", "application", "amount_received", "latest_attempt", "on_behalf_of"},
)
NOUNS: Final = {"payment_intent": "PaymentIntent", "setup_intent": "SetupIntent"}


def asked_for(call: Call, kind: str) -> Body:
    """Return the intent in the address; a browser must know its client secret."""
    intent = call.work.get(kind, call.id)
    secret = call.params.get("client_secret")
    if (call.is_publishable or secret is not None) and secret != intent["client_secret"]:
        message = f"The client_secret provided does not match the client_secret associated with the {NOUNS[kind]}."
        raise errors.invalid(message, code=f"{kind}_invalid_parameter", param="client_secret")
    return intent


def shown(call: Call, intent: Body) -> Body:
    """Return the intent as this caller may see it."""
    return public(intent) if call.is_publishable else intent


def public(intent: Body) -> Body:
    """Return what a browser may see of an intent."""
    return {name: value for name, value in intent.items() if name not in PRIVATE}


@contextlib.contextmanager
def discretion(call: Call, kind: str) -> Iterator[None]:
    """Keep what a browser may not see out of a decline that carries its intent."""
    try:
        yield
    except errors.Refusal as refusal:
        if call.is_publishable and kind in refusal.error:
            refusal.error[kind] = public(refusal.error[kind])
        raise
