"""Refunds: money given back, in part or in full, at once, later, or in the end not at all.

A charge's running total and each refund's own state are kept apart, as at Stripe: a refund counts into the total when
it is made, and out of it again when it fails.
"""

from typing import Final

from stripe.params import _refund_cancel_params as cancel_params
from stripe.params import _refund_create_params as create_params
from stripe.params import _refund_list_params as list_params
from stripe.params import _refund_retrieve_params as retrieve_params
from stripe.params import _refund_update_params as update_params

from stripe_sandbox import errors, ids, listing, money
from stripe_sandbox.nouns import accounts, charges, support
from stripe_sandbox.routing import Call, Route
from stripe_sandbox.store import Body
from stripe_sandbox.work import Work

URL: Final = "/v1/refunds"
CREATE: Final = ("charge", "payment_intent", "amount", "reason", "metadata", "currency")
FAILURE_REASON: Final = "expired_or_canceled_card"
OPEN: Final = ("pending", "requires_action")


def new(work: Work, given: Body) -> Body:
    """Give money back on a charge, or refuse."""
    charge = _charge(work, given)
    amount_minor = _amount(charge, given)
    card = charges.card_of(work, charge)
    is_pending = card is None or card.refund == "pends"
    refund_id = ids.sibling(charge["id"], "re_" if card else "pyr_")
    body: Body = {
        "id": refund_id,
        "object": "refund",
        "amount": amount_minor,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": work.now,
        "currency": charge["currency"],
        "customer": charge["customer"],
        "customer_account": None,
        "destination_details": _destination(is_pending=is_pending) if card else None,
        "metadata": given.get("metadata") or {},
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "reason": given.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "pending" if is_pending else "succeeded",
        "transfer_reversal": None,
        **({"pending_reason": "processing"} if is_pending else {}),
    }
    kind = "refund" if card else "payment_refund"
    booked = accounts.book(work, body, -amount_minor, 0, type=kind, reporting_category="refund")
    refund = work.add({**body, "balance_transaction": booked["id"]}, "refund.created")
    _count(work, charge, amount_minor, "charge.refunded")
    if is_pending:
        work.later(work.pace.refund_settles_s, "refund_succeeds", refund_id)
    elif card and card.refund == "fails":
        work.later(work.pace.refund_settles_s, "refund_fails", refund_id)
    return refund


def succeed(work: Work, refund_id: str) -> None:
    """Let a pending refund arrive."""
    refund = work.find(refund_id)
    if refund and refund["status"] in OPEN:
        changes: Body = {"status": "succeeded"}
        if refund["destination_details"]:
            changes["destination_details"] = _destination(is_pending=False)
        _change(work, refund, changes, "refund.updated")


def fail(work: Work, refund_id: str, reason: str = FAILURE_REASON, status: str = "failed") -> None:
    """Let a refund come back, even one that had succeeded: the money returns to the balance."""
    refund = work.find(refund_id)
    if refund is None or refund["status"] in {"failed", "canceled"}:
        return
    kind = {"type": "refund_failure", "reporting_category": "refund_failure"}
    booked = accounts.book(work, refund, refund["amount"], 0, **kind)
    changes = {"status": status, "failure_reason": reason, "failure_balance_transaction": booked["id"]}
    events = ("refund.updated", "refund.failed") if status == "failed" else ("refund.updated",)
    _change(work, refund, changes, *events, "charge.refund.updated")
    _count(work, work.get("charge", refund["charge"]), -refund["amount"], "charge.updated")


def _change(work: Work, refund: Body, changes: Body, *event_types: str) -> Body:
    without_reason = {name: value for name, value in refund.items() if name != "pending_reason"}
    after = {**without_reason, **changes}
    return work.replace(refund, after, *event_types)


def _charge(work: Work, given: Body) -> Body:
    if "charge" in given:
        charge = work.get("charge", given["charge"], "charge")
    elif "payment_intent" in given:
        intent = work.get("payment_intent", given["payment_intent"], "payment_intent")
        found = work.find(intent["latest_charge"])
        if found is None or intent["status"] != "succeeded":
            message = f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund."
            raise errors.not_now(message, param="payment_intent")
        charge = found
    else:
        message = "One of the following params should be provided for this request: payment_intent or charge."
        raise errors.invalid(message, code="parameter_missing", param="charge")
    if charge["status"] != "succeeded":
        message = f"Charge {charge['id']} has not succeeded and cannot be refunded."
        raise errors.not_now(message, param="charge")
    if charge["disputed"] and not work.hidden(charge["id"]).get("is_inquired"):
        message = f"Charge {charge['id']} has been charged back; cannot issue a refund."
        raise errors.not_now(message, code="charge_disputed", param="charge")
    return charge


def _amount(charge: Body, given: Body) -> int:
    left_minor = charge["amount"] - charge["amount_refunded"]
    if left_minor <= 0:
        message = f"Charge {charge['id']} has already been refunded."
        raise errors.not_now(message, code="charge_already_refunded")
    amount_minor = given.get("amount", left_minor)
    if amount_minor < 1:
        raise errors.invalid("Invalid positive integer", code="parameter_invalid_integer", param="amount")
    if amount_minor > left_minor:
        asked, left = (money.written(value, charge["currency"]) for value in (amount_minor, left_minor))
        message = f"Refund amount ({asked}) is greater than unrefunded amount on charge ({left})"
        raise errors.not_now(message, param="amount")
    return amount_minor


def _count(work: Work, charge: Body, amount_minor: int, event_type: str) -> None:
    """Bring the charge's running total into line, and tell of it."""
    refunded_minor = charge["amount_refunded"] + amount_minor
    changes = {
        "amount_refunded": refunded_minor,
        "refunded": refunded_minor >= charge["amount"],
        "receipt_url": charges.receipt_url(work, charge["id"], refunded_minor),
    }
    work.change(charge, changes, event_type, tells=True)


def _destination(*, is_pending: bool) -> Body:
    card = {"reference_status": "pending", "reference_type": "acquirer_reference_number", "type": "refund"}
    return {"card": {"type": "pending"} if is_pending else card, "type": "card"}


def _create(call: Call) -> Body:
    support.only(call.params, CREATE)
    return new(call.work, call.params)


def _retrieve(call: Call) -> Body:
    return call.work.get("refund", call.id)


def _update(call: Call) -> Body:
    refund = call.work.get("refund", call.id)
    metadata = support.merged_metadata(refund["metadata"], call.params.get("metadata", {}))
    return call.work.change(refund, {"metadata": metadata}, "refund.updated", tells=True)


def _cancel(call: Call) -> Body:
    refund = call.work.get("refund", call.id)
    message = f"You cannot cancel this refund because it has a status of {refund['status']}, not requires_action."
    raise errors.not_now(message)


def _list(call: Call) -> Body:
    return listing.page(call, "refund", URL, "charge", "payment_intent")


def _list_of_charge(call: Call) -> Body:
    return listing.page(call, "refund", f"{charges.URL}/{call.id}/refunds", charge=call.id)


def include(work: Work, charge: Body) -> Body:
    """Return the list that expanding `refunds` puts into a charge."""
    return listing.page(Call(work, {}, {}), "refund", f"{charges.URL}/{charge['id']}/refunds", charge=charge["id"])


ROUTES: Final = (
    Route("POST", URL, _create, create_params.RefundCreateParams),
    Route("GET", URL, _list, list_params.RefundListParams),
    Route("GET", URL + "/{id}", _retrieve, retrieve_params.RefundRetrieveParams),
    Route("POST", URL + "/{id}", _update, update_params.RefundUpdateParams),
    Route("POST", URL + "/{id}/cancel", _cancel, cancel_params.RefundCancelParams),
    Route("GET", charges.URL + "/{id}/refunds", _list_of_charge, list_params.RefundListParams),
)
