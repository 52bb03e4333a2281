"""Reads Stripe's answers into our values, whose types are checked on the way, since what is read here decides money.

Absent or ill-typed fields raise ValueError, TypeError or KeyError; the caller makes them one error (fault 36).
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pydantic.dataclasses
import stripe

from topup.core import facts
from topup.gateway import billing, protocol
from topup.gateway import refunds as money_back


def checkout(answer: stripe.checkout.Session) -> protocol.CheckoutSession:
    """A checkout session."""
    told = answer.to_dict()
    fields = {
        "id": told["id"],
        "status": told["status"],
        "payment_status": told["payment_status"],
        "url": told["url"],
        "client_reference_id": told["client_reference_id"],
        "customer_id": _reference(told["customer"]),
        "intent_id": _reference(told["payment_intent"]),
        "amount_subtotal_minor": told["amount_subtotal"],
        "amount_total_minor": told["amount_total"],
        "currency": told["currency"],
        "is_live": told["livemode"],
        "expires_at": datetime.fromtimestamp(told["expires_at"], UTC),
        "created_at": datetime.fromtimestamp(told["created"], UTC),
        "metadata": told["metadata"] or {},
        "fact": facts.of_session(told),
    }
    return protocol.CheckoutSession(**fields)


def checkouts(page: stripe.ListObject[stripe.checkout.Session]) -> list[protocol.CheckoutSession]:
    """One page of checkout sessions."""
    return [checkout(session) for session in page.data]


def account(answer: stripe.Account) -> protocol.StripeAccount:
    """The account of a key."""
    told = answer.to_dict()
    return protocol.StripeAccount(told["id"], told.get("country"), told.get("default_currency"))


def endpoints(page: stripe.ListObject[stripe.WebhookEndpoint]) -> list[protocol.WebhookEndpoint]:
    """One page of webhook endpoints."""
    return [_endpoint(endpoint.to_dict()) for endpoint in page.data]


def customers_of(user_id: UUID) -> Callable[[stripe.ListObject[stripe.Customer]], list[str]]:
    """The ids of those that were made for a person, newest first."""

    def read(answer: stripe.ListObject[stripe.Customer]) -> list[str]:
        told = answer.to_dict()["data"]
        return [str(one["id"]) for one in told if one["metadata"].get("topup_user_id") == str(user_id)]

    return read


def identity(answer: stripe.Customer) -> str:
    """The id of what was made."""
    if not isinstance(answer.id, str) or not answer.id:
        raise ValueError("an answer without an id")
    return answer.id


def intent(answer: stripe.PaymentIntent) -> billing.Intent:
    """A payment intent."""
    told = answer.to_dict()
    return billing.Intent(
        id=told["id"],
        status=told["status"],
        customer_id=_reference(told["customer"]),
        is_live=told["livemode"],
        fact=facts.of_intent_now(told),
        client_secret=told["client_secret"],
    )


def setup_intent(answer: stripe.SetupIntent) -> billing.SetupIntent:
    """A setup intent."""
    told = answer.to_dict()
    return billing.SetupIntent(
        id=told["id"],
        status=told["status"],
        customer_id=_reference(told["customer"]),
        client_secret=told["client_secret"],
    )


def tax_ids(page: stripe.ListObject[stripe.TaxId]) -> list[billing.TaxId]:
    """A customer's tax ids."""
    return [billing.TaxId(one.id, one.type, one.value) for one in page.data]


def card(answer: stripe.PaymentMethod) -> billing.Card:
    """A saved card."""
    told = answer.to_dict()
    return billing.Card(
        id=told["id"],
        customer_id=_reference(told["customer"]),
        brand=told["card"]["brand"],
        last4=told["card"]["last4"],
        exp_month=told["card"]["exp_month"],
        exp_year=told["card"]["exp_year"],
        created_at=datetime.fromtimestamp(told["created"], UTC),
    )


def cards(page: stripe.ListObject[stripe.PaymentMethod]) -> list[billing.Card]:
    """One page of saved cards."""
    return [card(method) for method in page.data]


def invoice(answer: stripe.Invoice) -> billing.Invoice:
    """An invoice."""
    told = answer.to_dict()
    due = told["due_date"]
    return billing.Invoice(
        id=told["id"],
        status=told["status"],
        number=told["number"],
        customer_id=_reference(told["customer"]),
        currency=told["currency"],
        total_minor=told["total"],
        amount_due_minor=told["amount_due"],
        amount_paid_minor=told["amount_paid"],
        is_live=told["livemode"],
        due_at=None if due is None else datetime.fromtimestamp(due, UTC),
        created_at=datetime.fromtimestamp(told["created"], UTC),
        metadata=told["metadata"] or {},
        fact=facts.of_invoice(told),
        hosted_url=told.get("hosted_invoice_url"),
        pdf_url=told.get("invoice_pdf"),
    )


def invoices(page: stripe.ListObject[stripe.Invoice]) -> list[billing.Invoice]:
    """One page of invoices."""
    return [invoice(one) for one in page.data]


def refund(answer: stripe.Refund) -> money_back.Refund:
    """A refund."""
    told = answer.to_dict()
    return money_back.Refund(
        id=told["id"],
        intent_id=_reference(told["payment_intent"]),
        amount_minor=told["amount"],
        currency=told["currency"],
        # A refund without a status would be one of money that moved outside: as good as done.
        status=told["status"] or "succeeded",
        reason=told["reason"],
        failure=told.get("failure_reason"),
        refund_id=facts.row_id(told, "topup_refund_id"),
        created_at=datetime.fromtimestamp(told["created"], UTC),
    )


def refunds(found: list[stripe.Refund]) -> list[money_back.Refund]:
    """All refunds of a charge."""
    return [refund(one) for one in found]


def dispute(answer: stripe.Dispute) -> money_back.Dispute:
    """A dispute. Its movements are signed from our side: withdrawn is less, reinstated more."""
    told = answer.to_dict()
    moved_minor = [movement["amount"] for movement in told["balance_transactions"]]
    answer_by = told["evidence_details"]["due_by"]
    return money_back.Dispute(
        id=told["id"],
        amount_minor=told["amount"],
        currency=told["currency"],
        status=told["status"],
        reason=told["reason"],
        withdrawn_minor=-sum(amount_minor for amount_minor in moved_minor if amount_minor < 0),
        reinstated_minor=sum(amount_minor for amount_minor in moved_minor if amount_minor > 0),
        answer_by=None if answer_by is None else datetime.fromtimestamp(answer_by, UTC),
        opened_at=datetime.fromtimestamp(told["created"], UTC),
    )


def disputes(found: list[stripe.Dispute]) -> list[money_back.Dispute]:
    """All disputes of a charge."""
    return [dispute(one) for one in found]


def charged(answer: stripe.PaymentIntent) -> money_back.Charged:
    """What a payment intent took in."""
    told = answer.to_dict()
    return money_back.Charged(told["id"], told["amount_received"], facts.row_id(told, "topup_payment_id"))


@pydantic.dataclasses.dataclass(frozen=True, slots=True, config=money_back.AS_TOLD)
class InvoicePayment:
    """Which intent paid which invoice; None where it was paid by other means."""

    invoice_id: str
    intent_id: str | None


def invoice_payments(page: stripe.ListObject[stripe.InvoicePayment]) -> list[InvoicePayment]:
    """One page of invoice payments, newest first."""
    found = [one.to_dict() for one in page.data]
    return [
        InvoicePayment(_reference(one["invoice"]) or "", _reference(one["payment"].get("payment_intent")))
        for one in found
    ]


def nothing(_answer: object) -> None:
    """For calls of which only the success matters."""


def _endpoint(told: Mapping[str, Any]) -> protocol.WebhookEndpoint:
    fields = {name: told[name] for name in ("id", "url", "status", "api_version")}
    return protocol.WebhookEndpoint(**fields, enabled_events=tuple(told["enabled_events"]))


def _reference(told: str | Mapping[str, Any] | None) -> str | None:
    """The id of another object, which may stand there whole."""
    return told["id"] if isinstance(told, Mapping) else told
