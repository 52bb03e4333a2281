"""Reads at Stripe all that has become of a payment's money: what was charged, every refund, every dispute.

Lists, never an event's body: events come late, twice and out of order, and hold one refund where there may be three.
Asks Stripe, so it is never called inside a transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from topup.db.disputes import Dispute
from topup.db.payments import Payment
from topup.db.refunds import Told as ToldRefund
from topup.gateway import protocol, refunds


@dataclass(frozen=True, slots=True)
class Told:
    """What Stripe said at one moment; the rows are as they are to be written."""

    charged_minor: int
    refunds: Sequence[ToldRefund]
    disputes: Sequence[Dispute]


async def read(stripe: protocol.Stripe, payment: Payment) -> Told:
    """Everything about a payment, over all intents that paid it (an invoice may have several)."""
    charged_minor, made, disputed = 0, list[ToldRefund](), list[Dispute]()
    for intent_id in await intents(stripe, payment):
        charged_minor += (await stripe.retrieve_charged(intent_id)).received_minor
        made += [told_refund(one, intent_id) for one in await stripe.list_refunds(intent_id)]
        disputed += [_told_dispute(one) for one in await stripe.list_disputes(intent_id)]
    return Told(charged_minor, made, disputed)


async def intents(stripe: protocol.Stripe, payment: Payment) -> list[str]:
    """The intents by which a payment was or can be paid."""
    known = [payment.stripe_intent_id] if payment.stripe_intent_id else []
    if payment.stripe_invoice_id is None:
        return known
    return sorted({*known, *await stripe.list_intents_of_invoice(payment.stripe_invoice_id)})


def told_refund(one: refunds.Refund, intent_id: str) -> ToldRefund:
    """A refund as it is written."""
    return ToldRefund(
        id=one.refund_id,
        stripe_refund_id=one.id,
        stripe_intent_id=intent_id,
        amount_minor=one.amount_minor,
        currency=one.currency,
        status=one.status,
        reason=one.reason,
        failure=one.failure,
        created_at=one.created_at,
    )


def _told_dispute(one: refunds.Dispute) -> Dispute:
    return Dispute(
        stripe_dispute_id=one.id,
        amount_minor=one.amount_minor,
        currency=one.currency,
        status=one.status,
        reason=one.reason,
        withdrawn_minor=one.withdrawn_minor,
        reinstated_minor=one.reinstated_minor,
        answer_by=one.answer_by,
        opened_at=one.opened_at,
    )
