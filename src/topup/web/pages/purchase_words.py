"""The states of an institution's purchase in plain words: what happened, what it means for the money, what to do next.

Pure. One table for the list, the purchase's own page and its moving state, so that they never disagree; the sister of
wording.py, which speaks to a person about their own credits.
"""

from topup.core import money
from topup.db.payments import Payment
from topup.web.pages import figures, wording
from topup.web.pages.reader import Reader
from topup.web.pages.wording import Words

_FIXED = {
    "PROCESSING": Words(
        "Bank is settling",
        "Your bank is settling the payment",
        "A payment by bank can take several working days. The sessions are added when the money arrives.",
        "There is nothing more for you to do, and no need to pay again.",
        "waiting",
    ),
    "EXPIRED": Words(
        "Ended, not charged",
        "This purchase ended unpaid",
        "You have not been charged.",
        "An unpaid purchase ends when it is cancelled, or after a day. Buy again whenever you like.",
        "bad",
    ),
    "FAILED": Words(
        "Failed, not charged",
        "The payment did not go through",
        "You have not been charged, and no sessions were added.",
        "Your bank refused it. Try again with another card, or ask your bank.",
        "bad",
    ),
    "REVIEW": Words(
        "Being checked",
        "We are checking this payment",
        "What Stripe told us does not match what was ordered, so a person looks at it. Your money is not lost: "
        "it becomes sessions or it goes back to you.",
        "You need not pay again. If you write to support, quote the reference.",
        "careful",
    ),
}
CONFIRMING = Words(
    "Confirming",
    "Confirming your payment",
    "We are waiting for Stripe’s word on the payment.",
    "This takes a few seconds. The page changes by itself.",
    "waiting",
)
STILL_CONFIRMING = Words(
    "Confirming",
    "Still confirming your payment",
    "Stripe’s word is taking longer than usual. If you have paid, nothing is lost: the sessions are added as soon as "
    "it comes, and a receipt is mailed to you.",
    "You can close this page and look into the pool later. Please do not pay twice.",
    "waiting",
)
LISTED_UNPAID = Words(
    "Not paid yet",
    "This purchase is not paid yet",
    "No payment has been confirmed.",
    "Open it to see how it stands at Stripe, and to pay it or cancel it.",
    "waiting",
)
MAKING_INVOICE = Words(
    "Invoice on its way",
    "Your invoice is being made",
    "Stripe has not answered yet. Nothing has been charged.",
    "The page changes by itself, and you can come back to it from your purchases.",
    "waiting",
)


def of_purchase(payment: Payment, reads: Reader, *, is_slow: bool = False) -> Words:
    """The words for one purchase; `is_slow` once somebody has waited for longer than is usual."""
    if payment.status == "PENDING":
        return _open_invoice(payment, reads) if payment.channel == "INVOICE" else _confirming(is_slow=is_slow)
    if payment.status != "COMPLETED":
        return _FIXED[payment.status]
    if payment.channel == "INVOICE" and payment.paid_minor is None:
        added = f"{figures.counted(payment.credits, payment.unit)} added"
        return Words(
            "Added, invoice to pay", added, f"The invoice is still to be paid: {_due(payment, reads)}", "", "good"
        )
    return wording.of_payment(payment)


def unpaid(payment: Payment) -> Words:
    """The words for one that can be paid in the page right now."""
    return Words(
        "Not paid yet",
        f"{figures.counted(payment.credits, payment.unit)}, not paid yet",
        "You have not been charged.",
        "Pay now, or leave it: an unpaid purchase ends by itself after a day.",
        "waiting",
    )


def listed(payment: Payment, reads: Reader) -> Words:
    """The words in a list, for which nobody asked Stripe: one that waits for a card may be paid by now."""
    if payment.status == "PENDING" and payment.channel == "PAYMENT_INTENT":
        return LISTED_UNPAID
    return of_purchase(payment, reads)


def _confirming(*, is_slow: bool) -> Words:
    return STILL_CONFIRMING if is_slow else CONFIRMING


def _open_invoice(payment: Payment, reads: Reader) -> Words:
    if payment.hosted_invoice_url is None:
        return MAKING_INVOICE
    return Words(
        "Invoice to pay",
        "Your invoice is ready to pay",
        f"{payment.invoice_number}: {_due(payment, reads)} Nothing has been charged yet.",
        "It is paid on Stripe’s page, by card or bank transfer. The sessions are added as soon as it is paid.",
        "waiting",
    )


def _due(payment: Payment, reads: Reader) -> str:
    price = money.short(payment.price_minor, payment.currency)
    return f"{price}, due {reads.day(payment.due_at)}." if payment.due_at else f"{price}."
