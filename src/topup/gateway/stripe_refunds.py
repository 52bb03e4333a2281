"""Refunds and disputes over the SDK: what is sent, word for word, and every page of what is listed.

Part of topup.gateway.stripe. What the money means for credits is decided in topup.core.money_back, never here.
"""

import stripe

from topup import errors
from topup.gateway import refunds, stripe_answers, stripe_calls
from topup.gateway.stripe_calls import PAGE_SIZE

REASON = "requested_by_customer"
NOT_TAKEN = "Stripe did not take this refund. The money may have gone back already: look at the payment again."


class Refunds(stripe_calls.Desk):
    """Implements refunds.Refunds, whose docstrings hold."""

    async def create_refund(self, new: refunds.NewRefund, *, key: str) -> refunds.Refund:
        """Give money back."""
        calls, params = self._v1.refunds, _refund_params(new)
        try:
            return await self._call(
                lambda: calls.create_async(params, {"idempotency_key": key}), stripe_answers.refund, is_write=True
            )
        except errors.GatewayError as error:
            if error.code in ("stripe_refused", "stripe_object_missing"):
                raise errors.Conflict(NOT_TAKEN, code="refund_refused") from error
            raise

    async def list_refunds(self, intent_id: str) -> list[refunds.Refund]:
        """All refunds of an intent, whoever made them."""
        calls, intent_id = self._v1.refunds, stripe_calls.whole(intent_id)

        async def ask() -> list[stripe.Refund]:
            page = await calls.list_async({"payment_intent": intent_id, "limit": PAGE_SIZE})
            return [one async for one in page.auto_paging_iter()]

        return await self._call(ask, stripe_answers.refunds, is_write=False)

    async def list_disputes(self, intent_id: str) -> list[refunds.Dispute]:
        """All disputes of an intent."""
        calls, intent_id = self._v1.disputes, stripe_calls.whole(intent_id)

        async def ask() -> list[stripe.Dispute]:
            page = await calls.list_async({"payment_intent": intent_id, "limit": PAGE_SIZE})
            return [one async for one in page.auto_paging_iter()]

        return await self._call(ask, stripe_answers.disputes, is_write=False)

    async def retrieve_charged(self, intent_id: str) -> refunds.Charged:
        """What an intent took in."""
        intents, intent_id = self._v1.payment_intents, stripe_calls.whole(intent_id)
        return await self._call(lambda: intents.retrieve_async(intent_id), stripe_answers.charged, is_write=False)

    async def list_intents_of_invoice(self, invoice_id: str) -> list[str]:
        """The intents by which an invoice was paid, oldest first."""
        paid = await self._invoice_payments({"invoice": stripe_calls.whole(invoice_id), "limit": PAGE_SIZE})
        return [one.intent_id for one in reversed(paid) if one.intent_id is not None]

    async def list_invoices_of_intent(self, intent_id: str) -> list[str]:
        """The invoices that an intent paid; mostly none."""
        params: stripe.params.InvoicePaymentListParams = {
            "payment": {"type": "payment_intent", "payment_intent": stripe_calls.whole(intent_id)},
            "limit": PAGE_SIZE,
        }
        return [one.invoice_id for one in await self._invoice_payments(params)]

    async def _invoice_payments(
        self, params: stripe.params.InvoicePaymentListParams
    ) -> list[stripe_answers.InvoicePayment]:
        calls = self._v1.invoice_payments
        return await self._call(lambda: calls.list_async(params), stripe_answers.invoice_payments, is_write=False)


def _refund_params(new: refunds.NewRefund) -> stripe.params.RefundCreateParams:
    return {
        "payment_intent": stripe_calls.whole(new.intent_id),
        "amount": new.amount_minor,
        "reason": REASON,
        "metadata": {"topup_refund_id": str(new.refund_id), "topup_payment_id": str(new.payment_id)},
    }
