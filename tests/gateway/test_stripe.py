"""What is sent to Stripe, and what becomes of its answers, refusals and silences."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from tests.gateway import scripted_stripe
from tests.gateway.scripted_stripe import Reply, ScriptedStripe, refusal, session
from topup import errors
from topup.core import payments
from topup.gateway import billing, protocol, stripe, stripe_calls

QUICK = stripe_calls.Patience(
    connect_seconds=1.0, answer_seconds=0.5, deadline_seconds=5.0, network_retries=0, pauses_seconds=(0.0, 0.0)
)
PAYMENT = UUID("01a202e9-9974-7821-96e3-6863cc8ede59")
ACCOUNT = UUID("01a202e9-9970-7e30-995d-0140c8dacdb1")
NEW_CUSTOMER = protocol.NewCustomer(user_id=ACCOUNT, email="alice@example.com", name="Alice Example")
NEW_CHECKOUT = protocol.NewCheckout(
    payment_id=PAYMENT,
    account_id=ACCOUNT,
    customer_id="cus_1",
    package_name="Starter Pack",
    description="100 credits",
    price_minor=1000,
    currency="gbp",
    success_url="https://shop.example/payments/return?session_id={CHECKOUT_SESSION_ID}",
    cancel_url="https://shop.example/credits",
)


@pytest.fixture
async def script() -> AsyncIterator[ScriptedStripe]:
    async with scripted_stripe.running() as running:
        yield running


@pytest.fixture
async def gateway(script: ScriptedStripe) -> AsyncIterator[stripe.Gateway]:
    async with stripe.opened("sk_test_1", api_base=script.address, patience=QUICK) as opened:
        yield opened


async def test_checkout_is_sent_with_our_ids_and_nothing_that_stripe_would_refuse(
    script: ScriptedStripe, gateway: stripe.Gateway
) -> None:
    script.will(Reply(session()))

    made = await gateway.create_checkout(NEW_CHECKOUT, key=f"checkout:{PAYMENT}:1")

    [sent] = script.requests
    assert (sent.method, sent.path) == ("POST", "/v1/checkout/sessions")
    assert sent.headers["idempotency-key"] == f"checkout:{PAYMENT}:1"
    assert sent.headers["stripe-version"] == "2026-10-28.endive"
    assert "x-stripe-client-telemetry" not in sent.headers
    assert sent.body == {
        "mode": "payment",
        "customer": "cus_1",
        "client_reference_id": str(PAYMENT),
        "line_items[0][quantity]": "1",
        "line_items[0][price_data][currency]": "gbp",
        "line_items[0][price_data][unit_amount]": "1000",
        "line_items[0][price_data][product_data][name]": "Starter Pack",
        "line_items[0][price_data][product_data][description]": "100 credits",
        "metadata[topup_payment_id]": str(PAYMENT),
        "metadata[topup_account_id]": str(ACCOUNT),
        "payment_intent_data[metadata][topup_payment_id]": str(PAYMENT),
        "payment_intent_data[metadata][topup_account_id]": str(ACCOUNT),
        "payment_intent_data[description]": "Starter Pack: 100 credits",
        "adaptive_pricing[enabled]": "false",
        "success_url": "https://shop.example/payments/return?session_id={CHECKOUT_SESSION_ID}",
        "cancel_url": "https://shop.example/credits",
    }
    assert (made.id, made.status, made.amount_subtotal_minor) == ("cs_test_1", "open", 1000)
    assert made.expires_at.isoformat() == "2026-11-03T10:00:00+00:00"


def _intent(**more: object) -> dict[str, object]:
    told = {"id": "pi_1", "object": "payment_intent", "status": "requires_payment_method", "customer": "cus_1"}
    return {**told, "livemode": False, "client_secret": "pi_1_secret_1", "metadata": {}, **more}


async def test_intent_of_a_purchase_leaves_the_ways_to_pay_to_stripe(
    script: ScriptedStripe, gateway: stripe.Gateway
) -> None:
    new = billing.NewIntent(
        payment_id=PAYMENT,
        account_id=ACCOUNT,
        customer_id="cus_1",
        description="Interview sessions: 50",
        price_minor=27_000,
        currency="gbp",
        receipt_email=None,
        method_id="pm_1",
        is_card_saved=True,
    )
    script.will(Reply(_intent()))

    made = await gateway.create_intent(new, key=f"intent:{PAYMENT}:1")

    [sent] = script.requests
    assert (sent.path, sent.headers["idempotency-key"]) == ("/v1/payment_intents", f"intent:{PAYMENT}:1")
    assert sent.body == {
        "amount": "27000",
        "currency": "gbp",
        "customer": "cus_1",
        "description": "Interview sessions: 50",
        "automatic_payment_methods[enabled]": "true",
        "metadata[topup_payment_id]": str(PAYMENT),
        "metadata[topup_account_id]": str(ACCOUNT),
        "payment_method": "pm_1",
        "setup_future_usage": "on_session",
    }
    assert (made.client_secret, made.fact) == ("pi_1_secret_1", None)
    assert "secret" not in repr(made)


async def test_invoice_is_drafted_so_that_stripe_sends_nothing_by_itself(
    script: ScriptedStripe, gateway: stripe.Gateway
) -> None:
    told = dict.fromkeys(("number", "due_date", "hosted_invoice_url", "invoice_pdf"))
    amounts = dict.fromkeys(("total", "amount_due", "amount_paid"), 0)
    draft = {"id": "in_1", "object": "invoice", "status": "draft", "customer": "cus_1", "currency": "eur"}
    script.will(Reply({**draft, **told, **amounts, "livemode": False, "created": 1_800_000_000, "metadata": {}}))
    await gateway.create_invoice(billing.NewInvoice(PAYMENT, ACCOUNT, "cus_1", "eur", 30), key="invoice:1")
    await gateway.create_invoice(billing.NewInvoice(PAYMENT, ACCOUNT, "cus_1", "gbp", 30), key="invoice:2")
    in_euro, in_pounds = [sent.body for sent in script.requests]
    assert in_euro == {
        "customer": "cus_1",
        "currency": "eur",
        "collection_method": "send_invoice",
        "days_until_due": "30",
        "auto_advance": "false",
        "pending_invoice_items_behavior": "exclude",
        "metadata[topup_payment_id]": str(PAYMENT),
        "metadata[topup_account_id]": str(ACCOUNT),
    }
    transfer = "payment_settings[payment_method_options][customer_balance][bank_transfer][type]"
    assert (in_pounds[transfer], transfer in in_euro) == ("gb_bank_transfer", False)


async def test_intent_is_read_by_its_id_whether_it_stands_there_whole_or_not(
    script: ScriptedStripe, gateway: stripe.Gateway
) -> None:
    script.will(Reply(session(payment_intent="pi_1")), Reply(session(payment_intent={"id": "pi_2", "object": "x"})))
    assert (await gateway.retrieve_checkout("cs_test_1")).intent_id == "pi_1"
    assert (await gateway.retrieve_checkout("cs_test_1")).intent_id == "pi_2"


async def test_paid_session_comes_with_the_fact_that_settles_it(
    script: ScriptedStripe, gateway: stripe.Gateway
) -> None:
    """Fault 37: complete alone is not paid."""
    script.will(
        Reply(session()), Reply(session(status="complete")), Reply(session(status="complete", payment_status="paid"))
    )
    read = [(await gateway.retrieve_checkout("cs_test_1")).fact for _ in range(3)]
    assert [fact and (fact.told, fact.payment_id, fact.paid_minor) for fact in read] == [
        None,
        (payments.Told.ON_ITS_WAY, PAYMENT, None),
        (payments.Told.PAID, PAYMENT, 1000),
    ]


@pytest.mark.parametrize(
    ("reply", "code", "is_retryable", "is_outcome_known"),
    [
        (Reply(is_lost=True), "stripe_unreachable", True, False),
        (Reply(is_silent=True), "stripe_unreachable", True, False),
        (Reply("<html>502</html>", status=502), "stripe_failed", True, False),
        (refusal(500, "api_error"), "stripe_failed", True, False),
        (refusal(409, code="idempotency_key_in_use"), "stripe_busy", True, False),
        (refusal(429, code="rate_limit"), "stripe_rate_limited", True, True),
        (refusal(429, code="lock_timeout"), "stripe_rate_limited", True, True),
        (refusal(400, "idempotency_error"), "idempotency_mismatch", False, True),
        (refusal(401), "stripe_key_refused", False, True),
        (refusal(403), "stripe_not_permitted", False, True),
        (refusal(402, "card_error", code="card_declined"), "card_declined", False, True),
        (refusal(400, code="parameter_unknown", param="x"), "stripe_refused", False, True),
        (refusal(400, code="resource_missing", param="customer"), "stripe_customer_missing", False, True),
        (refusal(404, code="resource_missing", param="session"), "stripe_object_missing", False, True),
        (Reply('{"id": "cs_test_1", "obj'), "stripe_failed", True, False),
        (Reply("[]"), "stripe_unreadable", True, False),
        (Reply("7"), "stripe_unreadable", True, False),
        (Reply({}), "stripe_unreadable", True, False),
        (Reply(session(amount_subtotal="1000")), "stripe_unreadable", True, False),
        (Reply(session(livemode="no")), "stripe_unreadable", True, False),
        (Reply(session(expires_at=None)), "stripe_unreadable", True, False),
        (Reply(session(metadata={"topup_payment_id": 7})), "stripe_unreadable", True, False),
    ],
)
async def test_failure_says_whether_to_try_again_and_whether_the_work_may_be_done(
    script: ScriptedStripe,
    gateway: stripe.Gateway,
    reply: Reply,
    code: str,
    *,
    is_retryable: bool,
    is_outcome_known: bool,
) -> None:
    """Faults 31, 33, 34 and 36; no sentence of Stripe's reaches the buyer."""
    script.will(reply)
    with pytest.raises(errors.GatewayError) as caught:
        await gateway.create_checkout(NEW_CHECKOUT, key="k")
    told = caught.value
    assert (told.code, told.is_retryable, told.is_outcome_known) == (code, is_retryable, is_outcome_known)
    assert "No." not in told.detail


async def test_too_small_an_amount_is_a_conflict(script: ScriptedStripe, gateway: stripe.Gateway) -> None:
    script.will(refusal(400, code="amount_too_small"))
    with pytest.raises(errors.Conflict) as caught:
        await gateway.create_checkout(NEW_CHECKOUT, key="k")
    assert caught.value.code == "amount_below_minimum"


async def test_a_read_that_failed_has_no_unknown_outcome(script: ScriptedStripe, gateway: stripe.Gateway) -> None:
    script.will(Reply(is_lost=True))
    with pytest.raises(errors.GatewayError) as caught:
        await gateway.retrieve_checkout("cs_test_1")
    assert caught.value.is_outcome_known


@pytest.mark.parametrize("told", [refusal(429), refusal(409, code="idempotency_key_in_use")])
async def test_being_told_to_come_back_is_waited_for_under_the_same_key(
    script: ScriptedStripe, gateway: stripe.Gateway, told: Reply
) -> None:
    """Fault 33: the SDK never repeats a 429 by itself."""
    script.will(told, told, Reply(session()))
    made = await gateway.create_checkout(NEW_CHECKOUT, key="k")
    assert made.id == "cs_test_1"
    assert [request.headers["idempotency-key"] for request in script.requests] == ["k", "k", "k"]


async def test_lost_answers_are_asked_for_again_under_the_same_key(script: ScriptedStripe) -> None:
    """Fault 31."""
    patience = stripe_calls.Patience(answer_seconds=0.5, deadline_seconds=10.0, network_retries=2)
    script.will(Reply(is_lost=True), refusal(500, "api_error"), Reply({"id": "cus_1", "object": "customer"}))
    async with stripe.opened("sk_test_1", api_base=script.address, patience=patience) as gateway:
        assert await gateway.create_customer(NEW_CUSTOMER, key="k") == "cus_1"
    assert [request.headers["idempotency-key"] for request in script.requests] == ["k", "k", "k"]
    assert script.requests[0].body == {
        "email": "alice@example.com",
        "name": "Alice Example",
        "metadata[topup_user_id]": str(ACCOUNT),
    }


async def test_silence_ends_at_the_deadline(script: ScriptedStripe) -> None:
    """Fault 34: however many repeats were left."""
    patience = stripe_calls.Patience(answer_seconds=60.0, deadline_seconds=0.3, network_retries=2)
    script.will(Reply(is_silent=True))
    async with stripe.opened("sk_test_1", api_base=script.address, patience=patience) as gateway:
        with pytest.raises(errors.GatewayError) as caught:
            await asyncio.wait_for(gateway.create_customer(NEW_CUSTOMER, key="k"), timeout=30)
    assert (caught.value.code, caught.value.is_outcome_known) == ("stripe_unreachable", False)


async def test_after_five_silences_stripe_is_left_alone_for_a_while(
    script: ScriptedStripe, gateway: stripe.Gateway
) -> None:
    """Fault 34: the circuit opens, and what was not sent has a known outcome."""
    script.will(Reply(is_lost=True))
    for _ in range(5):
        with pytest.raises(errors.GatewayError):
            await gateway.create_customer(NEW_CUSTOMER, key="k")
    with pytest.raises(errors.GatewayError) as caught:
        await gateway.create_customer(NEW_CUSTOMER, key="k")
    assert len(script.requests) == 5
    assert caught.value.is_outcome_known


async def test_session_that_cannot_be_expired_is_a_conflict(script: ScriptedStripe, gateway: stripe.Gateway) -> None:
    """It may just have been paid, so nobody may take this for "cancelled"."""
    script.will(refusal(400))
    with pytest.raises(errors.Conflict) as caught:
        await gateway.expire_checkout("cs_test_1", key="expire:cs_test_1")
    assert caught.value.code == "checkout_not_open"


async def test_empty_id_is_never_asked_for(script: ScriptedStripe, gateway: stripe.Gateway) -> None:
    """The SDK would quietly ask for the list."""
    with pytest.raises(errors.Broken):
        await gateway.retrieve_checkout("")
    assert script.requests == []


@pytest.mark.parametrize("key", ["sk_live_x", "rk_live_x"])
async def test_live_key_goes_nowhere_but_to_stripe(key: str) -> None:
    with pytest.raises(errors.Unavailable, match="must not be sent"):
        async with stripe.opened(key, api_base="http://127.0.0.1:8420"):
            pass


async def test_account_and_endpoints_are_read(script: ScriptedStripe, gateway: stripe.Gateway) -> None:
    endpoint = {"id": "we_1", "object": "webhook_endpoint", "url": "https://x/y", "status": "enabled"}
    script.will(
        Reply({"id": "acct_1", "object": "account", "country": "GB", "default_currency": "gbp"}),
        Reply({"object": "list", "data": [{**endpoint, "api_version": None, "enabled_events": ["invoice.paid"]}]}),
    )
    assert await gateway.retrieve_account() == protocol.StripeAccount("acct_1", "GB", "gbp")
    assert await gateway.list_webhook_endpoints() == [
        protocol.WebhookEndpoint("we_1", "https://x/y", "enabled", None, ("invoice.paid",))
    ]
