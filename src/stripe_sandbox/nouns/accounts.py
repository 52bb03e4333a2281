"""The one account, and the balance that its charges, refunds and disputes add up to.

Whoever moves money books it here; nothing is ever paid out, and everything is available at once.
"""

from typing import Final

from stripe.params import _account_retrieve_current_params as current_params
from stripe.params import _account_retrieve_params as retrieve_params
from stripe.params import _balance_retrieve_params as balance_params
from stripe.params import _balance_transaction_list_params as list_params
from stripe.params import _balance_transaction_retrieve_params as transaction_params

from stripe_sandbox import errors, ids, listing
from stripe_sandbox.routing import Call, Route
from stripe_sandbox.store import Body
from stripe_sandbox.work import Work

URL: Final = "/v1/balance_transactions"
COUNTRY: Final = "GB"
CURRENCY: Final = "gbp"
NAME: Final = "Offline sandbox"

FEE_BASIS_POINTS: Final = 150
FEE_FIXED_MINOR: Final = 20

SUMS: Final = """
SELECT json_extract(body, '$.currency') AS currency, json_extract(body, '$.status') AS status,
       sum(json_extract(body, '$.net')) AS net
FROM objects WHERE object = 'balance_transaction' GROUP BY 1, 2
"""


def fee_of(amount_minor: int) -> int:
    """Return Stripe's fee for a charge, near enough for tests."""
    return amount_minor * FEE_BASIS_POINTS // 10_000 + FEE_FIXED_MINOR


def book(work: Work, source: Body, amount_minor: int, fee_minor: int, **more: object) -> Body:
    """Write a movement of the balance."""
    fees = [
        {
            "amount": fee_minor,
            "application": None,
            "currency": source["currency"],
            "description": "Stripe processing fees",
            "type": "stripe_fee",
        },
    ]
    body: Body = {
        "id": ids.new("txn_"),
        "object": "balance_transaction",
        "amount": amount_minor,
        "available_on": work.now,
        "balance_type": "payments",
        "created": work.now,
        "currency": source["currency"],
        "description": None,
        "exchange_rate": None,
        "fee": fee_minor,
        "fee_details": fees if fee_minor else [],
        "net": amount_minor - fee_minor,
        "reporting_category": "charge",
        "source": source["id"],
        "status": "available",
        "type": "charge",
    }
    return work.add({**body, **more})


def _account(_call: Call) -> Body:
    return {
        "id": ids.ACCOUNT,
        "object": "account",
        "business_profile": {
            "annual_revenue": None,
            "estimated_worker_count": None,
            "mcc": None,
            "minority_owned_business_designation": None,
            "name": NAME,
            "product_description": None,
            "support_address": None,
            "support_email": None,
            "support_phone": None,
            "support_url": None,
            "url": None,
        },
        "business_type": "company",
        "capabilities": {"card_payments": "active", "bacs_debit_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "country": COUNTRY,
        "created": 1_700_000_000,
        "default_currency": CURRENCY,
        "details_submitted": True,
        "email": "sandbox@example.com",
        "payouts_enabled": True,
        "settings": {
            "bacs_debit_payments": {"display_name": None, "service_user_number": None},
            "branding": {"icon": None, "logo": None, "primary_color": None, "secondary_color": None},
            "card_payments": {
                "decline_on": {"avs_failure": False, "cvc_failure": False},
                "statement_descriptor_prefix": None,
                "statement_descriptor_prefix_kana": None,
                "statement_descriptor_prefix_kanji": None,
            },
            "dashboard": {"display_name": NAME, "timezone": "Etc/UTC"},
            "payments": {
                "statement_descriptor": "OFFLINE SANDBOX",
                "statement_descriptor_kana": None,
                "statement_descriptor_kanji": None,
            },
        },
        "type": "standard",
    }


def _other_account(call: Call) -> Body:
    if call.id != ids.ACCOUNT:
        raise errors.no_access(call.id)
    return _account(call)


def _balance(call: Call) -> Body:
    sums: dict[str, dict[str, int]] = {"available": {}, "pending": {}}
    for row in call.work.store.rows(SUMS):
        sums[row["status"]][row["currency"]] = row["net"]
    currencies = sorted({CURRENCY, *sums["available"], *sums["pending"]})
    shares = {
        name: [
            {"amount": amounts.get(code, 0), "currency": code, "source_types": {"card": amounts.get(code, 0)}}
            for code in currencies
        ]
        for name, amounts in sums.items()
    }
    return {"object": "balance", "livemode": False, **shares}


def _transaction(call: Call) -> Body:
    return call.work.get("balance_transaction", call.id)


def _transactions(call: Call) -> Body:
    return listing.page(call, "balance_transaction", URL, "type", "source")


ROUTES: Final = (
    Route("GET", "/v1/account", _account, current_params.AccountRetrieveCurrentParams),
    Route("GET", "/v1/accounts/{id}", _other_account, retrieve_params.AccountRetrieveParams),
    Route("GET", "/v1/balance", _balance, balance_params.BalanceRetrieveParams),
    Route("GET", URL, _transactions, list_params.BalanceTransactionListParams),
    Route("GET", URL + "/{id}", _transaction, transaction_params.BalanceTransactionRetrieveParams),
)
