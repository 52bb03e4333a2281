"""Which mails Topup sends, what each needs to know, how urgent it is and how long it is worth trying.

Names and figures only: topup.gateway.mail_words words them, topup.flows.send_mails drains them. A flow that wants one
sent writes one row with topup.db.outbox in its own transaction, with one of these kinds and the details listed here.
"""

from datetime import timedelta

# details: firstName, code, expiresMinutes, purpose ("REGISTER" or "RESET")
VERIFICATION_CODE = "verification_code"
# details: firstName. To the owner of an address that somebody tried to register again.
ALREADY_REGISTERED = "already_registered"
# details: firstName, packageName, credits, unit, priceMinor, currency, paidAt (RFC 3339), paymentId, reference
RECEIPT = "receipt"
# details: as RECEIPT without paidAt; a delayed debit did not come through.
PAYMENT_FAILED = "payment_failed"
# details: paymentId, reason, and what else helps (email, packageName, priceMinor, currency, paidMinor); to each admin.
REVIEW_ALERT = "review_alert"

# details: title, intro, lines (one a fact), hint; to each admin. What an operator must look at and is no payment.
ATTENTION = "attention"

# details: as RECEIPT without paidAt; happened (of MONEY_BACK_NEWS), amountMinor; in credits takenBack, held, debt.
MONEY_BACK = "money_back"
# details: as MONEY_BACK without firstName; to each admin.
MONEY_BACK_ALERT = "money_back_alert"
MONEY_BACK_NEWS = ("refunded", "refund_failed", "disputed", "dispute_won", "dispute_lost")

# details: firstName, credits, unit, expiresAt (RFC 3339). What one account loses on one day, and when first.
EXPIRY_REMINDER = "expiry_reminder"

# details: institutionName, role, token, daysValid. To an address that a place in an institution is set aside for.
INVITATION = "invitation"

KINDS = frozenset(
    {
        VERIFICATION_CODE,
        ALREADY_REGISTERED,
        RECEIPT,
        PAYMENT_FAILED,
        REVIEW_ALERT,
        ATTENTION,
        EXPIRY_REMINDER,
        INVITATION,
        MONEY_BACK,
        MONEY_BACK_ALERT,
    }
)

# Somebody is waiting at a screen for these, so they go before any backlog.
URGENT = frozenset({VERIFICATION_CODE, ALREADY_REGISTERED})

# Their details hold a secret, which is wiped from the outbox as soon as the mail is sent or given up.
SECRET = frozenset({VERIFICATION_CODE, INVITATION})

# Fifty tries, the later ones an hour apart, are nearly two days: longer than a mail server is down for.
ATTEMPTS_MAX = 50
_FIRST_RETRY_SECONDS = 2
_LAST_RETRY_SECONDS = 3600


def retry_after(attempts: int) -> timedelta:
    """How long to wait after the nth failed attempt: 2 s, 4 s, 8 s ... at most an hour."""
    return timedelta(seconds=min(_FIRST_RETRY_SECONDS * 2 ** min(attempts - 1, 20), _LAST_RETRY_SECONDS))
