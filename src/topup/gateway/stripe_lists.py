"""Stripe's lists over the SDK, page by page, and how their objects are read.

Part of topup.gateway.stripe. The SDK's own paging is not used: it would follow a list that loops for ever.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypedDict, cast
from uuid import UUID

import stripe

from topup.core import facts
from topup.gateway import listing, stripe_calls

PAYABLE_INTENT = frozenset({"requires_payment_method", "requires_confirmation", "requires_action"})


class _Created(TypedDict, total=False):
    gte: int
    lt: int


class _Asked(TypedDict, total=False):
    created: _Created
    limit: int
    starting_after: str


class Lists(stripe_calls.Desk):
    """Implements listing.Lists, whose docstrings hold."""

    async def page_of_checkouts(self, span: listing.Span, *, after_id: str | None) -> listing.Page[listing.Seen]:
        """Checkout sessions that take a payment."""
        sessions, params = (
            self._v1.checkout.sessions,
            cast("stripe.params.checkout.SessionListParams", _asked(span, after_id)),
        )
        return await self._call(lambda: sessions.list_async(params), _page_of(_checkout), is_write=False)

    async def page_of_intents(self, span: listing.Span, *, after_id: str | None) -> listing.Page[listing.Seen]:
        """Payment intents."""
        intents, params = (
            self._v1.payment_intents,
            cast("stripe.params.PaymentIntentListParams", _asked(span, after_id)),
        )
        return await self._call(lambda: intents.list_async(params), _page_of(_intent), is_write=False)

    async def page_of_invoices(self, span: listing.Span, *, after_id: str | None) -> listing.Page[listing.Seen]:
        """Invoices."""
        invoices, params = self._v1.invoices, cast("stripe.params.InvoiceListParams", _asked(span, after_id))
        return await self._call(lambda: invoices.list_async(params), _page_of(_invoice), is_write=False)

    async def page_of_refunds(self, span: listing.Span, *, after_id: str | None) -> listing.Page[listing.MoneyBack]:
        """Refunds."""
        refunds, params = self._v1.refunds, cast("stripe.params.RefundListParams", _asked(span, after_id))
        return await self._call(lambda: refunds.list_async(params), _page_of(_money_back), is_write=False)

    async def page_of_disputes(self, span: listing.Span, *, after_id: str | None) -> listing.Page[listing.MoneyBack]:
        """Disputes."""
        disputes, params = self._v1.disputes, cast("stripe.params.DisputeListParams", _asked(span, after_id))
        return await self._call(lambda: disputes.list_async(params), _page_of(_money_back), is_write=False)


def _asked(span: listing.Span, after_id: str | None) -> _Asked:
    created = _Created(gte=int(span.since.timestamp()))
    if span.until is not None:
        created["lt"] = int(span.until.timestamp())
    asked = _Asked(created=created, limit=stripe_calls.PAGE_SIZE)
    if after_id is not None:
        asked["starting_after"] = stripe_calls.whole(after_id)
    return asked


def _page_of(
    read: Callable[[Mapping[str, Any]], listing.T],
) -> Callable[[stripe.ListObject[Any]], listing.Page[listing.T]]:
    def understand(answer: stripe.ListObject[Any]) -> listing.Page[listing.T]:
        found, has_more = answer.data, answer.has_more
        if not isinstance(found, list) or not isinstance(has_more, bool):
            raise TypeError("a list that is none")
        if len(found) > stripe_calls.PAGE_SIZE:
            raise ValueError("a page with more than was asked for")
        return listing.Page(tuple(read(one.to_dict()) for one in found), has_more)

    return understand


def _checkout(told: Mapping[str, Any]) -> listing.Seen:
    return listing.Seen(
        id=told["id"],
        channel="CHECKOUT",
        created_at=_created(told),
        hint=_hint(told),
        is_payable=told["status"] == "open" and told["mode"] == "payment",
        fact=facts.of_session(told),
    )


def _intent(told: Mapping[str, Any]) -> listing.Seen:
    return listing.Seen(
        id=told["id"],
        channel="PAYMENT_INTENT",
        created_at=_created(told),
        hint=_hint(told),
        is_payable=told["status"] in PAYABLE_INTENT,
        fact=facts.of_intent_now(told),
    )


def _invoice(told: Mapping[str, Any]) -> listing.Seen:
    return listing.Seen(
        id=told["id"],
        channel="INVOICE",
        created_at=_created(told),
        hint=_hint(told),
        is_payable=told["status"] == "open",
        fact=facts.of_invoice(told),
    )


def _money_back(told: Mapping[str, Any]) -> listing.MoneyBack:
    intent = told["payment_intent"]
    return listing.MoneyBack(
        id=told["id"],
        created_at=_created(told),
        intent_id=intent["id"] if isinstance(intent, Mapping) else intent,
        amount_minor=told["amount"],
        currency=told["currency"],
        status=told["status"],
    )


def _created(told: Mapping[str, Any]) -> datetime:
    try:
        return datetime.fromtimestamp(told["created"], UTC)
    except (OverflowError, OSError) as fault:
        raise ValueError("a time that is none") from fault


def _hint(told: Mapping[str, Any]) -> UUID | None:
    metadata = told.get("metadata")
    hint = metadata.get("topup_payment_id") if isinstance(metadata, Mapping) else None
    try:
        return UUID(hint) if isinstance(hint, str) else None
    except ValueError:
        return None
