"""What several nouns need alike: metadata, saving a payment method, and the calendar.

Also the refusal of parameters that the sandbox would have to ignore.
"""

import datetime as dt
from collections.abc import Iterable

from stripe_sandbox import errors
from stripe_sandbox.store import Body
from stripe_sandbox.work import Work


def only(given: Body, supported: Iterable[str]) -> None:
    """Refuse parameters that Stripe knows and this sandbox would have to ignore; silence would mislead."""
    for name in given.keys() - set(supported):
        raise errors.unsupported(name)


def merged_metadata(known: Body, given: Body | str) -> Body:
    """Return metadata after an update: given keys replace, empty values remove, an empty string clears."""
    if not isinstance(given, dict):
        return {}
    return {name: value for name, value in {**known, **given}.items() if value}


def attach(work: Work, method_id: str, customer_id: str) -> Body:
    """Save a payment method for a customer; a method saved before or detached cannot be saved again."""
    method = work.get("payment_method", method_id, "payment_method")
    if method["customer"] == customer_id:
        return method
    if method["customer"] or work.hidden(method_id).get("is_spent"):
        message = (
            "This PaymentMethod was previously used without being attached to a Customer or was detached from a "
            "Customer, and may not be used again."
        )
        raise errors.invalid(message, param="payment_method")
    return work.change(method, {"customer": customer_id}, "payment_method.attached")


def year_of(moment: int) -> int:
    """Return the calendar year of a moment."""
    return dt.datetime.fromtimestamp(moment, dt.UTC).year


def month_of(moment: int) -> int:
    """Return the calendar month of a moment."""
    return dt.datetime.fromtimestamp(moment, dt.UTC).month
