"""Writes the mails that refunds and disputes call for: to whoever bought, an institution's billing address, admins.

In the caller's transaction and once for each look that found news, so that a mail is as sure as what it tells. Called
by topup.flows.level_credits.
"""

from dataclasses import dataclass
from typing import Any

from topup.core import mails
from topup.db import accounts, outbox, sql
from topup.db.payments import Payment
from topup.flows import payment_mails


@dataclass(frozen=True, slots=True)
class Sums:
    """The money of a payment as its owner was or will be told of it: back for certain, in question, lost."""

    refunded_minor: int
    open_minor: int
    lost_minor: int


def news(before: Sums, after: Sums) -> list[tuple[str, int]]:
    """What happened between two looks, each with its sum. A dispute that is told and lost at once is told as lost."""
    happened: list[tuple[str, int]] = []
    refunded_minor = after.refunded_minor - before.refunded_minor
    lost_minor = after.lost_minor - before.lost_minor
    if refunded_minor:
        happened.append(("refunded" if refunded_minor > 0 else "refund_failed", abs(refunded_minor)))
    if lost_minor:
        happened.append(("dispute_lost" if lost_minor > 0 else "dispute_won", abs(lost_minor)))
    opened_minor = after.open_minor - before.open_minor
    if opened_minor > 0:
        happened.append(("disputed", opened_minor))
    elif (settled_minor := -opened_minor - max(0, lost_minor)) > 0:
        happened.append(("dispute_won", settled_minor))
    return happened


async def put(conn: sql.Connection, payment: Payment, before: Sums, after: Sums, taken_back: int) -> None:
    """Write what happened, if anything did. `taken_back` is what is taken of the payment's credits by now."""
    happened = news(before, after)
    if not happened:
        return
    account = await accounts.find(conn, payment.account_id)
    concerned = (await payment_mails.recipients(conn, [payment]))[payment.id]
    messages: list[outbox.Message] = []
    for what, amount_minor in happened:
        cause = f"{payment.id}:{payment.clawback_rev + 1}:{what}"
        details: dict[str, Any] = {
            "happened": what,
            "amountMinor": amount_minor,
            **payment_mails.bought(payment),
            "takenBack": taken_back,
            "held": account.held if account else 0,
            "debt": account.debt if account else 0,
        }
        for to in concerned:
            words = {**details, "firstName": to.first_name}
            messages.append(outbox.Message(mails.MONEY_BACK, cause + to.part, to.email, words))
        await outbox.put_for_admins(conn, kind=mails.MONEY_BACK_ALERT, cause=cause, details=details)
    await outbox.put_many(conn, messages)
