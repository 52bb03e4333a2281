"""The Stripe invoice of a purchase: drafted, given its line, finalized, sent; each step once, whatever broke off.

Its id is kept as soon as the draft is there, and how far it has come is asked of Stripe, so a purchase that was left
half-way goes on where it stopped (faults 31-33). Drafts do not advance by themselves. Sessions are due when the invoice
is paid, or when it is issued to an institution that is trusted. Called by topup.flows.purchase_sessions.
"""

from uuid import UUID

import psycopg_pool

from topup import errors
from topup.core import checkouts, session_prices
from topup.core.payments import Fact, Told
from topup.db import invoices, ledger, payments, session_purchases
from topup.db.payments import Payment
from topup.flows import fulfil, institution_customers
from topup.gateway import billing, protocol

Pool = psycopg_pool.AsyncConnectionPool

NEEDS_FRESH_KEY = frozenset({"idempotency_mismatch", "stripe_failed"})


async def finish(pool: Pool, stripe: protocol.Stripe, payment: Payment) -> Payment:
    """The purchase with its issued invoice. GatewayError where Stripe did not make it; then call again."""
    if payment.hosted_invoice_url is not None or payment.institution_id is None:
        return payment
    drafted = payment if payment.stripe_invoice_id is not None else await _draft(pool, stripe, payment)
    if drafted.stripe_invoice_id is None:
        return drafted
    invoice = await stripe.retrieve_invoice(drafted.stripe_invoice_id)
    if invoice.status == "draft":
        invoice = await _issue(stripe, drafted, invoice)
    return await _keep(pool, drafted, invoice)


async def refresh(pool: Pool, stripe: protocol.Stripe, stripe_invoice_id: str) -> None:
    """Ask how an invoice stands: its addresses change from time to time, and a lost event is healed (fault 6)."""
    invoice = await stripe.retrieve_invoice(stripe_invoice_id)
    async with pool.connection() as conn:
        if invoice.status != "draft":
            await invoices.issue(conn, _issued(invoice))
        if invoice.fact is not None:
            await fulfil.apply(conn, [invoice.fact])


async def _draft(pool: Pool, stripe: protocol.Stripe, payment: Payment) -> Payment:
    """Make the draft and keep its id. A second draft, after an answer lost for good, is never issued to anybody."""
    async with pool.connection() as conn:
        if not checkouts.is_key_remembered(payment.created_at, await ledger.now(conn)):
            return payment
    try:
        invoice = await _create(pool, stripe, payment)
    except errors.GatewayError as error:
        if error.code not in NEEDS_FRESH_KEY:
            raise
        async with pool.connection() as conn:
            await session_purchases.next_attempt(conn, payment.id, after=payment.attempt)
        invoice = await _create(pool, stripe, await _find(pool, payment.id))
    async with pool.connection() as conn:
        await session_purchases.store_invoice(conn, payment.id, invoice_id=invoice.id, customer_id=invoice.customer_id)
        stored = await payments.find(conn, payment.id)
        if stored is not None and stored.stripe_invoice_id is not None:
            await invoices.draw_up(conn, payment.id, stripe_invoice_id=stored.stripe_invoice_id)
    if stored is None:
        raise errors.NotFound
    return stored


async def _create(pool: Pool, stripe: protocol.Stripe, payment: Payment) -> billing.Invoice:
    if payment.institution_id is None:
        raise errors.Broken(f"Purchase {payment.id} belongs to no institution.")
    customer_id = await institution_customers.ensure(pool, stripe, institution_id=payment.institution_id)
    key = f"invoice:{payment.id}:{payment.attempt}"
    try:
        return await stripe.create_invoice(_new(payment, customer_id), key=key)
    except errors.GatewayError as error:
        if error.code != "stripe_customer_missing":
            raise
    customer_id = await institution_customers.ensure(
        pool, stripe, institution_id=payment.institution_id, missing=customer_id
    )
    return await stripe.create_invoice(_new(payment, customer_id), key=f"{key}:{customer_id}")


def _new(payment: Payment, customer_id: str) -> billing.NewInvoice:
    return billing.NewInvoice(payment.id, payment.account_id, customer_id, payment.currency, session_prices.DUE_DAYS)


async def _issue(stripe: protocol.Stripe, payment: Payment, invoice: billing.Invoice) -> billing.Invoice:
    if invoice.customer_id is None or payment.unit_price_minor is None:
        raise errors.Broken(f"Invoice {invoice.id} is written to nobody, or has no price.")
    if invoice.total_minor == 0:
        line = billing.NewInvoiceLine(
            invoice_id=invoice.id,
            customer_id=invoice.customer_id,
            description=payment.package_name,
            quantity=payment.credits,
            unit_price_minor=payment.unit_price_minor,
            currency=payment.currency,
        )
        await stripe.add_invoice_line(line, key=f"invoice_line:{invoice.id}")
    try:
        await stripe.finalize_invoice(invoice.id, key=f"invoice_finalize:{invoice.id}")
    except errors.Conflict:
        # Somebody who finishes the same purchase was quicker.
        return await stripe.retrieve_invoice(invoice.id)
    return await stripe.send_invoice(invoice.id, key=f"invoice_send:{invoice.id}")


async def _keep(pool: Pool, payment: Payment, invoice: billing.Invoice) -> Payment:
    """Write what the issued invoice says, and grant at once where the institution is trusted."""
    async with pool.connection() as conn:
        await payments.lock_many(conn, [payment.id])
        await session_purchases.store_issued(
            conn, payment.id, number=invoice.number, hosted_url=invoice.hosted_url, due_at=invoice.due_at
        )
        await invoices.issue(conn, _issued(invoice))
        facts: list[Fact] = [] if invoice.fact is None else [invoice.fact]
        if invoice.fact is None and await session_purchases.grant_on_trust(conn, payment.id):
            issued = Fact(Told.ISSUED, "INVOICE", invoice.is_live, payment.id, invoice_id=invoice.id)
            facts = [issued]
        await fulfil.apply(conn, facts)
    return await _find(pool, payment.id)


async def _find(pool: Pool, payment_id: UUID) -> Payment:
    async with pool.connection() as conn:
        found = await payments.find(conn, payment_id)
    if found is None:
        raise errors.NotFound
    return found


def _issued(invoice: billing.Invoice) -> invoices.Issued:
    return invoices.Issued(invoice.id, invoice.number, invoice.amount_due_minor, invoice.hosted_url, invoice.pdf_url)
