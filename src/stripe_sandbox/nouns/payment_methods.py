"""Payment methods: a card or a bank account that was typed in, or one of Stripe's `pm_card_*` tokens.

The object shows what Stripe shows; which test card it is, and so its fate, is kept hidden beside it. Attached to a
customer it can be used again; used without, or detached, it is spent.
"""

import hashlib
from typing import Final

from stripe.params import _customer_list_payment_methods_params as customer_list_params
from stripe.params import _customer_payment_method_retrieve_params as customer_retrieve_params
from stripe.params import _payment_method_attach_params as attach_params
from stripe.params import _payment_method_create_params as create_params
from stripe.params import _payment_method_detach_params as detach_params
from stripe.params import _payment_method_list_params as list_params
from stripe.params import _payment_method_retrieve_params as retrieve_params
from stripe.params import _payment_method_update_params as update_params

from stripe_sandbox import banks, cards, errors, ids, listing
from stripe_sandbox.nouns import addresses, customers, support
from stripe_sandbox.routing import Call, Route
from stripe_sandbox.store import Body
from stripe_sandbox.work import Work

URL: Final = "/v1/payment_methods"
TAKEN: Final = ("type", "card", "bacs_debit", "billing_details", "metadata", "allow_redisplay")
TOKEN_EXPIRY: Final = (12, 5)
"""Month, and years ahead, of the cards that tokens stand for."""


def from_card(work: Work, typed: cards.Typed, given: Body | None = None) -> Body:
    """Add the payment method for a card that was typed."""
    card = typed.card
    body: Body = {
        **_blank(work, "card", given),
        "card": {
            "brand": card.brand,
            "checks": {
                "address_line1_check": None,
                "address_postal_code_check": card.postcode_check if typed.has_postcode else None,
                "cvc_check": card.cvc_check if typed.has_cvc else None,
            },
            "country": card.country,
            "display_brand": "american_express" if card.brand == "amex" else card.brand,
            "exp_month": typed.exp_month,
            "exp_year": typed.exp_year,
            "fingerprint": fingerprint(card.number),
            "funding": card.funding,
            "generated_from": None,
            "last4": card.last4,
            "networks": {"available": [card.brand], "preferred": None},
            "regulated_status": "unregulated",
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        },
        "radar_options": {},
    }
    return work.add(body, card=card.number, is_set_up=card.authentication == "set_up")


def from_account(work: Work, account: banks.Account, given: Body | None = None) -> Body:
    """Add the payment method for a bank account that was typed."""
    body = {
        **_blank(work, "bacs_debit", given),
        "bacs_debit": {
            "fingerprint": fingerprint(account.number),
            "last4": account.last4,
            "sort_code": banks.SORT_CODE,
        },
    }
    return work.add(body, account=account.number)


def from_cash_balance(work: Work, customer_id: str) -> Body:
    """Add the payment method that stands for a customer's transferred money."""
    body: Body = {**_blank(work, "customer_balance", None), "customer": customer_id, "customer_balance": {}}
    return work.add(body)


def from_token(work: Work, token: str) -> Body | None:
    """Add the payment method that one of Stripe's test tokens stands for, or return None when it is no token."""
    card = cards.BY_TOKEN.get(token)
    if card:
        return from_card(work, cards.Typed(card, *token_expiry(work), has_cvc=True))
    account = banks.BY_TOKEN.get(token)
    return from_account(work, account) if account else None


def token_expiry(work: Work) -> tuple[int, int]:
    """Return the month and year in which the cards of tokens expire."""
    month, years_ahead = TOKEN_EXPIRY
    return month, support.year_of(work.now) + years_ahead


def resolve(work: Work, named: str, param: str = "payment_method") -> Body:
    """Return the payment method with this id, or made from this token."""
    return from_token(work, named) or work.get("payment_method", named, param)


def fingerprint(number: str) -> str:
    """Return what is the same for the same card or account, whoever typed it."""
    return hashlib.sha256(number.encode()).hexdigest()[:16]


def read_card(work: Work, given: Body) -> cards.Typed:
    """Read the card of a `card` parameter."""
    number, cvc = str(given.get("number", "")), str(given.get("cvc", ""))
    today = (support.year_of(work.now), support.month_of(work.now))
    return cards.read(number, str(given.get("exp_month", "")), str(given.get("exp_year", "")), cvc, today)


def create(work: Work, given: Body) -> Body:
    """Add the payment method that parameters describe."""
    if "number" in (given.get("card") or {}):
        return from_card(work, read_card(work, given["card"]), given)
    token = (given.get("card") or {}).get("token")
    if token:
        method = from_token(work, token.replace("tok_", "pm_card_", 1))
        if method is None:
            raise errors.no_such("token", token, "card[token]")
        return method
    if given.get("type") == "bacs_debit":
        bank = given.get("bacs_debit") or {}
        account = banks.read(bank.get("sort_code", ""), bank.get("account_number", ""))
        return from_account(work, account, given)
    if given.get("type") in {None, "card"}:
        raise errors.missing_parameter("card")
    raise errors.unsupported(f"payment methods of type {given['type']}")


def check_named(given: Body) -> None:
    """Refuse to confirm at once without saying with what, before anything is made."""
    if given.get("confirm") and not given.get("payment_method") and not given.get("payment_method_data"):
        raise errors.missing_parameter("payment_method")


def chosen(work: Work, intent: Body, given: Body) -> Body | None:
    """Return the method named or described for an intent, refusing one that is another's or spent."""
    if given.get("payment_method_data"):
        return create(work, given["payment_method_data"])
    if "payment_method" not in given:
        return None
    method = resolve(work, given["payment_method"])
    if method["customer"] and method["customer"] != intent["customer"]:
        message = "The PaymentMethod belongs to a Customer. Please include the Customer in the `customer` parameter."
        raise errors.invalid(message, param="payment_method")
    if work.hidden(method["id"]).get("is_spent"):
        message = "The PaymentMethod was used before without being attached to a Customer, and may not be used again."
        raise errors.invalid(message, param="payment_method")
    return method


def detach(work: Work, method: Body) -> Body:
    """Take a saved method from its customer; it can never be used again."""
    work.hide(method["id"], is_spent=True)
    customer = work.find(method["customer"])
    if customer and customer.get("invoice_settings", {}).get("default_payment_method") == method["id"]:
        settings = {**customer["invoice_settings"], "default_payment_method": None}
        work.change(customer, {"invoice_settings": settings}, "customer.updated", tells=True)
    return work.change(method, {"customer": None}, "payment_method.detached", tells=True)


def _blank(work: Work, kind: str, given: Body | None) -> Body:
    known = given or {}
    metadata: Body = known.get("metadata") or {}
    return {
        "id": ids.new("pm_"),
        "object": "payment_method",
        "allow_redisplay": known.get("allow_redisplay") or "unspecified",
        "billing_details": addresses.billing(known.get("billing_details")),
        "created": work.now,
        "customer": None,
        "customer_account": None,
        "livemode": False,
        "metadata": metadata,
        "type": kind,
    }


def _create(call: Call) -> Body:
    support.only(call.params, (*TAKEN, "client_secret"))
    if "number" in (call.params.get("card") or {}) and not call.is_publishable:
        message = (
            "Sending card numbers with a secret key is refused: card data must reach Stripe from the buyer's browser. "
            "For tests use a token such as pm_card_visa."
        )
        raise errors.invalid(message, param="card[number]")
    return create(call.work, call.params)


def _retrieve(call: Call) -> Body:
    return resolve(call.work, call.id, "id")


def _update(call: Call) -> Body:
    support.only(call.params, ("allow_redisplay", "billing_details", "card", "metadata"))
    method, given = call.work.get("payment_method", call.id), call.params
    changes: Body = {}
    if "allow_redisplay" in given:
        changes["allow_redisplay"] = given["allow_redisplay"]
    if "billing_details" in given:
        changes["billing_details"] = addresses.billing({**method["billing_details"], **given["billing_details"]})
    if "card" in given and method["type"] == "card":
        expiry = {name: given["card"][name] for name in ("exp_month", "exp_year") if name in given["card"]}
        changes["card"] = {**method["card"], **expiry}
    if "metadata" in given:
        changes["metadata"] = support.merged_metadata(method["metadata"], given["metadata"])
    return call.work.change(method, changes, "payment_method.updated", tells=True)


def _attach(call: Call) -> Body:
    if "customer" not in call.params:
        raise errors.missing_parameter("customer")
    customers.living(call.work, call.params["customer"])
    method = resolve(call.work, call.id, "id")
    number = call.work.hidden(method["id"]).get("card")
    if number and not cards.BY_NUMBER[number].attachable:
        card = cards.BY_NUMBER[number]
        code = card.decline or "card_declined"
        message = cards.MESSAGES.get(card.decline_code or "", cards.MESSAGES[code])
        raise errors.declined(message, code=code, decline_code=card.decline_code)
    return support.attach(call.work, method["id"], call.params["customer"])


def _detach(call: Call) -> Body:
    method = call.work.get("payment_method", call.id)
    if method["customer"] is None:
        message = "The payment method you provided is not attached to a customer so detachment is impossible."
        raise errors.not_now(message, param="payment_method")
    return detach(call.work, method)


def _list(call: Call) -> Body:
    customer = call.params.get("customer")
    if customer:
        customers.living(call.work, customer)
    return listing.page(call, "payment_method", URL, "customer", "type")


def _list_of_customer(call: Call) -> Body:
    customers.living(call.work, call.id, "id")
    url = f"{customers.URL}/{call.id}/payment_methods"
    return listing.page(call, "payment_method", url, "type", customer=call.id)


def _retrieve_of_customer(call: Call) -> Body:
    method = call.work.get("payment_method", call.path["method"])
    if method["customer"] != call.id:
        raise errors.no_such("PaymentMethod", call.path["method"])
    return method


OF_CUSTOMER: Final = customers.URL + "/{id}/payment_methods"
ROUTES: Final = (
    Route("POST", URL, _create, create_params.PaymentMethodCreateParams, publishable=True),
    Route("GET", URL, _list, list_params.PaymentMethodListParams),
    Route("GET", URL + "/{id}", _retrieve, retrieve_params.PaymentMethodRetrieveParams),
    Route("POST", URL + "/{id}", _update, update_params.PaymentMethodUpdateParams),
    Route("POST", URL + "/{id}/attach", _attach, attach_params.PaymentMethodAttachParams),
    Route("POST", URL + "/{id}/detach", _detach, detach_params.PaymentMethodDetachParams),
    Route("GET", OF_CUSTOMER, _list_of_customer, customer_list_params.CustomerListPaymentMethodsParams),
    Route(
        "GET",
        OF_CUSTOMER + "/{method}",
        _retrieve_of_customer,
        customer_retrieve_params.CustomerPaymentMethodRetrieveParams,
    ),
)
