"""The life of a checkout session after it was made: paid on its page, waiting for a debit, or expired.

Decides the session's state and Stripe's events for it. Called by the hosted page, the API's expire, the timers, and by
`settlements` when a debit's answer comes. A session that is not open is never changed back.
"""

import dataclasses
from typing import Final

from stripe_sandbox import attempts, errors, intents
from stripe_sandbox.nouns import addresses, customers
from stripe_sandbox.store import Body
from stripe_sandbox.work import Work

CARD_OPTIONS: Final = frozenset({"card", "link"})


@dataclasses.dataclass(frozen=True)
class Buyer:
    """What the buyer told of themselves on the page."""

    email: str | None = None
    name: str | None = None
    country: str | None = None
    postal_code: str | None = None

    @property
    def billing(self) -> Body:
        """The buyer as billing details."""
        address = {"country": self.country, "postal_code": self.postal_code}
        return {"email": self.email, "name": self.name, "address": address}


def pay(work: Work, session: Body, method: Body, buyer: Buyer, authenticated_return: str) -> Body:
    """Pay an open session; returns it complete, or still open while 3-D Secure waits. Raises a decline."""
    check_open(session)
    session = _with_customer(work, session, buyer)
    session, intent = _with_intent(work, session, method["type"])
    _note_buyer(work, session, buyer)
    intent = attempts.confirm(work, intent, method, attempts.Terms(return_url=authenticated_return))
    return finish(work, session, intent)


def pay_nothing(work: Work, session: Body, buyer: Buyer) -> Body:
    """Complete a session whose total is nothing; no payment intent is made."""
    check_open(session)
    session = _with_customer(work, session, buyer)
    _note_buyer(work, session, buyer)
    return _complete(work, session, "no_payment_required")


def finish(work: Work, session: Body, intent: Body) -> Body:
    """Bring the session into line with its payment intent."""
    if session["status"] != "open":
        return session
    if intent["status"] == "succeeded":
        return _complete(work, session, "paid")
    if intent["status"] == "processing":
        return _complete(work, session, "unpaid")
    return session


def settled(work: Work, session: Body, intent: Body) -> Body:
    """Tell a completed session of the bank's answer to its debit."""
    if intent["status"] == "succeeded":
        return work.change(session, {"payment_status": "paid"}, "checkout.session.async_payment_succeeded")
    return work.change(session, {"payment_status": "unpaid"}, "checkout.session.async_payment_failed")


def expire(work: Work, session: Body) -> Body:
    """End an open session; an intent that a declined buyer left behind is cancelled with it."""
    intent = work.find(session["payment_intent"])
    if intent and intent["status"] in intents.CONFIRMABLE:
        changes = {"status": "canceled", "canceled_at": work.now, "cancellation_reason": "expired", "next_action": None}
        work.change(intent, changes, "payment_intent.canceled")
    changes = {"status": "expired", "url": None, "client_secret": None}
    return work.change(session, changes, "checkout.session.expired")


def expire_when_due(work: Work, session_id: str) -> None:
    """Expire a session whose time has come, unless it was paid or expired before."""
    session = work.find(session_id)
    if session and session["status"] == "open":
        expire(work, session)


def check_open(session: Body) -> None:
    """Refuse to go on with a session that is complete or expired."""
    if session["status"] != "open":
        message = f"This Checkout Session is {session['status']}; it can no longer be paid."
        raise errors.not_now(message)


def _complete(work: Work, session: Body, payment_status: str) -> Body:
    buyer = Buyer(**work.hidden(session["id"])["buyer"])
    known = session["customer_details"] or {}
    details: Body = {
        "address": addresses.full({"country": buyer.country, "postal_code": buyer.postal_code}),
        "business_name": None,
        "email": buyer.email or known.get("email"),
        "individual_name": None,
        "name": buyer.name or known.get("name"),
        "phone": known.get("phone"),
        "tax_exempt": "none",
        "tax_ids": [],
    }
    _update_customer(work, session, details)
    changes: Body = {
        "status": "complete",
        "payment_status": payment_status,
        "url": None,
        "client_secret": None,
        "customer_details": details,
    }
    return work.change(session, changes, "checkout.session.completed")


def _update_customer(work: Work, session: Body, details: Body) -> None:
    wanted = work.hidden(session["id"]).get("customer_update") or {}
    changes = {name: details[name] for name in ("address", "name") if wanted.get(name) == "auto" and details[name]}
    customer = work.find(session["customer"])
    if changes and customer and not customer.get("deleted"):
        work.change(customer, changes, "customer.updated", tells=True)


def _note_buyer(work: Work, session: Body, buyer: Buyer) -> None:
    work.hide(session["id"], buyer=dataclasses.asdict(buyer))


def _with_customer(work: Work, session: Body, buyer: Buyer) -> Body:
    """Make the customer that the session was asked to make, at the first attempt."""
    saves = (work.hidden(session["id"])["payment_intent_data"]).get("setup_future_usage")
    if session["customer"] or (session["customer_creation"] != "always" and not saves):
        return session
    email = buyer.email or session["customer_email"]
    customer = customers.new(work, {"email": email, "name": buyer.name})
    return work.change(session, {"customer": customer["id"]})


def _with_intent(work: Work, session: Body, method_type: str) -> tuple[Body, Body]:
    """Return the session's intent, made at the first attempt, and offered for this kind of method."""
    types = [kind for kind in session["payment_method_types"] if (kind in CARD_OPTIONS) == (method_type == "card")]
    options = {kind: intents.OPTIONS[kind] for kind in types}
    known = work.find(session["payment_intent"])
    if known:
        return session, work.change(known, {"payment_method_types": types, "payment_method_options": options})
    wanted = work.hidden(session["id"])["payment_intent_data"]
    more = {"customer": session["customer"], "receipt_email": wanted.get("receipt_email"), **wanted}
    body = intents.new(work, session["amount_total"], session["currency"], types, **more)
    intent = work.add(body, "payment_intent.created", session=session["id"])
    return work.change(session, {"payment_intent": intent["id"]}), intent
