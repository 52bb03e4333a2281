"""Which Stripe events Topup needs to hear of, each with its reason: for the endpoint's settings and for doctor.

`NEEDED` are acted upon: an endpoint that does not send one of them loses money or time. `LATER` may be sent already and
are stored as ignored until the part that reads them is there. An endpoint must never subscribe to "*".
"""

from collections.abc import Iterable

NEEDED = {
    "checkout.session.completed": "a checkout was finished; its credits are due when it is also paid",
    "checkout.session.async_payment_succeeded": "a bank debit of a finished checkout came in: credits are due",
    "checkout.session.async_payment_failed": "a bank debit of a finished checkout failed: the buyer is told",
    "checkout.session.expired": "nobody paid in time: the payment is closed",
    "payment_intent.succeeded": "money came in, by whichever channel: credits are due",
    "payment_intent.payment_failed": "a try was declined, or a delayed debit failed",
    "payment_intent.processing": "a delayed debit is on its way: shown as processing",
    "payment_intent.canceled": "an unpaid intent was closed",
    "refund.created": "money goes back: credits are taken back",
    "refund.updated": "a refund moved on; one that fails later gives the credits back",
    "refund.failed": "a refund did not reach the buyer: the credits come back",
    "charge.dispute.created": "a payment is disputed: what is unspent of it is set aside",
    "charge.dispute.updated": "a dispute moved on, also from an inquiry to a dispute",
    "charge.dispute.funds_withdrawn": "the disputed money left us",
    "charge.dispute.funds_reinstated": "the disputed money came back",
    "charge.dispute.closed": "a dispute is won (credits are freed) or lost (credits are taken)",
    "invoice.paid": "an institution paid by invoice: sessions are due",
    "invoice.voided": "an invoice was cancelled: its purchase is closed",
    "invoice.marked_uncollectible": "an invoice was written off: shown, and admins hear of sessions granted on trust",
}

LATER = {
    "invoice.finalized": "an institution's invoice has its number and address",
    "invoice.payment_failed": "an automatic payment of an invoice failed",
    "invoice.overpaid": "more came in than the invoice asks",
    "setup_intent.succeeded": "a card was saved",
    "payment_method.detached": "a saved card was removed",
    "payment_method.automatically_updated": "the bank replaced a saved card",
    "radar.early_fraud_warning.created": "a dispute is likely: an admin looks at it",
}


PAYING = frozenset(
    {
        "checkout.session.completed",
        "checkout.session.async_payment_succeeded",
        "payment_intent.succeeded",
        "invoice.paid",
    }
)
"""Those that mean money came in: one of them left unprocessed may be credits that somebody paid for."""

OTHER = "other"


def is_known(name: str) -> bool:
    """Whether Topup has a use for the type, today or later."""
    return name in NEEDED or name in LATER


def label(name: str) -> str:
    """The type as a figure's label: one that we need or may get, else "other", so that the series stay few."""
    return name if is_known(name) else OTHER


def missing(enabled: Iterable[str]) -> list[str]:
    """The needed types that an endpoint with these `enabled_events` would never hear of."""
    heard = set(enabled)
    return [] if "*" in heard else [name for name in NEEDED if name not in heard]
