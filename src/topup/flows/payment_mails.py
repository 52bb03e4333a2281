"""Writes the mails that a payment's outcome calls for into the outbox: receipts, failed debits, alerts to admins.

In the caller's transaction, so that a mail is as sure as what it tells. An institution's receipt goes to whoever bought
and to its billing address, and names the invoice. Called by topup.flows.fulfil; who hears of a payment is also asked
by money_back_mails.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from topup.core import mails
from topup.db import contacts, invoices, outbox, sql
from topup.db.payments import Payment


@dataclass(frozen=True, slots=True)
class News:
    """What became of a payment: paid at a time, or its debit failed (None)."""

    payment: Payment
    paid_at: datetime | None


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody who hears of a payment. `part` tells their mail's cause from that of the other one who hears of it.

    `institution_name` is whose payment it is, where it is an institution's.
    """

    email: str
    first_name: str
    part: str
    institution_name: str | None


async def put(conn: sql.Connection, news: Sequence[News]) -> None:
    """Write one mail to each person concerned."""
    concerned = await recipients(conn, [one.payment for one in news])
    by_institutions = [one.payment.id for one in news if one.payment.institution_id]
    numbers = await invoices.numbers(conn, by_institutions) if by_institutions else {}
    messages = [
        _message(one, recipient, numbers.get(one.payment.id)) for one in news for recipient in concerned[one.payment.id]
    ]
    await outbox.send_many(conn, messages)


async def recipients(conn: sql.Connection, found: Sequence[Payment]) -> dict[UUID, list[Recipient]]:
    """Who hears of each payment: whoever bought and, where it is another address, the institution's billing."""
    people = await contacts.of_users(conn, {one.user_id for one in found if one.user_id})
    institution_ids = {one.institution_id for one in found if one.institution_id}
    billing = await contacts.of_institutions(conn, institution_ids) if institution_ids else {}
    concerned: dict[UUID, list[Recipient]] = {}
    for one in found:
        person = people.get(one.user_id) if one.user_id else None
        billed = billing.get(one.institution_id) if one.institution_id else None
        name = None if billed is None else billed.name
        heard = concerned[one.id] = [Recipient(person.email, person.first_name, "", name)] if person is not None else []
        if billed is not None and (person is None or billed.email.casefold() != person.email.casefold()):
            heard.append(Recipient(billed.email, "", ":billing", name))
    return concerned


def bought(payment: Payment) -> dict[str, Any]:
    """What mails about a payment say of what was bought."""
    return {
        "packageName": payment.package_name,
        "credits": payment.credits,
        "unit": payment.unit,
        "priceMinor": payment.price_minor,
        "currency": payment.currency,
        "paymentId": str(payment.id),
        "reference": str(payment.id),
    }


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


def _message(one: News, to: Recipient, invoice_number: str | None) -> outbox.Message:
    cause = f"{one.payment.id}{to.part}"
    details = {"firstName": to.first_name, **bought(one.payment)}
    if to.institution_name is not None:
        details |= {
            "institutionId": str(one.payment.institution_id),
            "institutionName": to.institution_name,
            "invoiceNumber": invoice_number,
        }
    if one.paid_at is None:
        return outbox.Message(mails.PAYMENT_FAILED, cause, to.email, details)
    paid = {**details, "priceMinor": one.payment.paid_for_minor, "paidAt": one.paid_at.isoformat()}
    return outbox.Message(mails.RECEIPT, cause, to.email, paid)
