"""What Stripe adds to an address of ours when it sends somebody back: taken off wherever an address is kept or shown.

Pure. It holds a client secret, with which whoever reads it could look at a payment. Called by frame.py and elements.py.
"""

from urllib.parse import parse_qsl, urlencode

ADDED = frozenset(
    {
        "payment_intent",
        "payment_intent_client_secret",
        "setup_intent",
        "setup_intent_client_secret",
        "redirect_status",
        "source_type",
    }
)


def without(query: str) -> str:
    """The query without what Stripe added; one that it added nothing to stays letter for letter."""
    fields = parse_qsl(query, keep_blank_values=True)
    if ADDED.isdisjoint(name for name, _ in fields):
        return query
    return urlencode([(name, value) for name, value in fields if name not in ADDED])
