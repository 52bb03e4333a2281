"""Invoices over the SDK: what is sent, word for word.

Part of topup.gateway.stripe. Drafts do not advance by themselves, so that one whose making broke off half-way is never
mailed to anybody.
"""

from decimal import Decimal

import stripe

from topup import errors
from topup.gateway import billing, stripe_answers, stripe_calls

# Bank transfers need an account of the currency's country; in others the dashboard's ways to pay apply.
TRANSFER_CURRENCY = "gbp"
TRANSFER_KIND = "gb_bank_transfer"


class Invoices(stripe_calls.Desk):
    """Implements a part of billing.Billing, whose docstrings hold."""

    async def create_invoice(self, new: billing.NewInvoice, *, key: str) -> billing.Invoice:
        """Make a draft, which Stripe does not send by itself."""
        invoices, params = self._v1.invoices, _invoice_params(new)
        return await self._call(
            lambda: invoices.create_async(params, {"idempotency_key": key}), stripe_answers.invoice, is_write=True
        )

    async def add_invoice_line(self, line: billing.NewInvoiceLine, *, key: str) -> None:
        """Put the line on a draft."""
        items = self._v1.invoice_items
        params: stripe.params.InvoiceItemCreateParams = {
            "customer": line.customer_id,
            "invoice": stripe_calls.whole(line.invoice_id),
            "description": line.description,
            "quantity": line.quantity,
            "unit_amount_decimal": Decimal(line.unit_price_minor),
            "currency": line.currency,
        }
        await self._call(
            lambda: items.create_async(params, {"idempotency_key": key}), stripe_answers.nothing, is_write=True
        )

    async def finalize_invoice(self, invoice_id: str, *, key: str) -> billing.Invoice:
        """Give a draft its number and addresses."""
        invoices, invoice_id = self._v1.invoices, stripe_calls.whole(invoice_id)
        try:
            return await self._call(
                lambda: invoices.finalize_invoice_async(invoice_id, {"auto_advance": False}, {"idempotency_key": key}),
                stripe_answers.invoice,
                is_write=True,
            )
        except errors.GatewayError as error:
            if error.code == "stripe_refused":
                raise errors.Conflict("This invoice is not a draft any more.", code="invoice_not_draft") from error
            raise

    async def send_invoice(self, invoice_id: str, *, key: str) -> billing.Invoice:
        """Have Stripe mail it."""
        invoices, invoice_id = self._v1.invoices, stripe_calls.whole(invoice_id)
        return await self._call(
            lambda: invoices.send_invoice_async(invoice_id, {}, {"idempotency_key": key}),
            stripe_answers.invoice,
            is_write=True,
        )

    async def retrieve_invoice(self, invoice_id: str) -> billing.Invoice:
        """An invoice as it stands now."""
        invoices, invoice_id = self._v1.invoices, stripe_calls.whole(invoice_id)
        return await self._call(lambda: invoices.retrieve_async(invoice_id), stripe_answers.invoice, is_write=False)

    async def list_invoices(self, customer_id: str) -> list[billing.Invoice]:
        """A customer's invoices, newest first, at most a hundred."""
        invoices, customer_id = self._v1.invoices, stripe_calls.whole(customer_id)
        return await self._call(
            lambda: invoices.list_async({"customer": customer_id, "limit": stripe_calls.PAGE_SIZE}),
            stripe_answers.invoices,
            is_write=False,
        )


def _invoice_params(new: billing.NewInvoice) -> stripe.params.InvoiceCreateParams:
    params: stripe.params.InvoiceCreateParams = {
        "customer": new.customer_id,
        "currency": new.currency,
        "collection_method": "send_invoice",
        "days_until_due": new.due_days,
        "auto_advance": False,
        "pending_invoice_items_behavior": "exclude",
        "metadata": {"topup_payment_id": str(new.payment_id), "topup_account_id": str(new.account_id)},
    }
    if new.currency == TRANSFER_CURRENCY:
        params["payment_settings"] = {
            "payment_method_types": ["card", "customer_balance"],
            "payment_method_options": {
                "customer_balance": {"funding_type": "bank_transfer", "bank_transfer": {"type": TRANSFER_KIND}}
            },
        }
    return params
