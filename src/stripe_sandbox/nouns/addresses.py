"""Postal addresses and billing details in Stripe's full shape, every line present.

Only shapes: whether an address is a real one is nobody's business here.
"""

from typing import Final

from stripe_sandbox.store import Body

LINES: Final = ("city", "country", "line1", "line2", "postal_code", "state")


def full(given: Body | None = None) -> Body:
    """Return an address with every line, absent ones null."""
    return {line: (given or {}).get(line) or None for line in LINES}


def billing(given: Body | None = None) -> Body:
    """Return billing details with every field, absent ones null."""
    known = given or {}
    details = {name: known.get(name) or None for name in ("email", "name", "phone", "tax_id")}
    return {"address": full(known.get("address") or None), **details}
