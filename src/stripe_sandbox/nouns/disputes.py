"""Disputes: a buyer asks their bank for the money back. Opened, answered with evidence, won, lost or only asked about.

An inquiry moves no money until it is escalated. Stripe's words in `uncategorized_text` decide the outcome, as in its
own test mode; the control calls can decide it too. Disputes of bank debits are lost from the start.
"""

from typing import Final

from stripe.params import _dispute_close_params as close_params
from stripe.params import _dispute_list_params as list_params
from stripe.params import _dispute_retrieve_params as retrieve_params
from stripe.params import _dispute_update_params as update_params

from stripe_sandbox import errors, ids, listing
from stripe_sandbox.nouns import accounts, charges, support
from stripe_sandbox.routing import Call, Route
from stripe_sandbox.store import Body
from stripe_sandbox.work import Work

URL: Final = "/v1/disputes"
FEE_MINOR: Final = 2000
ANSWER_WITHIN_S: Final = 9 * 24 * 3600
INQUIRY: Final = "inquiry:"
OPEN: Final = ("needs_response", "under_review", "warning_needs_response", "warning_under_review")
OVER: Final = ("won", "lost", "warning_closed", "prevented")
REASON_CODES: Final = {"fraudulent": "10.4", "product_not_received": "13.1"}
OUTCOMES: Final = {
    "winning_evidence": "win_dispute",
    "losing_evidence": "lose_dispute",
    "escalate_inquiry_evidence": "escalate_dispute",
}
EVIDENCE: Final = (
    *("access_activity_log", "billing_address", "cancellation_policy", "cancellation_policy_disclosure"),
    *("cancellation_rebuttal", "customer_communication", "customer_email_address", "customer_name"),
    *("customer_purchase_ip", "customer_signature", "duplicate_charge_documentation", "duplicate_charge_explanation"),
    *("duplicate_charge_id", "product_description", "receipt", "refund_policy", "refund_policy_disclosure"),
    *("refund_refusal_explanation", "service_date", "service_documentation", "shipping_address", "shipping_carrier"),
    *("shipping_date", "shipping_documentation", "shipping_tracking_number", "uncategorized_file"),
    "uncategorized_text",
)


def new(work: Work, charge: Body, reason: str, amount_minor: int | None = None) -> Body:
    """Open a dispute over a charge; `inquiry:` before the reason makes it an inquiry."""
    is_inquiry, reason = reason.startswith(INQUIRY), reason.removeprefix(INQUIRY)
    left_minor = charge["amount"] - charge["amount_refunded"]
    wanted_minor = left_minor if amount_minor is None else amount_minor
    if charge["status"] != "succeeded" or not 0 < wanted_minor <= left_minor:
        raise errors.not_now("Only a paid charge can be disputed, for what is left of it.", param="amount")
    is_card = charge["payment_method_details"]["type"] == "card"
    body = _body(work, charge, reason, wanted_minor, is_inquiry=is_inquiry)
    dispute = work.add(body, "charge.dispute.created")
    work.change(charge, {"disputed": True}, "charge.updated", tells=True)
    work.hide(charge["id"], is_inquired=is_inquiry)
    if not is_inquiry:
        dispute = _withdraw(work, dispute)
    return dispute if is_card or is_inquiry else _close(work, dispute, "lost")


def open_for(work: Work, charge_id: str) -> None:
    """Open the disputes that a test card or account announced."""
    charge = work.find(charge_id)
    left_minor = charge["amount"] - charge["amount_refunded"] if charge else 0
    if charge is None or left_minor == 0:
        return
    card = charges.card_of(work, charge)
    reason, parts = (card.dispute or "", card.disputes) if card else ("debit_not_authorized", 1)
    for part in range(parts):
        new(work, work.get("charge", charge_id), reason, left_minor // parts + (part < left_minor % parts))


def win(work: Work, dispute_id: str) -> None:
    """Decide for the seller: the money comes back, the fee stays. An inquiry is closed."""
    dispute = work.get("dispute", dispute_id)
    if dispute["status"] in OVER:
        return
    if _is_inquiry(dispute):
        _close(work, dispute, "warning_closed")
        return
    kind = {"type": "adjustment", "reporting_category": "dispute_reversal"}
    booked = accounts.book(work, dispute, dispute["amount"], 0, **kind)
    movements = [*dispute["balance_transactions"], booked]
    dispute = work.change(
        dispute,
        {"status": "won", "balance_transactions": movements},
        "charge.dispute.funds_reinstated",
        tells=True,
    )
    work.emit("charge.dispute.closed", dispute)


def lose(work: Work, dispute_id: str) -> None:
    """Decide for the buyer. An inquiry is closed."""
    dispute = work.get("dispute", dispute_id)
    if dispute["status"] not in OVER:
        _close(work, dispute, "warning_closed" if _is_inquiry(dispute) else "lost")


def escalate(work: Work, dispute_id: str) -> None:
    """Turn an inquiry into a dispute: now the money goes."""
    dispute = work.get("dispute", dispute_id)
    if not _is_inquiry(dispute) or dispute["status"] in OVER:
        return
    work.hide(dispute["charge"], is_inquired=False)
    details = {**dispute["payment_method_details"]}
    details["card"] = {**details["card"], "case_type": "chargeback"}
    changes = {"status": "needs_response", "is_charge_refundable": False, "payment_method_details": details}
    _withdraw(work, work.change(dispute, changes, "charge.dispute.updated", tells=True))


def _is_inquiry(dispute: Body) -> bool:
    return dispute["status"].startswith("warning_")


def _close(work: Work, dispute: Body, status: str) -> Body:
    return work.change(dispute, {"status": status}, "charge.dispute.closed", tells=True)


def _withdraw(work: Work, dispute: Body) -> Body:
    more = {"type": "adjustment", "reporting_category": "dispute"}
    more["description"] = f"Chargeback withdrawal for {dispute['charge']}"
    booked = accounts.book(work, dispute, -dispute["amount"], FEE_MINOR, **more)
    return work.change(dispute, {"balance_transactions": [booked]}, "charge.dispute.funds_withdrawn", tells=True)


def _body(work: Work, charge: Body, reason: str, amount_minor: int, *, is_inquiry: bool) -> Body:
    buyer = charge["billing_details"]
    evidence: Body = dict.fromkeys(EVIDENCE)
    evidence |= {"customer_email_address": buyer["email"], "customer_name": buyer["name"], "enhanced_evidence": {}}
    card = charge["payment_method_details"].get("card")
    shown: Body = {"case_type": "inquiry" if is_inquiry else "chargeback"}
    if card:
        shown |= {"brand": card["brand"], "network": card["network"]}
        shown["network_reason_code"] = REASON_CODES.get(reason, "10.4")
    return {
        "id": ids.new("du_"),
        "object": "dispute",
        "amount": amount_minor,
        "balance_transactions": [],
        "charge": charge["id"],
        "created": work.now,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": evidence,
        "evidence_details": {
            "due_by": work.now + ANSWER_WITHIN_S if card else None,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "intended_submission_method": None,
        "is_charge_refundable": is_inquiry,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {"card": shown, "type": "card"} if card else None,
        "reason": reason,
        "status": "warning_needs_response" if is_inquiry else "needs_response",
    }


def _retrieve(call: Call) -> Body:
    return call.work.get("dispute", call.id)


def _update(call: Call) -> Body:
    support.only(call.params, ("evidence", "metadata", "submit"))
    dispute, given = call.work.get("dispute", call.id), call.params
    if given.get("evidence") and dispute["status"] not in OPEN:
        message = f"This dispute is {dispute['status']}; evidence can no longer be given."
        raise errors.not_now(message)
    changes: Body = {}
    if "metadata" in given:
        changes["metadata"] = support.merged_metadata(dispute["metadata"], given["metadata"])
    if given.get("evidence"):
        changes |= _evidence(call.work, dispute, given["evidence"], submits=given.get("submit", True))
    return call.work.change(dispute, changes, "charge.dispute.updated", tells=True)


def _evidence(work: Work, dispute: Body, given: Body, *, submits: bool) -> Body:
    details = {**dispute["evidence_details"], "has_evidence": True}
    changes: Body = {"evidence": {**dispute["evidence"], **given}, "evidence_details": details}
    if submits:
        details |= {"submission_count": details["submission_count"] + 1, "submission_method": "manual"}
        changes["status"] = "warning_under_review" if _is_inquiry(dispute) else "under_review"
        outcome = OUTCOMES.get(given.get("uncategorized_text", ""))
        if outcome:
            work.later(work.pace.dispute_opens_s, outcome, dispute["id"])
    return changes


def _close_call(call: Call) -> Body:
    dispute = call.work.get("dispute", call.id)
    if dispute["status"] not in OPEN:
        raise errors.not_now(f"This dispute is {dispute['status']} and cannot be closed.")
    lose(call.work, call.id)
    return call.work.get("dispute", call.id)


def _list(call: Call) -> Body:
    return listing.page(call, "dispute", URL, "charge", "payment_intent")


ROUTES: Final = (
    Route("GET", URL, _list, list_params.DisputeListParams),
    Route("GET", URL + "/{id}", _retrieve, retrieve_params.DisputeRetrieveParams),
    Route("POST", URL + "/{id}", _update, update_params.DisputeUpdateParams),
    Route("POST", URL + "/{id}/close", _close_call, close_params.DisputeCloseParams),
)
