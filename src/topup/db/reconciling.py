"""Our side of a comparison with Stripe: payments by Stripe's ids, those still in motion, those that are completed.

Read in pages by id, without locks; whatever is then changed is locked and decided anew by topup.flows.fulfil.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from topup.db import payments, sql
from topup.db.payments import COLUMNS, Payment

OF_IDS = "SELECT" + COLUMNS + "FROM payments WHERE id = ANY(%s::uuid[]) ORDER BY id"


async def named(
    conn: sql.Connection,
    *,
    payment_ids: Collection[UUID] = (),
    session_ids: Collection[str] = (),
    intent_ids: Collection[str] = (),
    invoice_ids: Collection[str] = (),
) -> list[Payment]:
    """The payments that any of these names."""
    found = await payments.ids_by_stripe(
        conn, payment_ids=payment_ids, session_ids=session_ids, intent_ids=intent_ids, invoice_ids=invoice_ids
    )
    return await sql.rows(conn, Payment, OF_IDS, [found]) if found else []


IN_MOTION = (
    "SELECT" + COLUMNS + "FROM payments WHERE status IN ('PENDING', 'PROCESSING') AND id > %(after_id)s"
    " AND (status = 'PROCESSING'"
    "  OR channel = 'CHECKOUT'"
    "     AND coalesce(expires_at, created_at + interval '1 day') < (SELECT topup_now()) - interval '1 hour'"
    "  OR channel = 'INVOICE' AND stripe_invoice_id IS NOT NULL AND created_at < %(listed_since)s)"
    " ORDER BY id LIMIT %(limit)s"
)


async def in_motion(conn: sql.Connection, *, listed_since: datetime, after_id: UUID, limit: int) -> list[Payment]:
    """Debits on their way, checkouts an hour past their end, and open invoices too old to have been listed."""
    return await sql.rows(conn, Payment, IN_MOTION, _page(after_id, limit, listed_since))


ON_TRUST = (
    "SELECT" + COLUMNS + "FROM payments WHERE status = 'COMPLETED' AND paid_minor IS NULL AND id > %(after_id)s"
    " AND channel = 'INVOICE' AND stripe_invoice_id IS NOT NULL AND created_at < %(listed_since)s"
    " ORDER BY id LIMIT %(limit)s"
)


async def on_trust(conn: sql.Connection, *, listed_since: datetime, after_id: UUID, limit: int) -> list[Payment]:
    """Invoices granted at issue, unpaid, and too old to have been listed."""
    return await sql.rows(conn, Payment, ON_TRUST, _page(after_id, limit, listed_since))


COMPLETED = (
    "SELECT" + COLUMNS + "FROM payments WHERE status = 'COMPLETED' AND paid_minor IS NOT NULL"
    " AND created_at >= %(since)s AND (%(until)s::timestamptz IS NULL OR created_at < %(until)s)"
    " AND (created_at, id) > (%(after_at)s, %(after_id)s) ORDER BY created_at, id LIMIT %(limit)s"
)


async def completed(
    conn: sql.Connection, *, since: datetime, until: datetime | None, after: Payment | None, limit: int
) -> list[Payment]:
    """Payments made in a span whose money came in, oldest first, after the one named."""
    parameters = {
        "since": since,
        "until": until,
        "after_at": since if after is None else after.created_at,
        "after_id": UUID(int=0) if after is None else after.id,
        "limit": limit,
    }
    return await sql.rows(conn, Payment, COMPLETED, parameters)


@dataclass(frozen=True, slots=True)
class Unbooked:
    """A refund or dispute that we have not, or not so. `is_stuck`: its payment has long been marked as due."""

    id: str
    payment_id: UUID | None
    is_stuck: bool


# What is marked is read within seconds; what is still due after so long cannot be read or applied.
UNBOOKED = """
    SELECT told.id, p.id AS payment_id,
        coalesce(due.since < (SELECT topup_now()) - interval '15 minutes', false) AS is_stuck
    FROM unnest(%(ids)s::text[], %(statuses)s::text[], %(intent_ids)s::text[]) AS told (id, status, intent_id)
    LEFT JOIN payments p ON p.stripe_intent_id = told.intent_id
    LEFT JOIN money_back_due due ON due.payment_id = p.id
    WHERE NOT EXISTS (SELECT FROM refunds r WHERE r.stripe_refund_id = told.id AND r.status = told.status)
      AND NOT EXISTS (SELECT FROM disputes d WHERE d.stripe_dispute_id = told.id AND d.status = told.status)
"""


async def unbooked(conn: sql.Connection, told: Sequence[tuple[str, str | None, str | None]]) -> list[Unbooked]:
    """Of refunds and disputes, each by its id, status and intent: those that we have not, or not so."""
    ids, statuses, intent_ids = zip(*told, strict=True)
    parameters = {"ids": list(ids), "statuses": list(statuses), "intent_ids": list(intent_ids)}
    return await sql.rows(conn, Unbooked, UNBOOKED, parameters)


@dataclass(frozen=True, slots=True)
class Stale:
    """An open checkout of a package that is not on sale any more."""

    payment_id: UUID
    session_id: str


STALE = """
    SELECT p.id AS payment_id, p.stripe_session_id AS session_id
    FROM payments p JOIN packages k ON k.id = p.package_id
    WHERE p.status = 'PENDING' AND p.channel = 'CHECKOUT' AND NOT k.is_active AND p.stripe_session_id IS NOT NULL
    ORDER BY p.id LIMIT %s
"""


async def stale(conn: sql.Connection, *, limit: int) -> list[Stale]:
    """Open checkouts that sell what is not on sale."""
    return await sql.rows(conn, Stale, STALE, [limit])


def _page(after_id: UUID, limit: int, listed_since: datetime) -> dict[str, object]:
    return {"after_id": after_id, "limit": limit, "listed_since": listed_since}
