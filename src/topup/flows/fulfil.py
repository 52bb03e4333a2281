"""Credits what was paid, once per payment: the one way from a fact about money to credits.

For the webhook, the return page, the reconciler and the admin alike. Payments are locked, each fact is decided on the
present state, and lot, transfer, entry, balance, payment status and mail are written in the caller's transaction. A
payment that stands COMPLETED is never credited again, whatever arrives (faults 1-5); quantities come from the
snapshot.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from topup import errors
from topup.core import mails
from topup.core import payments as states
from topup.core.payments import Fact
from topup.db import contacts, outbox, payments, sql
from topup.ledger import commands, journal


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
    positions = {payment.id: _position(payment) for payment in found}
    decided: dict[UUID, _Decided] = {}
    outcomes: list[Outcome] = []
    for fact in facts:
        payment = _match(found, fact)
        if payment is None:
            outcomes.append(Outcome("unknown_payment"))
            continue
        decision = states.decide(positions[payment.id], fact)
        positions[payment.id] = states.after(positions[payment.id], fact, decision)
        if decision.status is not None:
            decided[payment.id] = _Decided(payment, positions[payment.id], fact, decision)
        outcomes.append(Outcome(_word(decision), payment.id))
    if decided:
        await _write(conn, list(decided.values()))
    return outcomes


async def _lock(conn: sql.Connection, facts: Sequence[Fact]) -> list[payments.Payment]:
    ids = await payments.ids_by_stripe(
        conn,
        payment_ids={fact.payment_id for fact in facts if fact.payment_id},
        session_ids={fact.session_id for fact in facts if fact.session_id},
        intent_ids={fact.intent_id for fact in facts if fact.intent_id},
        invoice_ids={fact.invoice_id for fact in facts if fact.invoice_id},
    )
    return await payments.lock_many(conn, ids) if ids else []


def _match(found: Sequence[payments.Payment], fact: Fact) -> payments.Payment | None:
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


def _position(payment: payments.Payment) -> states.Position:
    return states.Position(
        channel=payment.channel,
        status=payment.status,
        price_minor=payment.price_minor,
        currency=payment.currency,
        is_live=payment.is_live,
        session_id=payment.stripe_session_id,
        intent_id=payment.stripe_intent_id,
        invoice_id=payment.stripe_invoice_id,
    )


def _word(decision: states.Decision) -> str:
    if decision.is_credit_due:
        return "credited"
    if decision.status == "REVIEW":
        return "review"
    return "unchanged" if decision.status is None else "changed"


async def _write(conn: sql.Connection, decided: Sequence[_Decided]) -> None:
    due = [one for one in decided if one.decision.is_credit_due]
    credited_at = await _credit(conn, due) if due else {}
    await payments.change_many(conn, [_change(one, credited_at.get(one.payment.id)) for one in decided])
    people = await contacts.of_users(conn, {one.payment.user_id for one in decided if one.payment.user_id})
    messages = (_mail(one, people, credited_at.get(one.payment.id)) for one in decided)
    await outbox.put_many(conn, [message for message in messages if message is not None])
    for one in decided:
        if one.decision.review_reason is not None:
            await _tell_admins(conn, one)


async def _credit(conn: sql.Connection, due: Sequence[_Decided]) -> dict[UUID, datetime]:
    """Post the purchases; when each payment was credited."""
    asked = [
        commands.Credit(
            account_id=one.payment.account_id,
            credits=one.payment.credits,
            kind="PURCHASE",
            cause=commands.Cause("payment", str(one.payment.id)),
            actor="stripe",
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


def _mail(one: _Decided, people: dict[UUID, contacts.Contact], credited_at: datetime | None) -> outbox.Message | None:
    """The receipt, or the word that a debit failed; nothing for other changes."""
    payment = one.payment
    person = people.get(payment.user_id) if payment.user_id else None
    if person is None or one.decision.status not in ("COMPLETED", "FAILED"):
        return None
    details = {
        "firstName": person.first_name,
        "packageName": payment.package_name,
        "credits": payment.credits,
        "unit": payment.unit,
        "priceMinor": payment.price_minor,
        "currency": payment.currency,
        "paymentId": str(payment.id),
        "reference": str(payment.id),
    }
    if credited_at is None:
        return outbox.Message(mails.PAYMENT_FAILED, str(payment.id), person.email, details)
    return outbox.Message(mails.RECEIPT, str(payment.id), person.email, {**details, "paidAt": credited_at.isoformat()})


async def _tell_admins(conn: sql.Connection, one: _Decided) -> None:
    details = {
        "paymentId": str(one.payment.id),
        "reason": one.decision.review_reason,
        "packageName": one.payment.package_name,
        "priceMinor": one.payment.price_minor,
        "currency": one.payment.currency,
        "paidMinor": one.fact.paid_minor,
    }
    await outbox.put_for_admins(conn, kind=mails.REVIEW_ALERT, cause=str(one.payment.id), details=details)
