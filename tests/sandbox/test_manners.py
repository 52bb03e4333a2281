"""How the API answers: keys, parameters, errors, lists, expansions and idempotency, seen through the real SDK."""

import concurrent.futures

import pytest

from tests.sandbox.boxes import Answer, Box


def create(box: Box, key: str | None = None, **params: object) -> Answer:
    options = {"idempotency_key": key} if key else {}
    return box.stripe.v1.customers.create(params=params, options=options)


@pytest.mark.parametrize("key", ["sk_live_123", "rk_live_123", "pk_live_123", "nonsense", "sk_test_"])
def test_live_and_unreadable_keys_are_refused(box: Box, key: str) -> None:
    with pytest.raises(box.errors.AuthenticationError):
        box.stripe.v1.customers.list(options={"api_key": key})


def test_live_key_is_told_why_it_is_refused(box: Box) -> None:
    with pytest.raises(box.errors.AuthenticationError, match="offline sandbox: it refuses live keys"):
        box.stripe.v1.customers.list(options={"api_key": "sk_live_123"})


def test_request_without_a_key_is_refused(box: Box) -> None:
    answer = box.web.get("/v1/customers")
    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert answer.headers["request-id"].startswith("req_")


@pytest.mark.parametrize("key", ["sk_test_a", "rk_test_b", "sk_test_" + "x" * 90])
def test_every_test_key_opens_the_one_account(box: Box, key: str) -> None:
    made = create(box)
    assert box.stripe.v1.customers.retrieve(made.id, options={"api_key": key}).id == made.id


def test_publishable_key_reads_no_lists(box: Box) -> None:
    with pytest.raises(box.errors.AuthenticationError) as refused:
        box.stripe.v1.customers.list(options={"api_key": "pk_test_a"})
    assert refused.value.error.code == "secret_key_required"


def test_unknown_address_and_unknown_id_are_told_apart(box: Box) -> None:
    with pytest.raises(box.errors.InvalidRequestError, match="Unrecognized request URL"):
        box.stripe.v1.coupons.list()
    with pytest.raises(box.errors.InvalidRequestError) as missing:
        box.stripe.v1.customers.retrieve("cus_nobody")
    assert (missing.value.http_status, missing.value.code, missing.value.param) == (404, "resource_missing", "id")


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        ({"payment_method_types": ["card"]}, "payment_method_types_no_longer_supported", "payment_method_types"),
        ({"shoe_size": 42}, "parameter_unknown", "shoe_size"),
        ({"line_items": [{"quantity": 1, "colour": "red"}]}, "parameter_unknown", "line_items[0][colour]"),
        ({"mode": None}, "parameter_missing", "mode"),
        ({"success_url": None}, "parameter_missing", "success_url"),
        ({"line_items": None}, "parameter_missing", "line_items"),
        (
            {"line_items": [{"quantity": 1, "price_data": {"unit_amount": 5}}]},
            "parameter_missing",
            "line_items[0][price_data][currency]",
        ),
        ({"expires_at": "soon"}, "parameter_invalid_integer", "expires_at"),
        ({"expires_at": 1}, None, "expires_at"),
        ({"ui_mode": "hosted"}, None, "ui_mode"),
        ({"ui_mode": "embedded_page", "return_url": "https://x.example"}, None, "success_url"),
        ({"client_reference_id": "x" * 201}, "string_invalid_length", "client_reference_id"),
        ({"customer": "cus_nobody"}, "resource_missing", "customer"),
        ({"customer": ""}, "parameter_invalid_empty", "customer"),
        ({"metadata": {"k" * 41: "v"}}, None, f"metadata[{'k' * 41}]"),
        ({"metadata": {"k": "v" * 501}}, None, "metadata[k]"),
        ({"metadata": {f"k{n}": "v" for n in range(51)}}, None, "metadata"),
        ({"allow_promotion_codes": True, "discounts": [{"coupon": "c"}]}, None, "allow_promotion_codes"),
        ({"customer_update": {"name": "auto"}}, None, "customer_update"),
        ({"adaptive_pricing": {"enabled": "perhaps"}}, None, "adaptive_pricing[enabled]"),
        ({"mode": "subscription"}, "sandbox_unsupported", "mode=subscription"),
        ({"success_url": "not an address"}, "url_invalid", "success_url"),
        (
            {"allowed_payment_method_types": ["card"], "excluded_payment_method_types": ["bacs_debit"]},
            None,
            "excluded_payment_method_types",
        ),
        ({"allowed_payment_method_types": ["pix"]}, None, "allowed_payment_method_types"),
    ],
)
def test_session_that_stripe_would_refuse_is_refused(
    box: Box,
    params: dict[str, object],
    code: str | None,
    param: str,
) -> None:
    with pytest.raises(box.errors.InvalidRequestError) as refused:
        box.session(**params)
    assert (refused.value.http_status, refused.value.code, refused.value.param) == (400, code, param)
    assert refused.value.request_id.startswith("req_")


@pytest.mark.parametrize(
    ("currency", "unit_amount", "code"),
    [
        ("gbp", 29, "amount_too_small"),
        ("eur", 49, "amount_too_small"),
        ("jpy", 49, "amount_too_small"),
        ("gbp", 100_000_000, None),
        ("kwd", 1001, "parameter_invalid_integer"),
        ("pounds", 1000, None),
    ],
)
def test_amount_that_stripe_would_not_charge_is_refused(
    box: Box,
    currency: str,
    unit_amount: int,
    code: str | None,
) -> None:
    price = {"currency": currency, "unit_amount": unit_amount, "product_data": {"name": "x"}}
    with pytest.raises(box.errors.InvalidRequestError) as refused:
        box.session(line_items=[{"quantity": 1, "price_data": price}])
    assert code is None or refused.value.code == code


def test_total_over_eight_digits_is_too_large(box: Box) -> None:
    price = {"currency": "gbp", "unit_amount": 50_000_000, "product_data": {"name": "x"}}
    with pytest.raises(box.errors.InvalidRequestError) as refused:
        box.session(line_items=[{"quantity": 2, "price_data": price}])
    assert refused.value.code == "amount_too_large"


def test_currencies_and_lists_come_back_as_stripe_writes_them(box: Box) -> None:
    price = {"currency": "GBP", "unit_amount": 1000, "product_data": {"name": "x"}}
    session = box.session(line_items=[{"quantity": 3, "price_data": price}])
    assert (session.currency, session.amount_subtotal, session.amount_total) == ("gbp", 3000, 3000)
    items = box.stripe.v1.checkout.sessions.line_items.list(session.id)
    assert [(item.quantity, item.amount_total, item.price.unit_amount) for item in items.data] == [(3, 3000, 1000)]
    assert "line_items" not in session
    expanded = box.stripe.v1.checkout.sessions.retrieve(session.id, params={"expand": ["line_items"]})
    assert expanded.line_items.data[0].id == items.data[0].id


def test_expansion_reaches_four_levels_and_refuses_what_is_no_object(box: Box) -> None:
    customer = create(box, email="zoe@x.example")
    session = box.session(customer=customer.id)
    box.pay(session)
    path = "payment_intent.latest_charge.balance_transaction.source"
    deep = box.stripe.v1.checkout.sessions.retrieve(session.id, params={"expand": [path, "customer"]})
    assert deep.payment_intent.latest_charge.balance_transaction.source.object == "charge"
    assert deep.customer.email == "zoe@x.example"
    listed = box.stripe.v1.checkout.sessions.list(params={"expand": ["data.payment_intent"]})
    assert listed.data[0].payment_intent.object == "payment_intent"
    for wrong in ("mode", "nothing", f"{path}.payment_intent"):
        with pytest.raises(box.errors.InvalidRequestError, match="expand"):
            box.stripe.v1.checkout.sessions.retrieve(session.id, params={"expand": [wrong]})


def test_pages_follow_one_another_both_ways(box: Box) -> None:
    made = [create(box, description=str(number)).id for number in range(7)][::-1]
    first = box.stripe.v1.customers.list(params={"limit": 3})
    assert ([one.id for one in first.data], first.has_more, first.url) == (made[:3], True, "/v1/customers")
    after = box.stripe.v1.customers.list(params={"limit": 3, "starting_after": made[2]})
    assert [one.id for one in after.data] == made[3:6]
    before = box.stripe.v1.customers.list(params={"limit": 3, "ending_before": made[6]})
    assert ([one.id for one in before.data], before.has_more) == (made[3:6], True)
    assert [one.id for one in box.stripe.v1.customers.list(params={"limit": 2}).auto_paging_iter()] == made
    both = {"starting_after": made[0], "ending_before": made[1]}
    for wrong in ({"limit": 0}, {"limit": 101}, {"starting_after": "cus_x"}, both):
        with pytest.raises(box.errors.InvalidRequestError):
            box.stripe.v1.customers.list(params=wrong)


def test_lists_filter_by_time_customer_state_and_mail(box: Box) -> None:
    customer = create(box, email="zoe@x.example")
    mine, other = box.session(customer=customer.id), box.session(customer_email="bob@x.example")
    box.pay(mine)
    sessions = box.stripe.v1.checkout.sessions

    def ids(**params: object) -> list[str]:
        return [one.id for one in sessions.list(params=params).data]

    intent = box.again(mine).payment_intent
    assert ids(customer=customer.id) == ids(status="complete") == ids(payment_intent=intent) == [mine.id]
    assert ids(customer_details={"email": "bob@x.example"}) == ids(status="open") == [other.id]
    assert ids(created={"gt": mine.created + 60}) == []
    assert len(ids(created={"gte": mine.created - 60, "lte": mine.created + 60})) == 2
    assert ids(subscription="sub_1") == []
    assert [one.id for one in box.stripe.v1.customers.list(params={"email": "zoe@x.example"}).data] == [customer.id]


def test_filter_that_the_sandbox_would_ignore_is_refused(box: Box) -> None:
    with pytest.raises(box.errors.InvalidRequestError) as refused:
        box.stripe.v1.charges.list(params={"transfer_group": "g"})
    assert refused.value.code == "sandbox_unsupported"


def test_customer_is_changed_cleared_and_deleted(box: Box) -> None:
    made = create(box, name="Zoë", email="z@x.example", metadata={"a": "1", "b": "2"}, address={"line1": "1 Road"})
    changed = box.stripe.v1.customers.update(made.id, params={"metadata": {"a": "", "c": "3"}, "email": "y@x.example"})
    assert changed.metadata.to_dict() == {"b": "2", "c": "3"}
    assert (changed.name, changed.email, changed.address.line1) == ("Zoë", "y@x.example", "1 Road")
    cleared = box.stripe.v1.customers.update(made.id, params={"metadata": "", "address": ""})
    assert cleared.metadata.to_dict() == {}
    assert cleared.address is None
    assert box.stripe.v1.customers.delete(made.id).deleted
    assert box.stripe.v1.customers.retrieve(made.id).deleted
    assert box.stripe.v1.customers.list().data == []
    with pytest.raises(box.errors.InvalidRequestError):
        box.session(customer=made.id)
    events = [event.type for event in box.stripe.v1.events.list().data]
    assert events == ["customer.deleted", "customer.updated", "customer.updated", "customer.created"]
    old = box.stripe.v1.events.list(params={"type": "customer.updated"}).data[1].data.previous_attributes
    assert old.to_dict() == {"email": "z@x.example", "metadata": {"a": "1", "c": None}}


def test_first_answer_is_replayed_under_its_idempotency_key(box: Box) -> None:
    first = create(box, "key-1", email="a@x.example")
    again = create(box, "key-1", email="a@x.example")
    assert first.id == again.id
    assert again.last_response.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.last_response.headers
    assert again.last_response.headers["original-request"] == first.last_response.request_id
    assert len(box.stripe.v1.customers.list().data) == 1


def test_key_with_another_request_is_refused(box: Box) -> None:
    create(box, "key-1", email="a@x.example")
    with pytest.raises(box.errors.IdempotencyError):
        create(box, "key-1", email="b@x.example")
    with pytest.raises(box.errors.IdempotencyError):
        box.stripe.v1.products.create(params={"name": "x"}, options={"idempotency_key": "key-1"})


def test_refusal_from_before_the_work_is_not_remembered(box: Box) -> None:
    with pytest.raises(box.errors.InvalidRequestError):
        create(box, "key-1", shoe_size=42)
    assert create(box, "key-1", email="a@x.example").id


def test_decline_is_remembered_like_any_answer(box: Box) -> None:
    params = {"amount": 1000, "currency": "gbp", "payment_method": "pm_card_visa_chargeDeclined", "confirm": True}
    seen = []
    for _ in range(2):
        with pytest.raises(box.errors.CardError) as declined:
            box.stripe.v1.payment_intents.create(params=params, options={"idempotency_key": "key-1"})
        seen.append(declined.value.error.payment_intent.id)
    assert seen[0] == seen[1]
    assert len(box.stripe.v1.payment_intents.list().data) == 1


def test_key_is_forgotten_after_a_day(box: Box) -> None:
    first = create(box, "key-1")
    box.control("clock", advance_s=24 * 3600 + 1)
    assert create(box, "key-1").id != first.id


def test_twin_that_comes_while_the_first_runs_is_told_so(box: Box) -> None:
    box.control("faults", answer="slow", method="POST", path="/v1/customers", delay_s=0.6)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        first = pool.submit(create, box, "key-1")
        second = pool.submit(create, box, "key-1")
        outcomes = [one.exception() for one in (first, second)]
    conflict = next(outcome for outcome in outcomes if outcome)
    assert isinstance(conflict, box.errors.APIError)
    assert (conflict.http_status, conflict.error.code) == (409, "idempotency_key_in_use")
    assert len(box.stripe.v1.customers.list().data) == 1


def test_account_and_balance_are_there_from_the_start(box: Box) -> None:
    account = box.stripe.v1.accounts.retrieve_current()
    assert (account.country, account.default_currency) == ("GB", "gbp")
    assert box.stripe.v1.accounts.retrieve(account.id).id == account.id
    with pytest.raises(box.errors.PermissionError):
        box.stripe.v1.accounts.retrieve("acct_other")
    assert box.stripe.v1.balance.retrieve().available[0].amount == 0
    box.pay(box.session())
    assert box.stripe.v1.balance.retrieve().available[0].amount == 1000 - 15 - 20


def test_another_account_is_refused(box: Box) -> None:
    with pytest.raises(box.errors.PermissionError):
        box.stripe.v1.customers.list(options={"stripe_account": "acct_other"})


def test_version_that_is_none_is_refused(box: Box) -> None:
    answer = box.web.get("/v1/customers", headers={"Authorization": "Bearer sk_test_1", "Stripe-Version": "tomorrow"})
    assert answer.status_code == 400


def test_brackets_may_be_percent_encoded_or_not(box: Box) -> None:
    head = {"Authorization": "Bearer sk_test_1", "Content-Type": "application/x-www-form-urlencoded"}
    for body in ("metadata[a]=1", "metadata%5Ba%5D=1"):
        assert box.web.post("/v1/customers", content=body, headers=head).json()["metadata"] == {"a": "1"}


@pytest.mark.parametrize("body", ["metadata[a=1", "a[b]=1&a=2", "&".join(f"metadata[k{n}]=v" for n in range(5000))])
def test_unreadable_body_is_refused_and_not_a_fault(box: Box, body: str) -> None:
    head = {"Authorization": "Bearer sk_test_1", "Content-Type": "application/x-www-form-urlencoded"}
    assert box.web.post("/v1/customers", content=body, headers=head).status_code == 400


@pytest.mark.parametrize("path", ["/v1/customers?limit=5", "/v1/events?types[]=a&types[]=b&delivery_success=true"])
def test_queries_are_read_like_bodies(box: Box, path: str) -> None:
    assert box.web.get(path, headers={"Authorization": "Bearer sk_test_1"}).status_code == 200


def test_browsers_of_any_origin_may_ask(box: Box) -> None:
    asked = box.web.options("/v1/payment_intents/pi_1/confirm", headers={"Origin": "http://shop.example"})
    assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (204, "*")
    assert "Authorization" in asked.headers["access-control-allow-headers"]
