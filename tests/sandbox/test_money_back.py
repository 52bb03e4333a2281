"""Refunds, disputes and fraud warnings, made by calls, by test cards and by the control calls."""

import pytest

from tests.sandbox.boxes import Answer, Box


def paid(box: Box, number: str = "4242424242424242") -> Answer:
    """Return the intent of a session paid with this card."""
    session = box.session()
    assert box.pay(session, number).status_code == 303
    return box.stripe.v1.payment_intents.retrieve(box.again(session).payment_intent)


def charge_of(box: Box, intent: Answer) -> Answer:
    return box.stripe.v1.charges.retrieve(intent.latest_charge)


def test_partial_refunds_add_up_to_a_full_one_and_no_more(box: Box) -> None:
    intent = paid(box)
    first = box.stripe.v1.refunds.create(params={"payment_intent": intent.id, "amount": 300, "metadata": {"a": "1"}})
    assert (first.status, first.amount, first.charge) == ("succeeded", 300, intent.latest_charge)
    assert (charge_of(box, intent).amount_refunded, charge_of(box, intent).refunded) == (300, False)
    with pytest.raises(box.errors.InvalidRequestError, match=r"£8.00\) is greater than .* \(£7.00\)"):
        box.stripe.v1.refunds.create(params={"payment_intent": intent.id, "amount": 800})
    rest = box.stripe.v1.refunds.create(params={"charge": intent.latest_charge})
    assert rest.amount == 700
    assert charge_of(box, intent).refunded
    with pytest.raises(box.errors.InvalidRequestError) as refused:
        box.stripe.v1.refunds.create(params={"charge": intent.latest_charge})
    assert refused.value.code == "charge_already_refunded"
    listed = box.stripe.v1.refunds.list(params={"payment_intent": intent.id}).data
    assert [refund.id for refund in listed] == [rest.id, first.id]


def test_refund_events_carry_the_running_total_and_its_old_value(box: Box) -> None:
    intent = paid(box)
    for amount in (300, 700):
        box.stripe.v1.refunds.create(params={"payment_intent": intent.id, "amount": amount})
    box.settle()
    assert len(box.inbox.events("refund.created")) == 2
    totals = box.stripe.v1.events.list(params={"type": "charge.refunded"}).data[::-1]
    assert [event.data.object["amount_refunded"] for event in totals] == [300, 1000]
    assert [event.data.previous_attributes["amount_refunded"] for event in totals] == [0, 300]
    assert totals[1].data.previous_attributes["refunded"] is False


def test_pending_refund_succeeds_later(box: Box) -> None:
    intent = paid(box, "4000000000007726")
    refund = box.stripe.v1.refunds.create(params={"payment_intent": intent.id})
    assert (refund.status, refund.pending_reason) == ("pending", "processing")
    box.control("clock", advance_s=6)
    after = box.stripe.v1.refunds.retrieve(refund.id)
    assert after.status == "succeeded"
    assert "pending_reason" not in after
    event = box.stripe.v1.events.list(params={"type": "refund.updated"}).data[0]
    assert event.data.previous_attributes["status"] == "pending"


def test_failing_refund_comes_back_to_charge_and_balance(box: Box) -> None:
    intent = paid(box, "4000000000005126")
    refund = box.stripe.v1.refunds.create(params={"payment_intent": intent.id, "amount": 400})
    assert refund.status == "succeeded"
    assert charge_of(box, intent).amount_refunded == 400
    before = box.stripe.v1.balance.retrieve().available[0].amount
    box.control("clock", advance_s=6)
    after = box.stripe.v1.refunds.retrieve(refund.id)
    assert (after.status, after.failure_reason) == ("failed", "expired_or_canceled_card")
    assert after.failure_balance_transaction
    assert (charge_of(box, intent).amount_refunded, charge_of(box, intent).refunded) == (0, False)
    assert box.stripe.v1.balance.retrieve().available[0].amount == before + 400
    types = {event.type for event in box.stripe.v1.events.list(params={"limit": 20}).data}
    assert {"refund.failed", "refund.updated", "charge.refund.updated"} <= types


def test_refund_made_in_the_dashboard_has_no_metadata_and_no_request(box: Box) -> None:
    intent = paid(box)
    made = box.control("refunds", payment_intent=intent.id, amount=100)
    assert made["metadata"] == {}
    event = box.stripe.v1.events.list(params={"type": "refund.created"}).data[0]
    assert event.request.id is None
    ended = box.control(f"refunds/{made['id']}", status="failed", failure_reason="lost_or_stolen_card")
    assert (ended["status"], ended["failure_reason"]) == ("failed", "lost_or_stolen_card")


def test_unpaid_intent_and_unfinished_debit_cannot_be_refunded(box: Box) -> None:
    open_intent = box.stripe.v1.payment_intents.create(params={"amount": 500, "currency": "gbp"})
    session = box.session()
    box.debit(session, "00012345")
    for intent_id in (open_intent.id, box.again(session).payment_intent):
        with pytest.raises(box.errors.InvalidRequestError):
            box.stripe.v1.refunds.create(params={"payment_intent": intent_id})
    with pytest.raises(box.errors.InvalidRequestError, match="payment_intent or charge"):
        box.stripe.v1.refunds.create(params={"amount": 5})


def test_debit_is_refunded_by_a_refund_that_is_pending_first(box: Box) -> None:
    session = box.session()
    box.debit(session, "00012345")
    box.control("clock", advance_s=61)
    refund = box.stripe.v1.refunds.create(params={"payment_intent": box.again(session).payment_intent})
    assert (refund.status, refund.id[:4]) == ("pending", "pyr_")


def test_disputed_card_loses_the_money_and_a_fee(box: Box) -> None:
    intent = paid(box, "4000000000000259")
    before = box.stripe.v1.balance.retrieve().available[0].amount
    box.control("clock", advance_s=2)
    dispute = box.stripe.v1.disputes.list(params={"payment_intent": intent.id}).data[0]
    assert (dispute.status, dispute.reason, dispute.amount) == ("needs_response", "fraudulent", 1000)
    assert dispute.balance_transactions[0].net == -3000
    assert box.stripe.v1.balance.retrieve().available[0].amount == before - 3000
    assert charge_of(box, intent).disputed
    with pytest.raises(box.errors.InvalidRequestError) as refused:
        box.stripe.v1.refunds.create(params={"payment_intent": intent.id})
    assert refused.value.code == "charge_disputed"
    box.settle()
    assert set(box.inbox.types()) >= {"charge.dispute.created", "charge.dispute.funds_withdrawn"}


@pytest.mark.parametrize(
    ("words", "status", "event"),
    [
        ("winning_evidence", "won", "charge.dispute.funds_reinstated"),
        ("losing_evidence", "lost", "charge.dispute.closed"),
    ],
)
def test_evidence_decides_a_dispute_as_in_stripes_test_mode(box: Box, words: str, status: str, event: str) -> None:
    paid(box, "4000000000000259")
    box.control("clock", advance_s=2)
    dispute = box.stripe.v1.disputes.list().data[0]
    answered = box.stripe.v1.disputes.update(dispute.id, params={"evidence": {"uncategorized_text": words}})
    assert (answered.status, answered.evidence_details.submission_count) == ("under_review", 1)
    box.control("clock", advance_s=2)
    decided = box.stripe.v1.disputes.retrieve(dispute.id)
    assert decided.status == status
    box.settle()
    assert event in box.inbox.types()
    assert len(box.inbox.events("charge.dispute.closed")) == 1
    with pytest.raises(box.errors.InvalidRequestError):
        box.stripe.v1.disputes.close(dispute.id)


def test_saved_evidence_is_not_submitted(box: Box) -> None:
    paid(box, "4000000000002685")
    box.control("clock", advance_s=2)
    dispute = box.stripe.v1.disputes.list().data[0]
    saved = box.stripe.v1.disputes.update(dispute.id, params={"evidence": {"customer_name": "Zoë"}, "submit": False})
    assert (saved.status, saved.evidence.customer_name) == ("needs_response", "Zoë")
    assert box.stripe.v1.disputes.close(dispute.id).status == "lost"


def test_inquiry_moves_no_money_until_it_is_escalated(box: Box) -> None:
    intent = paid(box, "4000000000001976")
    box.control("clock", advance_s=2)
    inquiry = box.stripe.v1.disputes.list().data[0]
    assert (inquiry.status, inquiry.is_charge_refundable) == ("warning_needs_response", True)
    assert inquiry.balance_transactions == []
    assert box.stripe.v1.refunds.create(params={"payment_intent": intent.id, "amount": 100}).status == "succeeded"
    escalated = box.control(f"disputes/{inquiry.id}", outcome="escalated")
    assert escalated["status"] == "needs_response"
    assert len(escalated["balance_transactions"]) == 1


def test_inquiry_that_is_answered_closes_without_money(box: Box) -> None:
    paid(box, "4000000000001976")
    box.control("clock", advance_s=2)
    inquiry = box.stripe.v1.disputes.list().data[0]
    assert box.control(f"disputes/{inquiry.id}", outcome="won")["status"] == "warning_closed"


def test_two_disputes_share_one_charge(box: Box) -> None:
    paid(box, "4000000404000079")
    box.control("clock", advance_s=2)
    assert [dispute.amount for dispute in box.stripe.v1.disputes.list().data] == [500, 500]


def test_dispute_of_a_debit_is_lost_from_the_start(box: Box) -> None:
    session = box.session()
    box.debit(session, "55555559")
    box.control("clock", advance_s=65)
    dispute = box.stripe.v1.disputes.list(params={"payment_intent": box.again(session).payment_intent}).data[0]
    assert (dispute.status, dispute.payment_method_details) == ("lost", None)


def test_dispute_is_opened_by_a_control_call_for_what_is_left(box: Box) -> None:
    intent = paid(box)
    box.stripe.v1.refunds.create(params={"payment_intent": intent.id, "amount": 400})
    opened = box.control("disputes", payment_intent=intent.id, reason="product_not_received")
    assert (opened["amount"], opened["reason"]) == (600, "product_not_received")
    won = box.control(f"disputes/{opened['id']}", outcome="won")
    assert [one["amount"] for one in won["balance_transactions"]] == [-600, 600]


def test_fully_refunded_charge_is_never_disputed(box: Box) -> None:
    intent = paid(box, "4000000000000259")
    box.stripe.v1.refunds.create(params={"payment_intent": intent.id})
    box.control("clock", advance_s=2)
    assert box.stripe.v1.disputes.list().data == []


def test_fraud_warning_comes_before_any_dispute(box: Box) -> None:
    intent = paid(box, "4000000000005423")
    box.control("clock", advance_s=2)
    warning = box.stripe.v1.radar.early_fraud_warnings.list(params={"payment_intent": intent.id}).data[0]
    assert (warning.actionable, warning.charge) == (True, intent.latest_charge)
    assert box.stripe.v1.radar.early_fraud_warnings.retrieve(warning.id).id == warning.id
