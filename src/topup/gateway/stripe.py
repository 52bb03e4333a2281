"""The gateway to Stripe over the official SDK: what is sent, word for word.

Nothing here knows our tables, chooses an idempotency key or decides an amount. A live key is refused for any address
but Stripe's own; the SDK's telemetry is off.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import httpx2
import stripe

from topup import errors
from topup.gateway import protocol, stripe_answers, stripe_calls
from topup.gateway.stripe_calls import PAGE_SIZE
from topup.gateway.stripe_cards import Cards
from topup.gateway.stripe_intents import Intents
from topup.gateway.stripe_invoices import Invoices
from topup.gateway.stripe_lists import Lists
from topup.gateway.stripe_refunds import Refunds

API_VERSION = "2026-10-28.endive"
STRIPE_API_BASE = "https://api.stripe.com"
LIVE_KEYS = ("sk_live_", "rk_live_")


@asynccontextmanager
async def opened(
    api_key: str,
    *,
    api_base: str = "",
    patience: stripe_calls.Patience = stripe_calls.ORDINARY,
    note_call: stripe_calls.NoteCall = stripe_calls.note_nothing,
) -> AsyncIterator["Gateway"]:
    """A gateway for one key. `api_base` is an offline Stripe's address; empty means Stripe itself.

    `note_call` hears of each call: its name, "ok" or our error's code, and its seconds.
    """
    base = api_base.rstrip("/") or STRIPE_API_BASE
    is_live = api_key.startswith(LIVE_KEYS)
    if is_live and base != STRIPE_API_BASE:
        raise errors.Unavailable(f"A live Stripe key must not be sent to {base}.", code="live_key_refused")
    stripe.enable_telemetry = False
    http = stripe.HTTPXClient(timeout=httpx2.Timeout(patience.answer_seconds, connect=patience.connect_seconds))
    client = stripe.StripeClient(
        api_key,
        stripe_version=API_VERSION,
        base_addresses={"api": base},
        max_network_retries=patience.network_retries,
        http_client=http,
    )
    try:
        yield Gateway(client, stripe_calls.Caller(patience, note_call), is_live=is_live)
    finally:
        await http.close_async()


class Gateway(Intents, Cards, Invoices, Lists, Refunds):
    """Implements protocol.Stripe, whose docstrings hold."""

    def __init__(self, client: stripe.StripeClient, caller: stripe_calls.Caller, *, is_live: bool) -> None:
        super().__init__(client, caller)
        self._is_live = is_live

    @property
    def is_live(self) -> bool:
        """Whether its key moves real money."""
        return self._is_live

    async def create_customer(self, new: protocol.NewCustomer, *, key: str) -> str:
        """Make a customer; its id."""
        customers = self._v1.customers
        metadata = {"topup_user_id": str(new.user_id)}
        return await self._call(
            lambda: customers.create_async(
                {"email": new.email, "name": new.name, "metadata": metadata}, {"idempotency_key": key}
            ),
            stripe_answers.identity,
            is_write=True,
        )

    async def find_customers(self, user_id: UUID, email: str) -> list[str]:
        """The customers of a person; lists are complete at once, unlike Stripe's search."""
        customers = self._v1.customers
        return await self._call(
            lambda: customers.list_async({"email": email, "limit": stripe_calls.PAGE_SIZE}),
            stripe_answers.customers_of(user_id),
            is_write=False,
        )

    async def create_checkout(self, new: protocol.NewCheckout, *, key: str) -> protocol.CheckoutSession:
        """Make a hosted checkout session."""
        sessions, params = self._v1.checkout.sessions, _checkout_params(new)
        return await self._call(
            lambda: sessions.create_async(params, {"idempotency_key": key}), stripe_answers.checkout, is_write=True
        )

    async def retrieve_checkout(self, session_id: str) -> protocol.CheckoutSession:
        """A session as it stands now."""
        sessions, session_id = self._v1.checkout.sessions, stripe_calls.whole(session_id)
        return await self._call(lambda: sessions.retrieve_async(session_id), stripe_answers.checkout, is_write=False)

    async def expire_checkout(self, session_id: str, *, key: str) -> protocol.CheckoutSession:
        """Close an open session."""
        sessions, session_id = self._v1.checkout.sessions, stripe_calls.whole(session_id)
        try:
            return await self._call(
                lambda: sessions.expire_async(session_id, {}, {"idempotency_key": key}),
                stripe_answers.checkout,
                is_write=True,
            )
        except errors.GatewayError as error:
            if error.code == "stripe_refused":
                raise errors.Conflict("This checkout is not open any more.", code="checkout_not_open") from error
            raise

    async def list_checkouts(self, *, customer_id: str) -> list[protocol.CheckoutSession]:
        """A customer's sessions, newest first, at most a hundred."""
        sessions, customer_id = self._v1.checkout.sessions, stripe_calls.whole(customer_id)
        return await self._call(
            lambda: sessions.list_async({"customer": customer_id, "limit": PAGE_SIZE}),
            stripe_answers.checkouts,
            is_write=False,
        )

    async def retrieve_account(self) -> protocol.StripeAccount:
        """The account that the key belongs to."""
        return await self._call(self._v1.accounts.retrieve_current_async, stripe_answers.account, is_write=False)

    async def list_webhook_endpoints(self) -> list[protocol.WebhookEndpoint]:
        """The endpoints of this account and mode."""
        endpoints = self._v1.webhook_endpoints
        return await self._call(
            lambda: endpoints.list_async({"limit": PAGE_SIZE}), stripe_answers.endpoints, is_write=False
        )


def _checkout_params(new: protocol.NewCheckout) -> stripe.params.checkout.SessionCreateParams:
    ours = {"topup_payment_id": str(new.payment_id), "topup_account_id": str(new.account_id)}
    return {
        "mode": "payment",
        "customer": new.customer_id,
        "client_reference_id": str(new.payment_id),
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": new.currency,
                    "unit_amount": new.price_minor,
                    "product_data": {"name": new.package_name, "description": new.description},
                },
            }
        ],
        "metadata": ours,
        "payment_intent_data": {"metadata": ours, "description": f"{new.package_name}: {new.description}"},
        "adaptive_pricing": {"enabled": False},
        "success_url": new.success_url,
        "cancel_url": new.cancel_url,
    }
