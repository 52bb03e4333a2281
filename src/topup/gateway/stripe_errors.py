"""What Stripe's refusals and silences mean for us: the SDK's exceptions become ours, each with a stable code.

The sentences are safe to show to a buyer; what Stripe said goes to the log alone. Whether the outcome is known decides
whether the same call may be made again with a fresh key, so it errs on the side of unknown.
"""

from typing import Any

import pydantic
import stripe

from topup import errors

NOT_CHARGED = "You have not been charged. Please try again in a minute."
REFUND_REFUSALS = {
    "charge_already_refunded": ("already_refunded", "All of the money of this payment has gone back already."),
    "charge_disputed": ("payment_disputed", "This payment is disputed, so the bank decides about its money."),
    "balance_insufficient": ("funds_missing", "There is not enough money at Stripe for this refund now."),
    "insufficient_funds": ("funds_missing", "There is not enough money at Stripe for this refund now."),
}
IS_BUSY = frozenset({"idempotency_key_in_use", "lock_timeout"})


def code_of(error: stripe.StripeError) -> str | None:
    """Stripe's own code; the SDK fills `error.code` on two of its classes only."""
    return error.code or getattr(error.error, "code", None)


def is_worth_waiting(error: stripe.StripeError) -> bool:
    """Whether Stripe only asks us to come back: a rate limit, or our own twin still running."""
    return isinstance(error, stripe.RateLimitError) or code_of(error) in IS_BUSY


def is_outage(error: stripe.StripeError | TimeoutError) -> bool:
    """Whether Stripe, rather than this one call, is in trouble."""
    if isinstance(error, TimeoutError | stripe.APIConnectionError):
        return True
    return type(error) is stripe.APIError and code_of(error) not in IS_BUSY


def read(error: stripe.StripeError | TimeoutError, *, is_write: bool) -> errors.TopupError:
    """Our error for Stripe's."""
    match error:
        case TimeoutError() | stripe.APIConnectionError():
            return _gateway("stripe_unreachable", is_retryable=True, is_outcome_known=not is_write)
        case stripe.RateLimitError():
            return _gateway("stripe_rate_limited", is_retryable=True)
        case stripe.IdempotencyError():
            return _gateway("idempotency_mismatch", is_retryable=False)
        case stripe.AuthenticationError():
            return _gateway("stripe_key_refused", is_retryable=False)
        case stripe.PermissionError():
            return _gateway("stripe_not_permitted", is_retryable=False)
        case stripe.CardError():
            return errors.GatewayError("The card was declined.", code="card_declined", is_retryable=False)
        case stripe.InvalidRequestError():
            return _refused(error)
    if code_of(error) in IS_BUSY:
        return _gateway("stripe_busy", is_retryable=True, is_outcome_known=False)
    return _gateway("stripe_failed", is_retryable=True, is_outcome_known=not is_write)


def describe(error: stripe.StripeError | TimeoutError) -> dict[str, Any]:
    """What the log needs to find the call again at Stripe; never what was sent."""
    if isinstance(error, TimeoutError):
        return {"kind": "deadline"}
    return {
        "kind": type(error).__name__,
        "http_status": error.http_status,
        "stripe_code": code_of(error),
        "param": getattr(error, "param", None),
        "request_id": error.request_id,
    }


def describe_unreadable(error: Exception) -> dict[str, Any]:
    """Which fields could not be read; never what stood in them."""
    where = (
        [".".join(map(str, e["loc"])) for e in error.errors()] if isinstance(error, pydantic.ValidationError) else []
    )
    return {"kind": type(error).__name__, "fields": where or [str(error)[:100]]}


def unreadable(*, is_write: bool) -> errors.GatewayError:
    """Stripe answered 200 with something that we cannot read (fault 36)."""
    return _gateway("stripe_unreadable", is_retryable=True, is_outcome_known=not is_write)


def resting() -> errors.GatewayError:
    """The breaker refused: nothing was sent."""
    return _gateway("stripe_unreachable", is_retryable=True)


def _refused(error: stripe.InvalidRequestError) -> errors.TopupError:
    code = code_of(error)
    if code == "amount_too_small":
        return errors.Conflict(
            "This price is less than the smallest amount that can be paid.", code="amount_below_minimum"
        )
    if code in REFUND_REFUSALS:
        word, sentence = REFUND_REFUSALS[code]
        return errors.Conflict(sentence, code=word)
    if code == "resource_missing":
        is_customer = (error.param or "").split("[")[0] == "customer"
        return _gateway("stripe_customer_missing" if is_customer else "stripe_object_missing", is_retryable=False)
    return _gateway("stripe_refused", is_retryable=False)


def _gateway(code: str, *, is_retryable: bool, is_outcome_known: bool = True) -> errors.GatewayError:
    return errors.GatewayError(
        f"The payment service could not do this just now. {NOT_CHARGED}",
        code=code,
        is_retryable=is_retryable,
        is_outcome_known=is_outcome_known,
    )
