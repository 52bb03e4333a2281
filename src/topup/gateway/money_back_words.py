"""What the mails about refunds and disputes say: to whoever bought what it means for them, to an admin what happened.

One table, by the word of topup.core.mails.MONEY_BACK_NEWS. Called by topup.gateway.mail_words.
"""

_ENDED = "The dispute over your payment has ended"
_WORDS = {
    "refunded": {
        "title": "{price} is on its way back to you",
        "story": "We have refunded {price} of your payment. It reaches your card or bank within about ten days.",
        "alert": "{price} was refunded",
    },
    "refund_failed": {
        "title": "Your refund of {price} did not go through",
        "story": "Your bank did not take the refund of {price}. It is still with us, and what we took back for it "
        "is yours again. Write to us, and we find another way.",
        "alert": "A refund of {price} failed",
    },
    "disputed": {
        "title": "Your payment is disputed",
        "story": "Your bank tells us that {price} of this payment is disputed. Until it decides, what is unspent of "
        "the purchase is set aside. If this is a mistake, tell your bank, and write to us.",
        "alert": "{price} is disputed: answer in Stripe's dashboard in time",
    },
    "dispute_won": {
        "title": _ENDED,
        "story": "The dispute over {price} of this payment has ended, and the payment stands. What was set aside or "
        "taken back for it can be used again.",
        "alert": "A dispute over {price} was decided for us",
    },
    "dispute_lost": {
        "title": _ENDED,
        "story": "The dispute over {price} of this payment was decided for you. Your bank returns the money, and "
        "we have taken back what was bought with it.",
        "alert": "A dispute over {price} was lost",
    },
}


def of(happened: str, price: str) -> dict[str, str]:
    """Title and story for whoever bought, and the sentence for an admin."""
    return {name: words.format(price=price) for name, words in _WORDS[happened].items()}
