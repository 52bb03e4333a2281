"""Disputes as rows, by Stripe's id, as they were last listed. What they mean is decided in topup.core.money_back.

Written under the payment's lock, by topup.flows.level_credits.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from topup.db import sql


@dataclass(frozen=True, slots=True)
class Dispute:
    """One dispute. Its status is Stripe's word; withdrawn and reinstated are the funds that moved, both positive."""

    stripe_dispute_id: str
    amount_minor: int
    currency: str
    status: str
    reason: str | None
    withdrawn_minor: int
    reinstated_minor: int
    answer_by: datetime | None
    opened_at: datetime


OF_PAYMENT = """
    SELECT stripe_dispute_id, amount_minor, currency, status, reason, withdrawn_minor, reinstated_minor, answer_by,
           opened_at
    FROM disputes WHERE payment_id = %s ORDER BY opened_at, stripe_dispute_id
"""


async def of_payment(conn: sql.Connection, payment_id: UUID) -> list[Dispute]:
    """All disputes of a payment, oldest first."""
    return await sql.rows(conn, Dispute, OF_PAYMENT, [payment_id])


UPSERT = """
    INSERT INTO disputes (stripe_dispute_id, payment_id, amount_minor, currency, status, reason, withdrawn_minor,
                          reinstated_minor, answer_by, opened_at)
    VALUES (%(stripe_dispute_id)s, %(payment_id)s, %(amount_minor)s, %(currency)s, %(status)s, %(reason)s,
            %(withdrawn_minor)s, %(reinstated_minor)s, %(answer_by)s, %(opened_at)s)
    ON CONFLICT (stripe_dispute_id) DO UPDATE SET
        amount_minor = excluded.amount_minor, status = excluded.status, reason = excluded.reason,
        withdrawn_minor = excluded.withdrawn_minor, reinstated_minor = excluded.reinstated_minor,
        answer_by = excluded.answer_by
    WHERE disputes.payment_id = excluded.payment_id
"""


async def keep(conn: sql.Connection, payment_id: UUID, told: Sequence[Dispute]) -> None:
    """Write what Stripe lists, over what was known of the same disputes."""
    for one in told:
        await sql.run(conn, UPSERT, {**asdict(one), "payment_id": payment_id})


@dataclass(frozen=True, slots=True)
class Waiting:
    """A dispute or an inquiry that Stripe waits for an answer to, until `answer_by`."""

    payment_id: UUID
    package_name: str
    amount_minor: int
    currency: str
    reason: str | None
    answer_by: datetime | None
    buyer: str | None


WAITING = """
    SELECT d.payment_id, p.package_name, d.amount_minor, d.currency, d.reason, d.answer_by,
        coalesce(i.name, u.email) AS buyer
    FROM disputes d JOIN payments p ON p.id = d.payment_id
    LEFT JOIN institutions i ON i.id = p.institution_id LEFT JOIN users u ON u.id = p.user_id
    WHERE d.status LIKE '%%needs_response' ORDER BY d.answer_by NULLS LAST, d.opened_at LIMIT %s
"""


async def waiting(conn: sql.Connection, *, limit: int) -> list[Waiting]:
    """What has to be answered at Stripe, the most urgent first."""
    return await sql.rows(conn, Waiting, WAITING, [limit])
