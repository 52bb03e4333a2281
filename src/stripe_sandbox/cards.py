"""Stripe's published test cards: what each number, or its token, does when it is charged.

Only numbers and outcomes; `attempts` acts on them. Any other number that passes the check digit is refused as Stripe
refuses real cards in test mode.
"""

import dataclasses
from typing import Final

from stripe_sandbox import errors

GENERIC: Final = "generic_decline"

MESSAGES: Final = {
    "card_declined": "Your card was declined.",
    "insufficient_funds": "Your card has insufficient funds.",
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
    "incorrect_number": "Your card number is incorrect.",
    "invalid_expiry_month": "Your card's expiration month is invalid.",
    "invalid_expiry_year": "Your card's expiration year is invalid.",
    "invalid_cvc": "Your card's security code is invalid.",
    "authentication_required": "Your card was declined. This transaction requires authentication.",
    "payment_intent_authentication_failure": (
        "We are unable to authenticate your payment method. Please choose a different payment method and try again."
    ),
    "setup_intent_authentication_failure": (
        "We are unable to authenticate your payment method. Please choose a different payment method and try again."
    ),
    "card_velocity_exceeded": "Your card was declined for making repeated attempts too frequently.",
}


@dataclasses.dataclass(frozen=True)
class Card:
    """One test card and its fate."""

    number: str
    token: str | None
    title: str
    brand: str = "visa"
    country: str = "US"
    funding: str = "credit"
    decline: str | None = None
    """The error code of every charge: card_declined, expired_card, ..."""
    decline_code: str | None = None
    advice: str = "try_again_later"
    authentication: str = "none"
    """none, optional, first (only until set up), always, or set_up (already set up: asks on session only)."""
    attachable: bool = True
    cvc_check: str = "pass"
    postcode_check: str = "pass"
    risk: str = "normal"
    is_blocked: bool = False
    dispute: str | None = None
    """The reason of the disputes that follow a charge; `inquiry:` before it makes them inquiries."""
    disputes: int = 1
    warns_of_fraud: bool = False
    refund: str = "succeeds"

    @property
    def last4(self) -> str:
        """The digits that people may see."""
        return self.number[-4:]

    @property
    def cvc_length(self) -> int:
        """American Express prints four digits, all others three."""
        return 4 if self.brand == "amex" else 3


def _declined(
    number: str, token: str | None, title: str, code: str, decline_code: str | None = None, **more: str
) -> Card:
    return Card(number, token, title, decline=code, decline_code=decline_code, attachable=False, **more)  # pyrefly: ignore


ALL: Final = (
    Card("4242424242424242", "pm_card_visa", "Succeeds"),
    Card("4000056655665556", "pm_card_visa_debit", "Succeeds, Visa debit", funding="debit"),
    Card("5555555555554444", "pm_card_mastercard", "Succeeds, Mastercard", brand="mastercard"),
    Card("378282246310005", "pm_card_amex", "Succeeds, American Express", brand="amex"),
    Card("4000008260000000", "pm_card_gb", "Succeeds, issued in the UK", country="GB"),
    Card("4000058260000005", "pm_card_gb_debit", "Succeeds, UK debit", country="GB", funding="debit"),
    _declined("4000000000000002", "pm_card_visa_chargeDeclined", "Declined", "card_declined", GENERIC),
    _declined(
        "4000000000009995",
        "pm_card_visa_chargeDeclinedInsufficientFunds",
        "Declined, insufficient funds",
        "card_declined",
        "insufficient_funds",
    ),
    _declined(
        "4000000000009987",
        "pm_card_visa_chargeDeclinedLostCard",
        "Declined, lost card",
        "card_declined",
        "lost_card",
        advice="do_not_try_again",
    ),
    _declined(
        "4000000000009979",
        "pm_card_visa_chargeDeclinedStolenCard",
        "Declined, stolen card",
        "card_declined",
        "stolen_card",
        advice="do_not_try_again",
    ),
    _declined(
        "4000000000000069",
        "pm_card_chargeDeclinedExpiredCard",
        "Declined, expired card",
        "expired_card",
        advice="do_not_try_again",
    ),
    _declined(
        "4000000000000127",
        "pm_card_chargeDeclinedIncorrectCvc",
        "Declined, wrong security code",
        "incorrect_cvc",
        advice="confirm_card_data",
        cvc_check="fail",
    ),
    _declined(
        "4000000000000119",
        "pm_card_chargeDeclinedProcessingError",
        "Declined, processing error",
        "processing_error",
    ),
    _declined(
        "4000000000006975",
        "pm_card_visa_chargeDeclinedVelocityLimitExceeded",
        "Declined, used too often",
        "card_declined",
        "card_velocity_exceeded",
    ),
    Card(
        "4000000000000341",
        "pm_card_chargeCustomerFail",
        "Can be saved; every charge is declined",
        decline="card_declined",
        decline_code=GENERIC,
    ),
    Card("4000002500003155", "pm_card_authenticationRequiredOnSetup", "Asks for 3-D Secure", authentication="first"),
    Card(
        "4000002760003184",
        "pm_card_authenticationRequired",
        "Asks for 3-D Secure every time",
        authentication="always",
    ),
    Card(
        "4000003800000446",
        "pm_card_authenticationRequiredSetupForOffSession",
        "3-D Secure, set up before",
        authentication="set_up",
    ),
    Card(
        "4000008260003178",
        "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds",
        "3-D Secure, then insufficient funds",
        authentication="always",
        decline="card_declined",
        decline_code="insufficient_funds",
    ),
    Card(
        "4000000000003220", "pm_card_threeDSecure2Required", "3-D Secure 2 must be completed", authentication="always"
    ),
    Card(
        "4000008400001629",
        "pm_card_threeDSecureRequiredChargeDeclined",
        "3-D Secure, then declined",
        authentication="always",
        decline="card_declined",
        decline_code=GENERIC,
    ),
    Card(
        "4000008400001280",
        "pm_card_threeDSecureRequiredProcessingError",
        "3-D Secure cannot be looked up",
        decline="card_declined",
        decline_code="authentication_not_handled",
    ),
    Card("4000000000003055", "pm_card_threeDSecureOptional", "3-D Secure supported", authentication="optional"),
    Card(
        "4000000000003097",
        "pm_card_threeDSecureOptionalProcessingError",
        "3-D Secure supported, look-up fails",
        authentication="optional",
    ),
    Card(
        "4100000000000019",
        "pm_card_radarBlock",
        "Blocked as fraudulent",
        decline="card_declined",
        decline_code="fraudulent",
        risk="highest",
        is_blocked=True,
    ),
    Card(
        "4000000000004954",
        "pm_card_riskLevelHighest",
        "Highest risk, blocked",
        risk="highest",
        is_blocked=True,
        decline="card_declined",
        decline_code="fraudulent",
    ),
    Card("4000000000009235", "pm_card_riskLevelElevated", "Succeeds, elevated risk", risk="elevated"),
    Card("4000000000000101", "pm_card_cvcCheckFail", "Succeeds, security code check fails", cvc_check="fail"),
    Card("4000000000000036", "pm_card_avsZipFail", "Succeeds, postcode check fails", postcode_check="fail"),
    Card("4000000000000259", "pm_card_createDispute", "Succeeds, then disputed as fraudulent", dispute="fraudulent"),
    Card(
        "4000000000002685",
        "pm_card_createDisputeProductNotReceived",
        "Succeeds, then disputed as not received",
        dispute="product_not_received",
    ),
    Card(
        "4000000000001976",
        "pm_card_createDisputeInquiry",
        "Succeeds, then an inquiry",
        dispute="inquiry:fraudulent",
    ),
    Card(
        "4000000000005423",
        "pm_card_createIssuerFraudRecord",
        "Succeeds, then an early fraud warning",
        warns_of_fraud=True,
    ),
    Card(
        "4000000404000079",
        "pm_card_createMultipleDisputes",
        "Succeeds, then two disputes",
        dispute="fraudulent",
        disputes=2,
    ),
    Card(
        "4000000404004816",
        "pm_card_createRapidDisputeResolutionDispute",
        "Succeeds, then disputed",
        dispute="fraudulent",
    ),
    Card("4000000000007726", "pm_card_pendingRefund", "Succeeds; refunds are pending first", refund="pends"),
    Card("4000000000005126", "pm_card_refundFail", "Succeeds; refunds fail later", refund="fails"),
    Card("4000000000000077", "pm_card_bypassPending", "Succeeds, available at once"),
)

BY_NUMBER: Final = {card.number: card for card in ALL}
BY_TOKEN: Final = {card.token: card for card in ALL if card.token}

NUMBER_LENGTHS: Final = range(12, 20)
YEAR_LENGTHS: Final = frozenset({2, 4})
MONTHS: Final = range(1, 13)
YEARS_AHEAD_MAX: Final = 50


@dataclasses.dataclass(frozen=True)
class Typed:
    """What a buyer typed, read and found plausible."""

    card: Card
    exp_month: int
    exp_year: int
    has_cvc: bool
    has_postcode: bool = False


def read(number: str, exp_month: str, exp_year: str, cvc: str, today: tuple[int, int]) -> Typed:
    """Return the card that was typed, or refuse it as Stripe's own form does. `today` is (year, month)."""
    digits = number.replace(" ", "").replace("-", "")
    if not _has_check_digit(digits):
        raise _mistyped("incorrect_number", "number")
    card = BY_NUMBER.get(digits)
    if card is None:
        message = "Your card was declined. This sandbox takes test cards only, and this is not one of them."
        raise errors.declined(message, code="card_declined", decline_code="test_mode_live_card", param="number")
    month = int(exp_month) if exp_month.strip().isdecimal() else 0
    if month not in MONTHS:
        raise _mistyped("invalid_expiry_month", "exp_month")
    year = _year(exp_year.strip(), today[0])
    if (year, month) < today:
        raise _mistyped("invalid_expiry_year" if year < today[0] else "invalid_expiry_month", "exp_year")
    code = cvc.strip()
    if code and (not code.isdecimal() or len(code) != card.cvc_length):
        raise _mistyped("invalid_cvc", "cvc")
    return Typed(card, month, year, has_cvc=bool(code))


def _year(typed: str, this_year: int) -> int:
    if not typed.isdecimal() or len(typed) not in YEAR_LENGTHS:
        raise _mistyped("invalid_expiry_year", "exp_year")
    year = int(typed) + (2000 if len(typed) == min(YEAR_LENGTHS) else 0)
    if not this_year <= year <= this_year + YEARS_AHEAD_MAX:
        raise _mistyped("invalid_expiry_year", "exp_year")
    return year


def _has_check_digit(digits: str) -> bool:
    if not digits.isdecimal() or not digits.isascii() or len(digits) not in NUMBER_LENGTHS:
        return False
    doubled = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(digits))]
    return sum(value // 10 + value % 10 for value in doubled) % 10 == 0


def _mistyped(code: str, param: str) -> errors.Refusal:
    return errors.declined(MESSAGES[code], code=code, param=param)
