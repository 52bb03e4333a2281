"""Customers of institutions and saved cards over the SDK: what is sent, word for word.

Part of topup.gateway.stripe. Whose card is whose is decided by topup.flows.cards, never here.
"""

from typing import Any
from uuid import UUID

import stripe

from topup import errors
from topup.gateway import billing, stripe_answers, stripe_calls

TAX_ID_LABEL = "Tax id"
_GONE = frozenset({"stripe_refused", "stripe_object_missing"})


class Cards(stripe_calls.Desk):
    """Implements a part of billing.Billing, whose docstrings hold."""

    async def create_institution_customer(self, institution_id: UUID, *, key: str) -> str:
        """Make a customer of whom nothing is told yet but whose they are; the customer's id."""
        customers, metadata = self._v1.customers, {"topup_institution_id": str(institution_id)}
        return await self._call(
            lambda: customers.create_async({"metadata": metadata}, {"idempotency_key": key}),
            stripe_answers.identity,
            is_write=True,
        )

    async def delete_customer(self, customer_id: str) -> None:
        """Let Stripe forget a customer and their saved cards; what was paid stays in its books."""
        customers, customer_id = self._v1.customers, stripe_calls.whole(customer_id)
        try:
            await self._call(lambda: customers.delete_async(customer_id), stripe_answers.nothing, is_write=True)
        except errors.GatewayError as error:
            if error.code not in _GONE:
                raise

    async def update_customer(self, customer_id: str, details: billing.CustomerDetails, *, key: str) -> None:
        """Tell Stripe who is billed."""
        await self._update(customer_id, _details_params(details), key)

    async def set_tax_id(self, customer_id: str, kind: str | None, value: str | None, *, key: str) -> bool:
        """Make this the customer's only tax id, or leave none."""
        tax_ids, customer_id = self._v1.customers.tax_ids, stripe_calls.whole(customer_id)
        there = await self._call(
            lambda: tax_ids.list_async(customer_id, {"limit": stripe_calls.PAGE_SIZE}),
            stripe_answers.tax_ids,
            is_write=False,
        )
        kept = next((one.id for one in there if (one.kind, one.value) == (kind, value)), None)
        for other in [one.id for one in there if one.id != kept]:
            await self._delete_tax_id(customer_id, other)
        if kept is not None or kind is None or value is None:
            return True
        params: Any = {"type": kind, "value": value}
        try:
            await self._call(
                lambda: tax_ids.create_async(customer_id, params, {"idempotency_key": key}),
                stripe_answers.nothing,
                is_write=True,
            )
        except errors.GatewayError as error:
            if error.code != "stripe_refused":
                raise
            return False
        return True

    async def choose_default_card(self, customer_id: str, method_id: str, *, key: str) -> None:
        """Which card invoices are charged to."""
        settings: Any = {"default_payment_method": stripe_calls.whole(method_id)}
        await self._update(customer_id, {"invoice_settings": settings}, key)

    async def list_cards(self, customer_id: str) -> list[billing.Card]:
        """A customer's saved cards, newest first, at most a hundred."""
        methods, customer_id = self._v1.customers.payment_methods, stripe_calls.whole(customer_id)
        return await self._call(
            lambda: methods.list_async(customer_id, {"type": "card", "limit": stripe_calls.PAGE_SIZE}),
            stripe_answers.cards,
            is_write=False,
        )

    async def attach_card(self, method_id: str, customer_id: str, *, key: str) -> billing.Card:
        """Save a card that was made in a browser."""
        methods, method_id = self._v1.payment_methods, stripe_calls.whole(method_id)
        return await self._call(
            lambda: methods.attach_async(method_id, {"customer": customer_id}, {"idempotency_key": key}),
            stripe_answers.card,
            is_write=True,
        )

    async def detach_card(self, method_id: str, *, key: str) -> None:
        """Remove a saved card for ever; one that is gone already is no error."""
        methods, method_id = self._v1.payment_methods, stripe_calls.whole(method_id)
        try:
            await self._call(
                lambda: methods.detach_async(method_id, {}, {"idempotency_key": key}),
                stripe_answers.nothing,
                is_write=True,
            )
        except errors.GatewayError as error:
            if error.code not in _GONE:
                raise

    async def _delete_tax_id(self, customer_id: str, tax_id: str) -> None:
        tax_ids = self._v1.customers.tax_ids
        try:
            await self._call(lambda: tax_ids.delete_async(customer_id, tax_id), stripe_answers.nothing, is_write=True)
        except errors.GatewayError as error:
            if error.code not in _GONE:
                raise

    async def _update(self, customer_id: str, params: stripe.params.CustomerUpdateParams, key: str) -> None:
        customers, customer_id = self._v1.customers, stripe_calls.whole(customer_id)
        try:
            await self._call(
                lambda: customers.update_async(customer_id, params, {"idempotency_key": key}),
                stripe_answers.nothing,
                is_write=True,
            )
        except errors.GatewayError as error:
            if error.code != "stripe_object_missing":
                raise
            raise errors.GatewayError(error.detail, code="stripe_customer_missing", is_retryable=False) from error


def _details_params(details: billing.CustomerDetails) -> stripe.params.CustomerUpdateParams:
    """An empty string unsets a field, which an absent key would leave as it was; an address is replaced as a whole."""
    lines = {
        "line1": details.line1,
        "line2": details.line2,
        "city": details.city,
        "postal_code": details.postal_code,
        "country": details.country,
    }
    address: Any = {name: line for name, line in lines.items() if line}
    fields: Any = [{"name": TAX_ID_LABEL, "value": details.tax_id}] if details.tax_id else ""
    return {
        "name": details.name,
        "email": details.email,
        "address": address or "",
        "invoice_settings": {"custom_fields": fields},
    }
