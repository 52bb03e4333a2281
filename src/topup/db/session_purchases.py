"""Purchases of sessions by institutions, as rows of `payments`: written before Stripe is asked, found again after.

What is read comes as topup.db.payments.Payment; statuses are written there. Another institution's purchase is None, as
one that does not exist.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from topup.db import payments, sql
from topup.db.payments import Payment


@dataclass(frozen=True, slots=True)
class Draft:
    """What is known before Stripe is asked. `account_id` is the pool, `quantity` whole sessions."""

    id: UUID
    user_id: UUID
    institution_id: UUID
    account_id: UUID
    channel: str
    package_name: str
    quantity: int
    unit_price_minor: int
    price_minor: int
    currency: str
    is_live: bool
    is_card_saved: bool
    stripe_method_id: str | None
    request_key: bytes | None


INSERT = """
    INSERT INTO payments (id, user_id, institution_id, account_id, channel, status, package_name, unit, credits,
        unit_price_minor, price_minor, currency, is_live, is_card_saved, stripe_method_id, request_key)
    VALUES (%(id)s, %(user_id)s, %(institution_id)s, %(account_id)s, %(channel)s, 'PENDING', %(package_name)s,
        'session', %(quantity)s, %(unit_price_minor)s, %(price_minor)s, %(currency)s, %(is_live)s, %(is_card_saved)s,
        %(stripe_method_id)s, %(request_key)s)
    ON CONFLICT (request_key) DO NOTHING
"""


async def insert(conn: sql.Connection, draft: Draft) -> bool:
    """Write a PENDING purchase; False when the same request has written one already."""
    return await sql.run(conn, INSERT, asdict(draft)) == 1


FIND_BY_REQUEST = "SELECT" + payments.COLUMNS + "FROM payments WHERE request_key = %s"


async def find_by_request(conn: sql.Connection, request_key: bytes) -> Payment | None:
    """What a request with an idempotency key has written."""
    return await sql.row(conn, Payment, FIND_BY_REQUEST, [request_key])


FIND = "SELECT" + payments.COLUMNS + "FROM payments WHERE id = %s AND institution_id = %s"


async def find(conn: sql.Connection, payment_id: UUID, *, institution_id: UUID) -> Payment | None:
    """An institution's own purchase."""
    return await sql.row(conn, Payment, FIND, [payment_id, institution_id])


PAGE = (
    "SELECT" + payments.COLUMNS + "FROM payments WHERE institution_id = %(institution_id)s"
    " AND (%(before)s::uuid IS NULL OR id < %(before)s) ORDER BY id DESC LIMIT %(limit)s"
)


async def page(conn: sql.Connection, institution_id: UUID, *, before: UUID | None, limit: int) -> list[Payment]:
    """An institution's purchases, newest first; `before` is the last id of the page already seen."""
    return await sql.rows(conn, Payment, PAGE, {"institution_id": institution_id, "before": before, "limit": limit})


NEXT_ATTEMPT = """
    UPDATE payments SET attempt = attempt + 1
    WHERE id = %s AND attempt = %s AND status = 'PENDING' AND stripe_intent_id IS NULL AND stripe_invoice_id IS NULL
"""


async def next_attempt(conn: sql.Connection, payment_id: UUID, *, after: int) -> bool:
    """Give up the idempotency key of attempt `after`; of several callers one gets True, the rest re-read."""
    return await sql.run(conn, NEXT_ATTEMPT, [payment_id, after]) == 1


STORE_INTENT = """
    UPDATE payments SET stripe_intent_id = %(intent_id)s, stripe_customer_id = %(customer_id)s
    WHERE id = %(id)s AND (stripe_intent_id IS NULL OR stripe_intent_id = %(intent_id)s)
"""


async def store_intent(conn: sql.Connection, payment_id: UUID, *, intent_id: str, customer_id: str | None) -> bool:
    """Keep the intent that was made. False when another one is kept already."""
    parameters = {"id": payment_id, "intent_id": intent_id, "customer_id": customer_id}
    return await sql.run(conn, STORE_INTENT, parameters) == 1


STORE_INVOICE = """
    UPDATE payments SET stripe_invoice_id = %(invoice_id)s, stripe_customer_id = %(customer_id)s
    WHERE id = %(id)s AND (stripe_invoice_id IS NULL OR stripe_invoice_id = %(invoice_id)s)
"""


async def store_invoice(conn: sql.Connection, payment_id: UUID, *, invoice_id: str, customer_id: str | None) -> bool:
    """Keep the invoice that was made. False when another one is kept already."""
    parameters = {"id": payment_id, "invoice_id": invoice_id, "customer_id": customer_id}
    return await sql.run(conn, STORE_INVOICE, parameters) == 1


STORE_ISSUED = """
    UPDATE payments SET hosted_invoice_url = %(hosted_url)s, due_at = %(due_at)s, invoice_number = %(number)s
    WHERE id = %(id)s
"""


async def store_issued(
    conn: sql.Connection, payment_id: UUID, *, number: str | None, hosted_url: str | None, due_at: datetime | None
) -> None:
    """Keep what an invoice got when it was issued."""
    parameters = {"id": payment_id, "number": number, "hosted_url": hosted_url, "due_at": due_at}
    await sql.run(conn, STORE_ISSUED, parameters)


GRANT_ON_TRUST = """
    UPDATE payments p SET is_on_trust = true FROM institutions n
    WHERE p.id = %s AND p.status = 'PENDING' AND n.id = p.institution_id AND n.is_granted_at_issue
"""


async def grant_on_trust(conn: sql.Connection, payment_id: UUID) -> bool:
    """Note that an unpaid purchase is granted now; False where the institution is not trusted with that."""
    return await sql.run(conn, GRANT_ON_TRUST, [payment_id]) == 1


UNPAID = (
    "SELECT" + payments.COLUMNS + "FROM payments WHERE status = 'PENDING'"
    " AND (channel = 'PAYMENT_INTENT' OR channel = 'INVOICE' AND stripe_invoice_id IS NULL)"
    " AND created_at < (SELECT topup_now()) - make_interval(hours => %(hours)s) AND id > %(after_id)s"
    " ORDER BY id LIMIT %(limit)s"
)


async def unpaid(conn: sql.Connection, *, hours: int, after_id: UUID, limit: int) -> list[Payment]:
    """Purchases that nobody has finished for so many hours, oldest first; issued invoices have their due date."""
    return await sql.rows(conn, Payment, UNPAID, {"hours": hours, "after_id": after_id, "limit": limit})
