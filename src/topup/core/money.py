"""Money is whole minor units with a currency, as Stripe counts them, and never a float.

Which currencies have how many decimals, what Stripe's smallest charge is, and how an amount reads to people. Stripe's
table is not ISO's and not Babel's: ISK and UGX are sent times 100, so the exponent is always taken from here.
"""

import re
from decimal import Decimal

from babel import numbers

_CODES = (
    "aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn bzd cad cdf chf "
    "clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd hkd hnl htg huf idr "
    "ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt mop mur "
    "mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar sbd scr "
    "sek sgd shp sle sos srd std szl thb tjs tnd top try ttd twd tzs uah ugx usd uyu uzs vnd vuv wst xaf xcd xcg "
    "xof xpf yer zar zmw"
)
CURRENCIES = frozenset(_CODES.split())
"""https://docs.stripe.com/currencies#presentment-currencies: what Stripe takes from somebody in the world."""

ZERO_DECIMAL = frozenset(
    ("bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf")
)
THREE_DECIMAL = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})
WHOLE_UNITS_ONLY = frozenset({"isk", "ugx"})
"""Counted in hundredths by Stripe, of which only whole hundreds can be charged."""

MINIMUM_MINOR = {
    "gbp": 30,
    "eur": 50,
    "usd": 50,
    "aud": 50,
    "cad": 50,
    "chf": 50,
    "sgd": 50,
    "nzd": 50,
    "brl": 50,
    "inr": 50,
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
    "zar": 50,
}
"""https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts; where none is listed, Stripe alone knows."""

_TYPED = re.compile(r"[0-9]{1,12}(\.[0-9]{1,3})?")
_PATTERNS = {0: "¤#,##0", 2: "¤#,##0.00", 3: "¤#,##0.000"}
_LOCALE = "en_GB"


def decimals(currency: str) -> int:
    """How many decimals Stripe's minor unit stands for."""
    code = currency.casefold()
    return 0 if code in ZERO_DECIMAL else 3 if code in THREE_DECIMAL else 2


def step_minor(currency: str) -> int:
    """The smallest difference between two prices that can be charged, in minor units."""
    code = currency.casefold()
    return 100 if code in WHOLE_UNITS_ONLY else 10 if code in THREE_DECIMAL else 1


def is_below_minimum(price_minor: int, currency: str) -> bool:
    """Whether Stripe would refuse this price as too small; judging in the settlement currency, it may still refuse."""
    return price_minor < MINIMUM_MINOR.get(currency.casefold(), step_minor(currency))


def major(price_minor: int, currency: str) -> Decimal:
    """The amount in the currency's main unit, exactly."""
    return Decimal(price_minor).scaleb(-decimals(currency))


def typed(text: str, currency: str) -> int:
    """An amount as people type it (10, 10.00, £1,000), in minor units; 0 for anything else."""
    plain = text.strip().lstrip("£$€").replace(",", "")
    if not _TYPED.fullmatch(plain):
        return 0
    minor = Decimal(plain).scaleb(decimals(currency))
    return int(minor) if minor == minor.to_integral_value() else 0


def short(price_minor: int, currency: str) -> str:
    """As people read it where the currency is plain: £10.00."""
    is_whole = currency.casefold() in WHOLE_UNITS_ONLY and price_minor % 100 == 0
    return numbers.format_currency(
        major(price_minor, currency),
        currency.upper(),
        format=_PATTERNS[0 if is_whole else decimals(currency)],
        locale=_LOCALE,
        currency_digits=False,
    )


def long(price_minor: int, currency: str) -> str:
    """As people read it where it must not be mistaken: £10.00 GBP."""
    shown, code = short(price_minor, currency), currency.upper()
    return shown if code in shown else f"{shown} {code}"
