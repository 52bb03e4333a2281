"""Cash balances: bank transfers that customers send, and the open invoices they pay, oldest first.

Money that is not enough for the next invoice waits; Stripe would tell so as `payment_intent.partially_funded`.
"""

from typing import Final

from stripe.params import _customer_cash_balance_retrieve_params as retrieve_params
from stripe.params import _customer_cash_balance_transaction_list_params as list_params
from stripe.params.test_helpers import _customer_fund_cash_balance_params as fund_params

from stripe_sandbox import attempts, billing, errors, ids, listing, money
from stripe_sandbox.nouns import customers, payment_methods
from stripe_sandbox.routing import Call, Route
from stripe_sandbox.store import Body
from stripe_sandbox.work import Work

OF_CUSTOMER: Final = customers.URL + "/{id}"
TRANSACTION: Final = "customer_cash_balance_transaction"


def fund(work: Work, customer_id: str, amount_minor: int, currency: str) -> Body:
    """Let a bank transfer arrive, and pay with it what is open; returns the transfer."""
    if amount_minor < 1:
        raise errors.invalid("Invalid positive integer", code="parameter_invalid_integer", param="amount")
    funded: Body = {
        "bank_transfer": {
            "gb_bank_transfer": {"account_number_last4": "2345", "sender_name": "SANDBOX", "sort_code": "108800"},
            "reference": ids.random_text(8).upper(),
            "type": "gb_bank_transfer",
        },
    }
    arrived = _book(work, customer_id, currency, amount_minor, "funded", funded=funded)
    work.emit("cash_balance.funds_available", balance(work, customer_id))
    _reconcile(work, customer_id, currency)
    return arrived


def balance(work: Work, customer_id: str) -> Body:
    """Return a customer's cash balance."""
    return {
        "object": "cash_balance",
        "available": _available(work, customer_id) or None,
        "customer": customer_id,
        "customer_account": None,
        "livemode": False,
        "settings": {"reconciliation_mode": "automatic", "using_merchant_default": True},
    }


def _available(work: Work, customer_id: str) -> dict[str, int]:
    return work.hidden(customer_id).get("cash") or {}


def _book(work: Work, customer_id: str, currency: str, net_minor: int, kind: str, **more: Body) -> Body:
    cash = _available(work, customer_id)
    ending_minor = cash.get(currency, 0) + net_minor
    work.hide(customer_id, cash={**cash, currency: ending_minor})
    body: Body = {
        "id": ids.new("ccsbtxn_"),
        "object": TRANSACTION,
        "created": work.now,
        "currency": currency,
        "customer": customer_id,
        "customer_account": None,
        "ending_balance": ending_minor,
        "livemode": False,
        "net_amount": net_minor,
        "type": kind,
        **more,
    }
    return work.add(body, "customer_cash_balance_transaction.created")


def _reconcile(work: Work, customer_id: str, currency: str) -> None:
    asked = {"limit": listing.LIMIT_MAX, "customer": customer_id, "status": "open"}
    found = listing.page(Call(work, asked, {}), "invoice", "/v1/invoices", "customer", "status")["data"]
    for invoice in reversed(found):
        types = invoice["payment_settings"]["payment_method_types"] or ()
        if invoice["currency"] != currency or "customer_balance" not in types:
            continue
        intent = billing.intent_of(work, invoice)
        if _available(work, customer_id)[currency] < invoice["amount_remaining"]:
            if _available(work, customer_id)[currency]:
                work.emit("payment_intent.partially_funded", intent)
            return
        method = payment_methods.from_cash_balance(work, customer_id)
        billing.pay(work, invoice, method, attempts.Terms())
        spent_minor, applied = invoice["amount_remaining"], {"payment_intent": intent["id"]}
        _book(work, customer_id, currency, -spent_minor, "applied_to_payment", applied_to_payment=applied)


def _fund(call: Call) -> Body:
    customers.living(call.work, call.id, "id")
    currency = money.check_currency(call.params["currency"])
    return fund(call.work, call.id, call.params["amount"], currency)


def _retrieve(call: Call) -> Body:
    customers.living(call.work, call.id, "id")
    return balance(call.work, call.id)


def _list(call: Call) -> Body:
    customers.living(call.work, call.id, "id")
    url = f"{customers.URL}/{call.id}/cash_balance_transactions"
    return listing.page(call, TRANSACTION, url, customer=call.id)


ROUTES: Final = (
    Route(
        "POST",
        "/v1/test_helpers/customers/{id}/fund_cash_balance",
        _fund,
        fund_params.CustomerFundCashBalanceParams,
    ),
    Route("GET", OF_CUSTOMER + "/cash_balance", _retrieve, retrieve_params.CustomerCashBalanceRetrieveParams),
    Route(
        "GET",
        OF_CUSTOMER + "/cash_balance_transactions",
        _list,
        list_params.CustomerCashBalanceTransactionListParams,
    ),
)
