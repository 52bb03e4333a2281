"""Writes the mails that a payment's outcome calls for into the outbox: receipts, failed debits, alerts to admins.

In the caller's transaction, so that a mail is as sure as what it tells. An institution's receipt goes to whoever bought
and to its billing address. Called by topup.flows.fulfil.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from topup.core import mails
from topup.db import contacts, outbox, sql
from topup.db.payments import Payment


@dataclass(frozen=True, slots=True)
class News:
    """What became of a payment: paid at a time, or its debit failed (None)."""

    payment: Payment
    paid_at: datetime | None


async def put(conn: sql.Connection, news: Sequence[News]) -> None:
    """Write one mail to each person concerned."""
    people = await contacts.of_users(conn, {one.payment.user_id for one in news if one.payment.user_id})
    institution_ids = {one.payment.institution_id for one in news if one.payment.institution_id}
    billing = await contacts.of_institutions(conn, institution_ids) if institution_ids else {}
    messages: list[outbox.Message] = []
    for one in news:
        person = people.get(one.payment.user_id) if one.payment.user_id else None
        address = billing.get(one.payment.institution_id) if one.payment.institution_id else None
        if person is not None:
            messages.append(_message(one, person.email, person.first_name, cause=str(one.payment.id)))
        if address is not None and (person is None or address.casefold() != person.email.casefold()):
            messages.append(_message(one, address, "", cause=f"{one.payment.id}:billing"))
    await outbox.send_many(conn, messages)


async def alert(
    conn: sql.Connection, payment: Payment, *, cause: str, reason: str | None, paid_minor: int | None
) -> None:
    """Tell the admins that a person must look at a payment, once for each cause."""
    details = {
        "paymentId": str(payment.id),
        "reason": reason,
        "packageName": payment.package_name,
        "priceMinor": payment.price_minor,
        "currency": payment.currency,
        "paidMinor": paid_minor,
    }
    await outbox.put_for_admins(conn, kind=mails.REVIEW_ALERT, cause=cause, details=details)


def _message(one: News, recipient: str, first_name: str, *, cause: str) -> outbox.Message:
    payment = one.payment
    details: dict[str, Any] = {
        "firstName": first_name,
        "packageName": payment.package_name,
        "credits": payment.credits,
        "unit": payment.unit,
        "priceMinor": payment.price_minor,
        "currency": payment.currency,
        "paymentId": str(payment.id),
        "reference": str(payment.id),
    }
    if one.paid_at is None:
        return outbox.Message(mails.PAYMENT_FAILED, cause, recipient, details)
    paid = {**details, "priceMinor": payment.paid_for_minor, "paidAt": one.paid_at.isoformat()}
    return outbox.Message(mails.RECEIPT, cause, recipient, paid)
