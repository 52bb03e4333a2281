"""Invoices of institutions, as rows: Stripe's for purchases by invoice, our own numbered ones for paid cards.

A payment has at most one. Whom it is billed to is copied when it is made, so that a later move changes no old invoice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from topup.core import ids
from topup.db import sql


@dataclass(frozen=True, slots=True)
class Invoice:
    """An invoice with what was bought. Money is in minor units. Stripe's addresses are secrets: only for the owner."""

    id: UUID
    institution_id: UUID
    payment_id: UUID
    number: str | None
    status: str
    amount_due_minor: int
    amount_paid_minor: int
    currency: str
    stripe_invoice_id: str | None
    hosted_url: str | None
    pdf_url: str | None
    billed_to: dict[str, Any]
    created_at: datetime
    paid_at: datetime | None
    package_name: str
    quantity: int
    unit_price_minor: int


COLUMNS = """
    i.id, i.institution_id, i.payment_id, i.number, i.status, i.amount_due_minor, i.amount_paid_minor, i.currency,
    i.stripe_invoice_id, i.hosted_url, i.pdf_url, i.billed_to, i.created_at, i.paid_at, p.package_name,
    p.credits AS quantity, p.unit_price_minor
"""
FIND = (
    "SELECT" + COLUMNS + "FROM invoices i JOIN payments p ON p.id = i.payment_id"
    " WHERE i.id = %s AND i.institution_id = %s"
)


async def find(conn: sql.Connection, invoice_id: UUID, *, institution_id: UUID) -> Invoice | None:
    """An institution's own invoice."""
    return await sql.row(conn, Invoice, FIND, [invoice_id, institution_id])


PAGE = (
    "SELECT" + COLUMNS + "FROM invoices i JOIN payments p ON p.id = i.payment_id"
    " WHERE i.institution_id = %(institution_id)s AND i.status <> 'draft'"
    " AND (%(before)s::uuid IS NULL OR i.id < %(before)s) ORDER BY i.id DESC LIMIT %(limit)s"
)


async def page(conn: sql.Connection, institution_id: UUID, *, before: UUID | None, limit: int) -> list[Invoice]:
    """An institution's invoices, newest first; `before` is the last id of the page already seen."""
    return await sql.rows(conn, Invoice, PAGE, {"institution_id": institution_id, "before": before, "limit": limit})


OF_PAYMENTS = "SELECT payment_id, id FROM invoices WHERE payment_id = ANY(%s::uuid[])"


async def of_payments(conn: sql.Connection, payment_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """The invoice of each payment that has one."""
    return dict(await sql.pairs(conn, OF_PAYMENTS, [sql.array(payment_ids)]))


DRAW_UP = """
    INSERT INTO invoices (id, institution_id, payment_id, status, amount_due_minor, currency, stripe_invoice_id,
        billed_to)
    SELECT %(id)s, n.id, p.id, 'draft', p.price_minor, p.currency, %(stripe_invoice_id)s, billed_to(n)
    FROM payments p JOIN institutions n ON n.id = p.institution_id WHERE p.id = %(payment_id)s
    ON CONFLICT (payment_id) DO NOTHING
"""


async def draw_up(conn: sql.Connection, payment_id: UUID, *, stripe_invoice_id: str) -> None:
    """Write the row of a Stripe invoice that is still a draft."""
    parameters = {"id": ids.new(), "payment_id": payment_id, "stripe_invoice_id": stripe_invoice_id}
    await sql.run(conn, DRAW_UP, parameters)


@dataclass(frozen=True, slots=True)
class Issued:
    """What Stripe says of an invoice that is no draft any more."""

    stripe_invoice_id: str
    number: str | None
    amount_due_minor: int
    hosted_url: str | None
    pdf_url: str | None


ISSUE = """
    UPDATE invoices SET number = %(number)s, amount_due_minor = %(amount_due_minor)s, hosted_url = %(hosted_url)s,
        pdf_url = %(pdf_url)s, status = CASE status WHEN 'draft' THEN 'open' ELSE status END
    WHERE stripe_invoice_id = %(stripe_invoice_id)s
"""


async def issue(conn: sql.Connection, issued: Issued) -> None:
    """Keep number and addresses; a draft is open from now on, what is paid stays paid."""
    parameters = {name: getattr(issued, name) for name in Issued.__slots__}
    await sql.run(conn, ISSUE, parameters)


TELL = """
    UPDATE invoices i SET status = t.status,
        amount_paid_minor = CASE t.status WHEN 'paid' THEN i.amount_due_minor ELSE i.amount_paid_minor END,
        paid_at = CASE t.status WHEN 'paid' THEN topup_now() ELSE i.paid_at END
    FROM unnest(%s::text[], %s::text[]) AS t (stripe_invoice_id, status)
    WHERE i.stripe_invoice_id = t.stripe_invoice_id AND i.status NOT IN ('paid', 'void')
"""


async def tell(conn: sql.Connection, told: Sequence[tuple[str, str]]) -> int:
    """Write what became of Stripe's invoices; what is paid or void stays so."""
    return await sql.run(conn, TELL, sql.columns(told)) if told else 0


# The sort comes before the numbers, so that they follow the order of the payments.
NUMBER_PAID = """
    WITH paid AS (
        SELECT c.id, n.id AS institution_id, p.id AS payment_id, p.price_minor, p.currency, billed_to(n) AS billed_to,
            nextval('invoice_numbers')::text AS digits
        FROM unnest(%s::uuid[], %s::uuid[]) AS c (payment_id, id)
        JOIN payments p ON p.id = c.payment_id JOIN institutions n ON n.id = p.institution_id
        ORDER BY p.id
    ), made AS (
        INSERT INTO invoices (id, institution_id, payment_id, number, status, amount_due_minor, amount_paid_minor,
            currency, billed_to, paid_at)
        SELECT id, institution_id, payment_id, 'TU-' || to_char(topup_now() AT TIME ZONE 'UTC', 'YYYY') || '-'
            || lpad(digits, greatest(6, length(digits)), '0'),
            'paid', price_minor, price_minor, currency, billed_to, topup_now()
        FROM paid
        ON CONFLICT (payment_id) DO NOTHING
        RETURNING payment_id, number
    )
    UPDATE payments p SET invoice_number = made.number FROM made WHERE p.id = made.payment_id
"""


async def number_paid(conn: sql.Connection, payment_ids: Sequence[UUID]) -> int:
    """Make our own paid invoice of each card purchase, numbered in order; how many were made."""
    rows = [(payment_id, ids.new()) for payment_id in payment_ids]
    return await sql.run(conn, NUMBER_PAID, sql.columns(rows)) if rows else 0


NUMBERS = "SELECT payment_id, number FROM invoices WHERE payment_id = ANY(%s) AND number IS NOT NULL"


async def numbers(conn: sql.Connection, payment_ids: Sequence[UUID]) -> dict[UUID, str]:
    """The numbers of these payments' invoices, Stripe's or our own, as far as they have one."""
    return dict(await sql.pairs(conn, NUMBERS, [list(payment_ids)]))
