"""Payments as rows: attempts to buy, each with the snapshot of what was bought.

The snapshot never changes (a trigger sees to it); topup.core.payments decides statuses, flows write them here in sets.
Locks are taken in id order, `FOR NO KEY UPDATE`, so that foreign-key checks of others go on.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal, LiteralString
from uuid import UUID

from topup.db import sql

WentBack = Literal["refunded", "disputed"]


@dataclass(frozen=True, slots=True)
class Payment:
    """One attempt to buy. Money is in Stripe's minor units of `currency`, credits in whole `unit`s."""

    id: UUID
    user_id: UUID | None
    account_id: UUID
    channel: str
    status: str
    review_reason: str | None
    package_id: UUID | None
    package_name: str
    unit: str
    credits: int
    price_minor: int
    currency: str
    valid_days: int | None
    refund_days: int | None
    is_live: bool
    attempt: int
    stripe_customer_id: str | None
    stripe_session_id: str | None
    stripe_intent_id: str | None
    stripe_invoice_id: str | None
    checkout_url: str | None
    expires_at: datetime | None
    paid_minor: int | None
    refunded_minor: int
    disputed_minor: int
    clawback_rev: int
    receipt_url: str | None
    invoice_number: str | None
    metadata: dict[str, Any]
    created_at: datetime
    completed_at: datetime | None
    institution_id: UUID | None
    unit_price_minor: int | None
    is_card_saved: bool
    stripe_method_id: str | None
    hosted_invoice_url: str | None
    due_at: datetime | None
    charged_minor: int | None
    credits_taken_back: int
    credits_expired_instead: int

    @property
    def paid_for_minor(self) -> int:
        """What was paid, where that is known; it is the price, unless an admin completed it from review."""
        return self.paid_minor if self.paid_minor is not None else self.price_minor


COLUMNS = """
    id, user_id, account_id, channel, status, review_reason, package_id, package_name, unit, credits, price_minor,
    currency, valid_days, refund_days, is_live, attempt, stripe_customer_id, stripe_session_id, stripe_intent_id,
    stripe_invoice_id, checkout_url, expires_at, paid_minor, refunded_minor, disputed_minor, clawback_rev,
    receipt_url, invoice_number, metadata, created_at, completed_at, institution_id, unit_price_minor, is_card_saved,
    stripe_method_id, hosted_invoice_url, due_at, charged_minor, credits_taken_back, credits_expired_instead
"""


@dataclass(frozen=True, slots=True)
class Draft:
    """What is known before Stripe is asked: the snapshot and whose it is."""

    id: UUID
    user_id: UUID | None
    account_id: UUID
    channel: str
    package_id: UUID | None
    package_name: str
    unit: str
    credits: int
    price_minor: int
    currency: str
    valid_days: int | None
    refund_days: int | None
    is_live: bool


INSERT = """
    INSERT INTO payments (id, user_id, account_id, channel, status, package_id, package_name, unit, credits,
                          price_minor, currency, valid_days, refund_days, is_live)
    VALUES (%(id)s, %(user_id)s, %(account_id)s, %(channel)s, 'PENDING', %(package_id)s, %(package_name)s, %(unit)s,
            %(credits)s, %(price_minor)s, %(currency)s, %(valid_days)s, %(refund_days)s, %(is_live)s)
    ON CONFLICT (user_id, package_id, price_minor, credits, currency)
        WHERE status = 'PENDING' AND channel = 'CHECKOUT' DO NOTHING
"""


async def insert(conn: sql.Connection, draft: Draft) -> bool:
    """Write a PENDING payment; False when the same offer has an open checkout already (fault 50)."""
    return await sql.run(conn, INSERT, asdict(draft)) == 1


FIND = "SELECT" + COLUMNS + "FROM payments WHERE id = %s"


async def find(conn: sql.Connection, payment_id: UUID) -> Payment | None:
    """A payment by our id, whosever it is."""
    return await sql.row(conn, Payment, FIND, [payment_id])


# What somebody bought for an institution is the institution's, also after they have left it.
FIND_OWN = "SELECT" + COLUMNS + "FROM payments WHERE id = %s AND user_id = %s AND institution_id IS NULL"


async def find_own(conn: sql.Connection, payment_id: UUID, *, user_id: UUID) -> Payment | None:
    """A person's own payment; another's is None, as one that does not exist."""
    return await sql.row(conn, Payment, FIND_OWN, [payment_id, user_id])


FIND_OWN_BY_SESSION = "SELECT" + COLUMNS + "FROM payments WHERE stripe_session_id = %s AND user_id = %s"


async def find_own_by_session(conn: sql.Connection, session_id: str, *, user_id: UUID) -> Payment | None:
    """A person's own payment by its checkout session."""
    return await sql.row(conn, Payment, FIND_OWN_BY_SESSION, [session_id, user_id])


LIST_OWN = (
    "SELECT" + COLUMNS + "FROM payments WHERE user_id = %(user_id)s AND institution_id IS NULL"
    " AND (%(before)s::uuid IS NULL OR id < %(before)s) ORDER BY id DESC LIMIT %(limit)s"
)


async def list_own(conn: sql.Connection, *, user_id: UUID, before: UUID | None, limit: int) -> list[Payment]:
    """A person's payments, newest first; `before` is the last id of the page already seen."""
    return await sql.rows(conn, Payment, LIST_OWN, {"user_id": user_id, "before": before, "limit": limit})


NAMED = """
    WITH named (stripe_id) AS (SELECT %(text)s::text UNION SELECT object_id FROM stripe_events WHERE id = %(text)s)
    SELECT %(payment_id)s::uuid
    UNION SELECT p.id FROM named JOIN payments p ON p.stripe_session_id = stripe_id
    UNION SELECT p.id FROM named JOIN payments p ON p.stripe_intent_id = stripe_id
    UNION SELECT p.id FROM named JOIN payments p ON p.stripe_invoice_id = stripe_id
    UNION SELECT payment_id FROM named JOIN disputes ON stripe_dispute_id = stripe_id
    UNION SELECT payment_id FROM invoices WHERE number = %(text)s
"""
SEARCH = "SELECT" + COLUMNS + "FROM payments WHERE id IN (" + NAMED + ") ORDER BY id DESC"


async def search(conn: sql.Connection, *, text: str, payment_id: UUID | None) -> list[Payment]:
    """Anybody's payment by our id, by one of Stripe's (also of an event about it), or by its invoice's number."""
    return await sql.rows(conn, Payment, SEARCH, {"text": text, "payment_id": payment_id})


LIST_OF_ACCOUNT = (
    "SELECT" + COLUMNS + "FROM payments WHERE account_id = %(account_id)s AND (user_id = %(user_id)s"
    " OR institution_id = %(institution_id)s) ORDER BY id DESC LIMIT %(limit)s"
)


async def list_of_account(
    conn: sql.Connection, account_id: UUID, *, user_id: UUID | None, institution_id: UUID | None, limit: int
) -> list[Payment]:
    """What was bought for an account, newest first; its holder is named because payments are found by theirs."""
    parameters = {"account_id": account_id, "user_id": user_id, "institution_id": institution_id, "limit": limit}
    return await sql.rows(conn, Payment, LIST_OF_ACCOUNT, parameters)


LIST_IN_REVIEW = "SELECT" + COLUMNS + "FROM payments WHERE status = 'REVIEW' ORDER BY created_at LIMIT %s"


async def list_in_review(conn: sql.Connection, *, limit: int) -> list[Payment]:
    """Payments that wait for a person to decide, the oldest first."""
    return await sql.rows(conn, Payment, LIST_IN_REVIEW, [limit])


_NEWEST_FIRST = " AND (%(before)s::uuid IS NULL OR id < %(before)s) ORDER BY id DESC LIMIT %(limit)s"
LIST_ALL = "SELECT" + COLUMNS + "FROM payments WHERE (%(status)s::text IS NULL OR status = %(status)s)" + _NEWEST_FIRST
LIST_MONEY_BACK: Mapping[WentBack, LiteralString] = {
    "refunded": "SELECT" + COLUMNS + "FROM payments WHERE refunded_minor > 0" + _NEWEST_FIRST,
    "disputed": "SELECT" + COLUMNS + "FROM payments WHERE disputed_minor > 0" + _NEWEST_FIRST,
}


async def list_all(conn: sql.Connection, *, status: str | None, before: UUID | None, limit: int) -> list[Payment]:
    """Everybody's payments, newest first, all or those of one status."""
    return await sql.rows(conn, Payment, LIST_ALL, {"status": status, "before": before, "limit": limit})


async def list_money_back(conn: sql.Connection, what: WentBack, *, before: UUID | None, limit: int) -> list[Payment]:
    """Everybody's payments of which money went back, or is disputed, newest first."""
    return await sql.rows(conn, Payment, LIST_MONEY_BACK[what], {"before": before, "limit": limit})


LIST_OPEN_CHECKOUTS = (
    "SELECT" + COLUMNS + "FROM payments"
    " WHERE user_id = %s AND package_id = %s AND status = 'PENDING' AND channel = 'CHECKOUT' ORDER BY id"
    " FOR NO KEY UPDATE"
)


async def lock_open_checkouts(conn: sql.Connection, *, user_id: UUID, package_id: UUID) -> list[Payment]:
    """A person's open checkouts of one package, oldest first, locked. Usually none or one; more after a new price."""
    return await sql.rows(conn, Payment, LIST_OPEN_CHECKOUTS, [user_id, package_id])


IDS_BY_STRIPE = """
    SELECT id FROM payments WHERE id = ANY(%(payment_ids)s::uuid[])
    UNION SELECT id FROM payments WHERE stripe_session_id = ANY(%(session_ids)s::text[])
    UNION SELECT id FROM payments WHERE stripe_intent_id = ANY(%(intent_ids)s::text[])
    UNION SELECT id FROM payments WHERE stripe_invoice_id = ANY(%(invoice_ids)s::text[])
"""


async def ids_by_stripe(
    conn: sql.Connection,
    *,
    payment_ids: Collection[UUID] = (),
    session_ids: Collection[str] = (),
    intent_ids: Collection[str] = (),
    invoice_ids: Collection[str] = (),
) -> list[UUID]:
    """The payments that any of these names, in id order; lock them with `lock_many` before deciding anything."""
    parameters = {
        "payment_ids": sql.array([*payment_ids]),
        "session_ids": sql.array([*session_ids]),
        "intent_ids": sql.array([*intent_ids]),
        "invoice_ids": sql.array([*invoice_ids]),
    }
    return sorted(await sql.values(conn, IDS_BY_STRIPE, parameters))


LOCK_MANY = "SELECT" + COLUMNS + "FROM payments WHERE id = ANY(%s::uuid[]) ORDER BY id FOR NO KEY UPDATE"


async def lock_many(conn: sql.Connection, payment_ids: Collection[UUID]) -> list[Payment]:
    """Lock payments in id order and read them as they stand after the wait."""
    return await sql.rows(conn, Payment, LOCK_MANY, [sql.array(sorted(payment_ids))])


@dataclass(frozen=True, slots=True)
class Change:
    """What an outcome writes on one payment. Everything but the status stays as it is where None is given."""

    payment_id: UUID
    status: str
    review_reason: str | None = None
    stripe_session_id: str | None = None
    stripe_intent_id: str | None = None
    stripe_invoice_id: str | None = None
    stripe_customer_id: str | None = None
    paid_minor: int | None = None
    completed_at: datetime | None = None
    receipt_url: str | None = None


CHANGE_MANY = """
    UPDATE payments AS p SET
        status = c.status,
        review_reason = COALESCE(c.review_reason, p.review_reason),
        stripe_session_id = COALESCE(c.stripe_session_id, p.stripe_session_id),
        stripe_intent_id = COALESCE(c.stripe_intent_id, p.stripe_intent_id),
        stripe_invoice_id = COALESCE(c.stripe_invoice_id, p.stripe_invoice_id),
        stripe_customer_id = COALESCE(c.stripe_customer_id, p.stripe_customer_id),
        paid_minor = COALESCE(c.paid_minor, p.paid_minor),
        completed_at = COALESCE(c.completed_at, p.completed_at),
        receipt_url = COALESCE(c.receipt_url, p.receipt_url)
    FROM unnest(%(payment_id)s::uuid[], %(status)s::text[], %(review_reason)s::text[], %(stripe_session_id)s::text[],
                %(stripe_intent_id)s::text[], %(stripe_invoice_id)s::text[], %(stripe_customer_id)s::text[],
                %(paid_minor)s::bigint[], %(completed_at)s::timestamptz[], %(receipt_url)s::text[])
        AS c (payment_id, status, review_reason, stripe_session_id, stripe_intent_id, stripe_invoice_id,
              stripe_customer_id, paid_minor, completed_at, receipt_url)
    WHERE p.id = c.payment_id
"""


async def change_many(conn: sql.Connection, changes: Sequence[Change]) -> None:
    """Write the outcomes of hundreds of payments in one statement. Lock them first."""
    columns = {name: sql.array([getattr(change, name) for change in changes]) for name in Change.__slots__}
    if changes:
        await sql.send(conn, CHANGE_MANY, columns)


STORE_SESSION = """
    UPDATE payments SET stripe_session_id = %(session_id)s, stripe_customer_id = %(customer_id)s,
                        checkout_url = %(url)s, expires_at = %(expires_at)s
    WHERE id = %(payment_id)s AND (stripe_session_id IS NULL OR stripe_session_id = %(session_id)s)
"""


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """What Stripe answered when the checkout session was made."""

    payment_id: UUID
    session_id: str
    customer_id: str | None
    url: str | None
    expires_at: datetime


async def store_session(conn: sql.Connection, opened: OpenedSession) -> bool:
    """Keep what Stripe answered; writing the same again is harmless. False when another session is kept already."""
    return await sql.run(conn, STORE_SESSION, asdict(opened)) == 1


NEXT_ATTEMPT = """
    UPDATE payments SET attempt = attempt + 1
    WHERE id = %s AND attempt = %s AND stripe_session_id IS NULL AND status = 'PENDING'
"""


async def next_attempt(conn: sql.Connection, payment_id: UUID, *, after: int) -> bool:
    """Give up the idempotency key of attempt `after`; of several callers one gets True, the rest re-read."""
    return await sql.run(conn, NEXT_ATTEMPT, [payment_id, after]) == 1
