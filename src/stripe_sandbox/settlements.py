"""What follows when a payment intent ends one way or the other, whoever brought that about.

The intent may belong to a checkout session or an invoice; here, above them all, each is told. Called by the pages, by
the API's confirm, and by the timers when a bank answers.
"""

from typing import Final

from stripe_sandbox import attempts, banks, billing, checkout, setups
from stripe_sandbox.nouns import disputes, fraud_warnings, refunds
from stripe_sandbox.store import Body
from stripe_sandbox.timers import Job
from stripe_sandbox.work import Work


def settle_debit(work: Work, intent_id: str) -> None:
    """Write down the bank's answer to a debit, unless it was written before."""
    intent = work.find(intent_id)
    if intent is None or intent["status"] != "processing":
        return
    charge = work.get("charge", intent["latest_charge"])
    account = banks.BY_NUMBER[work.hidden(charge["payment_method"])["account"]]
    conclude(work, intent, account.failure)


def conclude(work: Work, intent: Body, failure: str | None) -> Body:
    """Settle a debit with this outcome and tell what it pays for."""
    intent = attempts.settle(work, intent, failure)
    known = work.hidden(intent["id"])
    session, invoice = work.find(known.get("session")), work.find(known.get("invoice"))
    if session:
        checkout.settled(work, session, intent)
    if invoice and failure:
        billing.debit_failed(work, invoice)
    elif invoice:
        billing.settled(work, invoice, intent)
    return intent


def confirm(work: Work, intent: Body, method: Body, terms: attempts.Terms) -> Body:
    """Attempt the payment of an intent of its own or an invoice's; raises the decline."""
    invoice = work.find(work.hidden(intent["id"]).get("invoice"))
    if invoice is None:
        return attempts.confirm(work, intent, method, terms)
    billing.attempt(work, invoice, intent, method, terms)
    return work.get("payment_intent", intent["id"])


def authenticate(work: Work, intent: Body, *, passed: bool) -> Body:
    """Go on after 3-D Secure, and tell what the intent pays for."""
    if intent["object"] == "setup_intent":
        return setups.authenticate(work, intent, passed=passed)
    known = work.hidden(intent["id"])
    session, invoice = work.find(known.get("session")), work.find(known.get("invoice"))
    intent = attempts.authenticate(work, intent, passed=passed)
    if session:
        checkout.finish(work, session, intent)
    if invoice:
        billing.settled(work, invoice, intent)
    return intent


JOBS: Final[dict[str, Job]] = {
    "expire_session": checkout.expire_when_due,
    "settle_debit": settle_debit,
    "finalize_invoice": billing.finalize_when_due,
    "overdue_invoice": billing.overdue_when_due,
    "refund_succeeds": refunds.succeed,
    "refund_fails": refunds.fail,
    "open_disputes": disputes.open_for,
    "warn_of_fraud": fraud_warnings.warn,
    "win_dispute": disputes.win,
    "lose_dispute": disputes.lose,
    "escalate_dispute": disputes.escalate,
}
