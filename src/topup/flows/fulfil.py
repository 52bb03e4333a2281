"""Credits what was paid, once per payment: the one way from a fact about money to credits.

For the webhook, the return page, the reconciler and the admin alike. Payments are locked, each fact is decided on the
present state, and lot, transfer, entry, balance, payment status and mail are written in the caller's transaction. A
payment that stands COMPLETED is never credited again, whatever arrives (faults 1-5); quantities come from the
snapshot.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import cast
from uuid import UUID

from topup import errors
from topup.core import payments as states
from topup.core.payments import Fact, Told
from topup.db import invoices, ledger, money_back, payments, sql
from topup.flows import payment_mails
from topup.ledger import commands, journal

INVOICE_WORDS = {Told.PAID: "paid", Told.CANCELED: "void", Told.WRITTEN_OFF: "uncollectible"}
UNPAID_GRANT = "An invoice whose sessions were granted when it was issued will not be paid; the pool still has them"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a fact did: "credited", "changed", "review", "unchanged", or "unknown_payment" when it is not ours."""

    word: str
    payment_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class _Decided:
    payment: payments.Payment
    position: states.Position
    fact: Fact
    decision: states.Decision


async def apply(conn: sql.Connection, facts: Sequence[Fact]) -> list[Outcome]:
    """Apply facts in their order, all in the caller's transaction; the outcomes in the same order."""
    found = await _lock(conn, facts)
    positions = {payment.id: position(payment) for payment in found}
    decided: dict[UUID, _Decided] = {}
    outcomes: list[Outcome] = []
    for fact in facts:
        payment = match(found, fact)
        if payment is None:
            outcomes.append(Outcome("unknown_payment"))
            continue
        decision = states.decide(positions[payment.id], fact)
        positions[payment.id] = states.after(positions[payment.id], fact, decision)
        one = _Decided(payment, positions[payment.id], fact, decision)
        if decision.status is not None:
            decided[payment.id] = _joined(decided.get(payment.id), one)
        elif decision.review_reason is not None:
            await _alert(conn, one, cause=f"{payment.id}:{fact.intent_id or fact.session_id or fact.invoice_id}")
        outcomes.append(Outcome(word(decision), payment.id))
    if decided:
        await _write(conn, list(decided.values()))
    await _tell_invoices(conn, found, facts)
    return outcomes


def _joined(before: _Decided | None, one: _Decided) -> _Decided:
    """Two facts of one batch that each changed a payment: the later status, and the credits that the first made due."""
    if before is None or not before.decision.is_credit_due:
        return one
    return replace(one, decision=replace(one.decision, is_credit_due=True))


async def complete(conn: sql.Connection, payment: payments.Payment, *, actor: str) -> None:
    """Credit a locked payment because an admin found it right, whatever did not agree about its money."""
    fact = Fact(
        Told.PAID, source=cast("states.Channel", payment.channel), is_live=payment.is_live, payment_id=payment.id
    )
    decision = states.Decision("COMPLETED", is_credit_due=True, is_money_in=True)
    await _write(conn, [_Decided(payment, position(payment), fact, decision)], actor=actor)


async def _lock(conn: sql.Connection, facts: Sequence[Fact]) -> list[payments.Payment]:
    ids = await payments.ids_by_stripe(
        conn,
        payment_ids={fact.payment_id for fact in facts if fact.payment_id},
        session_ids={fact.session_id for fact in facts if fact.session_id},
        intent_ids={fact.intent_id for fact in facts if fact.intent_id},
        invoice_ids={fact.invoice_id for fact in facts if fact.invoice_id},
    )
    return await payments.lock_many(conn, ids) if ids else []


def match(found: Sequence[payments.Payment], fact: Fact) -> payments.Payment | None:
    """The payment a fact is about: by the ids we stored, else by the hint in its metadata."""
    by_stored_id = (
        payment
        for payment in found
        if (fact.session_id and payment.stripe_session_id == fact.session_id)
        or (fact.intent_id and payment.stripe_intent_id == fact.intent_id)
        or (fact.invoice_id and payment.stripe_invoice_id == fact.invoice_id)
    )
    by_hint = (payment for payment in found if payment.id == fact.payment_id)
    return next(by_stored_id, None) or next(by_hint, None)


def position(payment: payments.Payment) -> states.Position:
    """Where a payment stands, as decisions see it."""
    return states.Position(
        channel=payment.channel,
        status=payment.status,
        price_minor=payment.price_minor,
        currency=payment.currency,
        is_live=payment.is_live,
        session_id=payment.stripe_session_id,
        intent_id=payment.stripe_intent_id,
        invoice_id=payment.stripe_invoice_id,
        is_paid=payment.paid_minor is not None,
        is_given_up=payment.status == "FAILED" and payment.review_reason is not None,
    )


def word(decision: states.Decision) -> str:
    """What a decision does, in one word."""
    if decision.is_credit_due:
        return "credited"
    if decision.review_reason is not None:
        return "review"
    return "unchanged" if decision.status is None else "changed"


async def _write(conn: sql.Connection, decided: Sequence[_Decided], *, actor: str = "stripe") -> None:
    due = [one for one in decided if one.decision.is_credit_due]
    credited_at = await _credit(conn, due, actor) if due else {}
    await payments.change_many(conn, [_change(one, credited_at.get(one.payment.id)) for one in decided])
    by_card = [one.payment.id for one in due if one.payment.institution_id and one.payment.channel == "PAYMENT_INTENT"]
    await invoices.number_paid(conn, sorted(by_card))
    looked_at = [one.payment.id for one in due if one.payment.clawback_rev]
    if looked_at:
        # Money went back before the credits came (faults 5): now there is something to take.
        await money_back.mark(conn, looked_at)
    await _mail(conn, decided, credited_at)
    for one in decided:
        if one.decision.review_reason is not None:
            await _alert(conn, one, cause=str(one.payment.id))


async def _alert(conn: sql.Connection, one: _Decided, *, cause: str) -> None:
    reason, paid_minor = one.decision.review_reason, one.fact.paid_minor
    await payment_mails.alert(conn, one.payment, cause=cause, reason=reason, paid_minor=paid_minor)


async def _mail(conn: sql.Connection, decided: Sequence[_Decided], credited_at: dict[UUID, datetime]) -> None:
    """Receipts for money that came in, and the word that a debit failed; nothing for other changes."""
    paid = [one.payment for one in decided if one.decision.is_money_in]
    is_granted_before = any(payment.id not in credited_at for payment in paid)
    now = await ledger.now(conn) if is_granted_before else None
    news = [payment_mails.News(payment, credited_at.get(payment.id, now)) for payment in paid]
    news += [payment_mails.News(one.payment, None) for one in decided if one.decision.status == "FAILED"]
    if news:
        await payment_mails.put(conn, news)


async def _tell_invoices(conn: sql.Connection, found: Sequence[payments.Payment], facts: Sequence[Fact]) -> None:
    """Keep what became of Stripe's invoices, whatever it means for their payments."""
    told = {fact.invoice_id: fact.told for fact in facts if fact.invoice_id and fact.told in INVOICE_WORDS}
    ours = {one.stripe_invoice_id: one for one in found if one.stripe_invoice_id in told}
    await invoices.tell(conn, [(invoice_id, INVOICE_WORDS[told[invoice_id]]) for invoice_id in sorted(ours)])
    for invoice_id, payment in ours.items():
        if told[invoice_id] is not Told.PAID and payment.status == "COMPLETED" and payment.paid_minor is None:
            await payment_mails.alert(conn, payment, cause=str(payment.id), reason=UNPAID_GRANT, paid_minor=None)


async def _credit(conn: sql.Connection, due: Sequence[_Decided], actor: str) -> dict[UUID, datetime]:
    """Post the purchases; when each payment was credited."""
    asked = [
        commands.Credit(
            account_id=one.payment.account_id,
            credits=one.payment.credits,
            kind="PURCHASE",
            cause=commands.Cause("payment", str(one.payment.id)),
            actor=actor,
            valid_days=one.payment.valid_days,
            payment_id=one.payment.id,
            text=commands.Text(one.payment.package_name),
        )
        for one in due
    ]
    credited_at = {}
    for one, outcome in zip(due, await journal.post(conn, asked), strict=True):
        if isinstance(outcome, commands.Denied):
            raise errors.Broken(f"The ledger refused payment {one.payment.id}: {outcome.code}.")
        credited_at[one.payment.id] = outcome.entries[0].recorded_at
    return credited_at


def _change(one: _Decided, credited_at: datetime | None) -> payments.Change:
    status = one.decision.status
    if status is None:
        raise errors.Broken(f"Payment {one.payment.id} was to be changed without a status.")
    return payments.Change(
        payment_id=one.payment.id,
        status=status,
        review_reason=one.decision.review_reason,
        stripe_session_id=one.position.session_id,
        stripe_intent_id=one.position.intent_id,
        stripe_invoice_id=one.position.invoice_id,
        stripe_customer_id=one.fact.customer_id,
        paid_minor=one.fact.paid_minor,
        completed_at=credited_at,
    )
