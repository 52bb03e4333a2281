"""Gives money back because somebody here asks for it: a quote first, then a row, then Stripe.

The row is written under the payment's lock, and the credits are taken in the same transaction: from then on the buyer
cannot spend what is paid back. Stripe is asked after the commit, under a key made from the row, so that one row is one
refund whatever breaks off; what Stripe will not do is undone, and what nobody knows is asked again (`finish_refunds`).
Two who ask at once share what is left of the charge (faults 45, 49).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import psycopg_pool
import structlog

from topup import errors
from topup.core import ids, refund_quotes
from topup.core.money_back import Purchase, Taken
from topup.core.refund_quotes import Case, Quote
from topup.db import connections, ledger, money_back, payments, refunds, sql
from topup.db.payments import Payment
from topup.db.refunds import Refund
from topup.flows import level_credits, read_charge, settle
from topup.gateway import protocol
from topup.gateway.refunds import NewRefund

Pool = psycopg_pool.AsyncConnectionPool
log = structlog.get_logger()

# Stripe keeps idempotency keys for at least a day.
KEY_LIVES = timedelta(hours=23)


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: a buyer for a payment of their own, or (without a user) an admin for any."""

    actor: str
    buyer_id: UUID | None


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for; no amount means all that can go back. `request_key` names the idempotency key."""

    asker: Asker
    payment_id: UUID
    amount_minor: int | None
    reason: str
    request_key: bytes


async def quote(pool: Pool, asker: Asker, payment_id: UUID) -> Quote:
    """How much can go back now, for this asker. NotFound when the payment is not theirs."""
    async with pool.connection() as conn:
        payment = await _find(conn, asker, payment_id)
        await settle.up_to_now(conn, [payment.account_id])
        return _quote(asker, await _case(conn, payment))


async def give(pool: Pool, stripe: protocol.Stripe, order: Order) -> Refund:
    """Refund, or find what the same request did before. It may still be "requested": then Stripe's word will follow.

    Raises Conflict where it is more than can go back (`not_refundable`, `amount_not_refundable`) or Stripe will not
    (`already_refunded`, `payment_disputed`, `funds_missing`, `refund_refused`); nothing has changed then. One that was
    asked for a day ago is left to `finish_refunds`, which looks at Stripe first: under its old key it might be made
    twice.
    """
    async with pool.connection() as conn:
        payment = await _find(conn, order.asker, order.payment_id)
        now = await ledger.now(conn)
        refund = await refunds.find_by_request(conn, order.request_key)
        if refund is not None:
            # Stripe is asked only for what a fail-over does not forget: else the next one would be another refund.
            await connections.confirm(conn)
    if refund is None:
        paid_by = await read_charge.intents(stripe, payment)
        refund = await _write(pool, order, paid_by)
    _ensure_same(refund, order)
    is_due = refund.status == "requested" and is_key_remembered(refund, now)
    return await ask(pool, stripe, refund) if is_due else refund


def is_key_remembered(refund: Refund, now: datetime) -> bool:
    """Whether Stripe still knows the key of a refund that it may have been asked for."""
    return now - refund.created_at < KEY_LIVES


async def ask(pool: Pool, stripe: protocol.Stripe, refund: Refund) -> Refund:
    """Ask Stripe for a refund that is written here, and write what it says."""
    new = NewRefund(refund.id, refund.payment_id, refund.stripe_intent_id, refund.amount_minor)
    try:
        told = await stripe.create_refund(new, key=f"refund:{refund.id}")
    except errors.Conflict as refusal:
        await refuse(pool, refund, refusal.detail)
        raise
    except errors.GatewayError as fault:
        log.warning("refund_not_answered", refund_id=str(refund.id), code=fault.code)
        if fault.is_retryable or not fault.is_outcome_known or fault.code == "idempotency_mismatch":
            return refund
        await refuse(pool, refund, fault.detail)
        raise
    async with pool.connection() as conn:
        [payment] = await payments.lock_many(conn, [refund.payment_id])
        found = await refunds.find(conn, refund.id)
        if found is not None and found.status != "requested":
            return found  # A worker has read Stripe since, and knows more than this answer.
        charge = level_credits.charged_minor(payment)
        known = read_charge.Told(charge, [read_charge.told_refund(told, refund.stripe_intent_id)], [])
        await level_credits.level(conn, payment, known)
        return await refunds.find(conn, refund.id) or refund


async def refuse(pool: Pool, refund: Refund, why: str) -> None:
    """A refund that will not happen: the credits come back."""
    async with pool.connection() as conn:
        [payment] = await payments.lock_many(conn, [refund.payment_id])
        if await refunds.refuse(conn, refund.id, failure=why):
            await level_credits.level(conn, payment, None, actor="topup")


async def _find(conn: sql.Connection, asker: Asker, payment_id: UUID) -> Payment:
    if asker.buyer_id is None:
        payment = await payments.find(conn, payment_id)
    else:
        payment = await payments.find_own(conn, payment_id, user_id=asker.buyer_id)
    if payment is None:
        raise errors.NotFound
    return payment


async def _write(pool: Pool, order: Order, paid_by: list[str]) -> Refund:
    """Decide under the locks of the payment and its account, write the row, and take the credits."""
    async with pool.connection() as conn:
        [payment] = await payments.lock_many(conn, [order.payment_id])
        known = await refunds.find_by_request(conn, order.request_key)
        if known is not None:
            return known
        await ledger.lock(conn, [payment.account_id])
        await settle.up_to_now(conn, [payment.account_id])
        case = await _case(conn, payment)
        request = refunds.Request(
            id=ids.new(),
            payment_id=payment.id,
            stripe_intent_id=_intent(paid_by),
            amount_minor=_amount(order, case),
            currency=payment.currency,
            reason=order.reason,
            asked_by=order.asker.actor,
            request_key=order.request_key,
        )
        if await refunds.insert(conn, request):
            await level_credits.level(conn, payment, None, actor=order.asker.actor)
        found = await refunds.find_by_request(conn, order.request_key)
    if found is None:
        raise errors.Broken("A refund that was just written is not there.")
    return found


def _ensure_same(found: Refund, order: Order) -> None:
    """The same key must ask for the same thing."""
    is_same_sum = order.amount_minor is None or found.amount_minor == order.amount_minor
    if found.payment_id != order.payment_id or found.reason != order.reason or not is_same_sum:
        raise errors.Invalid("This Idempotency-Key was used for another request.", code="idempotency_key_reused")
    if found.status == "refused":
        raise errors.Conflict(found.failure or "Stripe did not take this refund.", code="refund_refused")


def _intent(paid_by: list[str]) -> str:
    if len(paid_by) != 1:
        sentence = "This payment was not made in one piece, so it is refunded in Stripe's dashboard."
        raise errors.Conflict(sentence, code="refund_at_stripe")
    return paid_by[0]


def _amount(order: Order, case: Case) -> int:
    found = _quote(order.asker, case)
    if not found.is_refundable:
        raise errors.Conflict(found.reason or "Nothing can go back.", code="not_refundable")
    if order.amount_minor is None:
        return found.amount_minor
    if not 1 <= order.amount_minor <= found.amount_minor:
        why = f" {found.reason}" if found.reason else ""
        sentence = f"At most {found.amount_minor} (minor units) can go back now.{why}"
        raise errors.Conflict(sentence, code="amount_not_refundable")
    whole_minor = refund_quotes.whole_credits_minor(case, order.amount_minor)
    if order.asker.buyer_id is not None and whole_minor != order.amount_minor:
        sentence = f"Only whole {case.unit}s can go back: ask for {whole_minor} (minor units), or for more."
        raise errors.Conflict(sentence, code="amount_not_refundable")
    return order.amount_minor


def _quote(asker: Asker, case: Case) -> Quote:
    return refund_quotes.for_admin(case) if asker.buyer_id is None else refund_quotes.for_buyer(case)


async def _case(conn: sql.Connection, payment: Payment) -> Case:
    stock = await money_back.stock(conn, payment.id, payment.account_id)
    return Case(
        purchase=Purchase(level_credits.charged_minor(payment), payment.credits),
        money=(await level_credits.standing(conn, payment)).money,
        taken=Taken(payment.credits_taken_back, payment.credits_expired_instead),
        unspent=stock.unspent,
        expired=stock.expired,
        is_complete=payment.status == "COMPLETED",
        completed_at=payment.completed_at,
        refund_days=payment.refund_days,
        now=await ledger.now(conn),
        unit=payment.unit,
    )
