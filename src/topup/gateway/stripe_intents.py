"""Payment intents and setup intents over the SDK: what is sent, word for word.

Part of topup.gateway.stripe. The kinds of payment are Stripe's to choose (automatic payment methods). Cards are saved
for use with the person present, since nobody is ever charged behind their back.
"""

import stripe

from topup import errors
from topup.gateway import billing, stripe_answers, stripe_calls

SAVED_FOR = "on_session"


class Intents(stripe_calls.Desk):
    """Implements a part of billing.Billing, whose docstrings hold."""

    async def create_intent(self, new: billing.NewIntent, *, key: str) -> billing.Intent:
        """Make an intent; the page confirms it."""
        intents, params = self._v1.payment_intents, _intent_params(new)
        return await self._call(
            lambda: intents.create_async(params, {"idempotency_key": key}), stripe_answers.intent, is_write=True
        )

    async def retrieve_intent(self, intent_id: str) -> billing.Intent:
        """An intent as it stands now."""
        intents, intent_id = self._v1.payment_intents, stripe_calls.whole(intent_id)
        return await self._call(lambda: intents.retrieve_async(intent_id), stripe_answers.intent, is_write=False)

    async def cancel_intent(self, intent_id: str, *, key: str) -> billing.Intent:
        """End an unpaid intent."""
        intents, intent_id = self._v1.payment_intents, stripe_calls.whole(intent_id)
        try:
            return await self._call(
                lambda: intents.cancel_async(intent_id, {"cancellation_reason": "abandoned"}, {"idempotency_key": key}),
                stripe_answers.intent,
                is_write=True,
            )
        except errors.GatewayError as error:
            if error.code == "stripe_refused":
                raise errors.Conflict("This payment is not open any more.", code="intent_not_open") from error
            raise

    async def create_setup_intent(self, customer_id: str, *, key: str) -> billing.SetupIntent:
        """Begin to save a card."""
        intents = self._v1.setup_intents
        params: stripe.params.SetupIntentCreateParams = {
            "customer": customer_id,
            "automatic_payment_methods": {"enabled": True},
            "allowed_payment_method_types": ["card"],
            "usage": SAVED_FOR,
        }
        return await self._call(
            lambda: intents.create_async(params, {"idempotency_key": key}), stripe_answers.setup_intent, is_write=True
        )

    async def retrieve_setup_intent(self, setup_intent_id: str) -> billing.SetupIntent:
        """A setup intent as it stands now."""
        intents, intent_id = self._v1.setup_intents, stripe_calls.whole(setup_intent_id)
        return await self._call(lambda: intents.retrieve_async(intent_id), stripe_answers.setup_intent, is_write=False)


def _intent_params(new: billing.NewIntent) -> stripe.params.PaymentIntentCreateParams:
    params: stripe.params.PaymentIntentCreateParams = {
        "amount": new.price_minor,
        "currency": new.currency,
        "customer": new.customer_id,
        "description": new.description,
        "automatic_payment_methods": {"enabled": True},
        "metadata": {"topup_payment_id": str(new.payment_id), "topup_account_id": str(new.account_id)},
    }
    if new.receipt_email is not None:
        params["receipt_email"] = new.receipt_email
    if new.method_id is not None:
        params["payment_method"] = new.method_id
    if new.is_card_saved:
        params["setup_future_usage"] = SAVED_FOR
    return params
