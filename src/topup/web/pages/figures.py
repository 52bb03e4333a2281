"""How counts of credits are written: thousands apart by a thin space that never breaks, a true minus.

Pure; used as filters by the templates. Money is written by topup.core.money.
"""

from decimal import ROUND_HALF_UP, Decimal

from babel import numbers

from topup.core import money

THIN_SPACE = "\u202f"
MINUS = "\u2212"


def whole(count: int) -> str:
    """1 000; below zero with a true minus."""
    return f"{count:,}".replace(",", THIN_SPACE).replace("-", MINUS)


def signed(count: int) -> str:
    """+1 000: a movement always says its direction."""
    return f"+{whole(count)}" if count > 0 else whole(count)


def each(price_minor: int, count: int, currency: str) -> str:
    """What one of `count` costs, with at most two decimals more than the currency has: £0.09, £0.085."""
    digits = money.decimals(currency)
    exact = money.major(price_minor, currency) / count
    shown = exact.quantize(Decimal(1).scaleb(-digits - 2), ROUND_HALF_UP)
    pattern = "¤#,##0" + ("." + "0" * digits if digits else ".") + "##"
    return numbers.format_currency(shown, currency.upper(), format=pattern, locale="en_GB", currency_digits=False)


def saving_percent(price_minor: int, count: int, smallest_minor: int, smallest_count: int) -> int:
    """Whole per cents by which a credit is cheaper than in the smallest package; never rounded up."""
    if smallest_minor <= 0:
        return 0
    return max(0, 100 - -(-100 * price_minor * smallest_count // (count * smallest_minor)))


def counted(count: int, unit: str) -> str:
    """1 credit, 100 credits."""
    return f"{whole(count)} {unit if count == 1 else unit + 's'}"
