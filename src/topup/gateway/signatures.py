"""Proves that a delivery comes from Stripe: the signature over the very bytes that arrived, by the official SDK.

Any of the configured secrets may have signed it, so that a secret can be changed without losing a delivery.
"""

import re
from collections.abc import Sequence

import stripe
from pydantic import SecretStr

from topup import errors

TOLERANCE_SECONDS = 300
_BLANK_AFTER_COMMA = re.compile(r",\s+")


def verify(payload: bytes, header: str, secrets: Sequence[SecretStr]) -> str:
    """The body as text when one of the secrets signed it within the last five minutes; else errors.Unreadable.

    Stripe's scheme and tolerance: https://docs.stripe.com/webhooks#verify-manually.
    """
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError:
        raise _refused() from None
    if not header.isascii():
        raise _refused()
    header = _BLANK_AFTER_COMMA.sub(",", header)
    for secret in secrets:
        if secret.get_secret_value() and _is_signed(text, header, secret.get_secret_value()):
            return text
    raise _refused()


def _is_signed(text: str, header: str, secret: str) -> bool:
    try:
        return bool(stripe.WebhookSignature.verify_header(text, header, secret, TOLERANCE_SECONDS))
    except (stripe.SignatureVerificationError, ValueError):
        return False


def _refused() -> errors.Unreadable:
    return errors.Unreadable("The signature does not match, or is too old.", code="signature_refused")
