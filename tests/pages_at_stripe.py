"""What a page does at Stripe with its publishable key: confirms intents with a card, and passes 3-D Secure or not.

Stripe's own script sends the same requests; nothing here knows a secret key.
"""

from typing import Any

import httpx2

from tests.stripe_boxes import StripeBox

PUBLISHABLE = {"Authorization": "Bearer pk_test_shops"}
RETURN_URL = "http://testserver:8000/sessions"


def confirm(box: StripeBox, client_secret: str, card: str | None = "pm_card_visa", **more: str) -> httpx2.Response:
    """Confirm a payment or setup intent; without a card, with the one that the intent names."""
    intent_id = client_secret.partition("_secret_")[0]
    noun = "setup_intents" if intent_id.startswith("seti_") else "payment_intents"
    named = {} if card is None else {"payment_method": card}
    fields = {"client_secret": client_secret, "return_url": RETURN_URL, **named, **more}
    return box.web.post(f"/v1/{noun}/{intent_id}/confirm", data=fields, headers=PUBLISHABLE)


def pays(box: StripeBox, client_secret: str, card: str | None = "pm_card_visa", **more: str) -> dict[str, Any]:
    """Confirm, and be done."""
    answer = confirm(box, client_secret, card, **more)
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "succeeded"
    return answer.json()


def authenticate(box: StripeBox, confirmed: httpx2.Response, *, is_passed: bool = True) -> httpx2.Response:
    """Answer the bank's question of 3-D Secure."""
    told = confirmed.json()
    assert told["status"] == "requires_action", told
    outcome = "complete" if is_passed else "fail"
    return box.web.post(told["next_action"]["redirect_to_url"]["url"], data={"outcome": outcome})
