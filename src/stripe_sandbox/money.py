"""Stripe's currencies: decimals, smallest and largest charge, and how an amount is written for people.

Amounts are whole minor units. The minimum is judged in the charge's own currency; this sandbox converts nothing.
"""

from decimal import Decimal
from typing import Final

from stripe_sandbox import errors

ZERO_DECIMAL: Final = frozenset(
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"],
)
THREE_DECIMAL: Final = frozenset(["bhd", "jod", "kwd", "omr", "tnd"])
WHOLE: Final = frozenset(["isk", "ugx"])
"""Sent in hundredths for history's sake, charged in whole units."""
SIGNS: Final = {"gbp": "£", "eur": "€", "usd": "$", "jpy": "¥"}

MINIMUMS: Final = {
    **dict.fromkeys(("eur", "usd", "aud", "cad", "chf", "sgd", "nzd", "brl", "inr", "zar"), 50),
    "gbp": 30,
    "aed": 200,
    "czk": 1500,
    "dkk": 250,
    "hkd": 400,
    "huf": 17500,
    "jpy": 50,
    "mxn": 1000,
    "myr": 200,
    "nok": 300,
    "pln": 200,
    "ron": 200,
    "sek": 300,
    "thb": 1000,
}
MAXIMUM: Final = 99_999_999
CODE_LENGTH: Final = 3


def check_currency(currency: str, param: str = "currency") -> str:
    """Return the currency in lower case, or refuse what is none."""
    code = currency.lower()
    if len(code) != CODE_LENGTH or not code.isalpha() or not code.isascii():
        raise errors.invalid(f"Invalid currency: {currency}.", param=param)
    return code


def check_amount(amount: int, currency: str, param: str | None) -> None:
    """Refuse what Stripe would not charge."""
    least = MINIMUMS.get(currency, 1)
    if amount < least:
        message = f"The amount must be at least {written(least, currency)}."
        raise errors.invalid(message, code="amount_too_small", param=param)
    if amount > MAXIMUM:
        message = f"The amount must be no more than {written(MAXIMUM, currency)}."
        raise errors.invalid(message, code="amount_too_large", param=param)
    step = 10 if currency in THREE_DECIMAL else 100 if currency in WHOLE else 1
    if amount % step:
        message = f"Amounts in {currency.upper()} must be a multiple of {step}."
        raise errors.invalid(message, code="parameter_invalid_integer", param=param)


def written(amount: int, currency: str) -> str:
    """Return an amount as people write it, such as £10.00."""
    places = 0 if currency in ZERO_DECIMAL else 3 if currency in THREE_DECIMAL else 2
    number = f"{Decimal(abs(amount)).scaleb(-places):,.{places}f}"
    sign = "-" if amount < 0 else ""
    mark = SIGNS.get(currency)
    return f"{sign}{mark}{number}" if mark else f"{sign}{number} {currency.upper()}"
