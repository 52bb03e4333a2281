"""An institution buys sessions: by card in the page or by invoice, whatever fails and whoever buys at once."""

import asyncio
import re

import psycopg
import pytest

from tests import pages_at_stripe
from tests.flows import schools
from tests.flows.schools import School
from tests.people import Person
from topup import errors
from topup.db import payments, sql
from topup.flows import (
    close_unpaid,
    edit_institution,
)

school, whole = schools.school, schools.whole


@pytest.mark.parametrize(
    ("quantity", "price_minor", "unit_minor"),
    [
        (1, 600, 600),
        (49, 29_400, 600),
        (50, 27_000, 540),
        (199, 107_460, 540),
        (200, 96_000, 480),
        (100_000, 48_000_000, 480),
    ],
)
async def test_tier_that_the_quantity_reaches_prices_the_whole(
    school: School, quantity: int, price_minor: int, unit_minor: int
) -> None:
    """Fault 62: and the intent asks for that and nothing else."""
    payment = await school.buy(quantity)
    assert (payment.price_minor, payment.unit_price_minor, payment.credits) == (price_minor, unit_minor, quantity)
    [intent] = school.intents()
    assert (intent.amount, intent.currency, intent.id) == (price_minor, "gbp", payment.stripe_intent_id)
    assert intent.metadata["topup_payment_id"] == str(payment.id)
    assert intent.customer == payment.stripe_customer_id


async def test_paid_purchase_fills_the_pool_once_and_is_invoiced_and_receipted(school: School) -> None:
    """Faults 1 to 3: however often it is told."""
    payment = await school.buy(50)
    assert await school.sessions() == 0
    pages_at_stripe.pays(school.box, await school.secret(payment))
    for _ in range(2):
        await school.deliver()
        await school.look(payment)
    assert await school.sessions() == 50
    [row] = await school.rows("SELECT number, status, amount_paid_minor, billed_to ->> 'name' FROM invoices")
    assert row == (row[0], "paid", 27_000, "Hill School")
    assert re.fullmatch("TU-[0-9]{4}-000001", str(row[0]))
    mails = await school.rows(
        "SELECT recipient, details->>'institutionName', details->>'invoiceNumber' FROM outbox WHERE kind = 'receipt'"
        " ORDER BY recipient"
    )
    assert mails == [(to, "Hill School", row[0]) for to in ("alice@example.com", "bills@hill.example")]
    assert (await school.look(payment)).payment.invoice_number == row[0]


async def test_parallel_first_purchases_make_one_customer_and_one_intent_each(school: School) -> None:
    """Fault 50."""
    bought = await asyncio.gather(*(school.buy(10) for _ in range(6)))
    assert len({payment.id for payment in bought}) == len({payment.stripe_intent_id for payment in bought}) == 6
    [customer] = school.box.customers()
    assert {payment.stripe_customer_id for payment in bought} == {customer.id}
    assert (customer.name, customer.email) == ("Hill School", "bills@hill.example")


async def test_two_who_buy_at_once_buy_twice_and_each_exactly(school: School) -> None:
    first, second = await asyncio.gather(school.buy(10), school.buy(60))
    for payment in (first, second):
        pages_at_stripe.pays(school.box, await school.secret(payment))
    await school.deliver()
    assert await school.sessions() == 70
    numbers = await school.rows("SELECT number FROM invoices ORDER BY number")
    assert [str(number)[-6:] for (number,) in numbers] == ["000001", "000002"]


async def test_changed_details_reach_stripe_with_the_next_purchase(school: School) -> None:
    await school.buy(1)
    await edit_institution.change(
        school.pool,
        school.id,
        {
            "company": "Hill Ltd",
            "address_line1": "1 High St",
            "city": "Bath",
            "country": "GB",
            "tax_id": "GB123456789",
            "tax_id_type": "gb_vat",
        },
    )
    await school.buy(1)
    [customer] = school.box.customers()
    assert (customer.name, customer.address.line1, customer.address.country) == ("Hill Ltd", "1 High St", "GB")
    [tax_id] = school.box.client.customers.tax_ids.list(customer.id).data
    assert (tax_id.type, tax_id.value, customer.invoice_settings.custom_fields) == ("gb_vat", "GB123456789", None)
    await edit_institution.change(school.pool, school.id, {"tax_id": "unusual", "tax_id_type": "gb_vat"})
    await school.buy(1)
    [customer] = school.box.customers()
    assert customer.invoice_settings.custom_fields[0].value == "unusual"
    assert school.box.client.customers.tax_ids.list(customer.id).data == []
    await edit_institution.change(school.pool, school.id, {"company": None, "tax_id": None, "tax_id_type": None})
    await asyncio.gather(*(school.buy(1) for _ in range(4)))
    [customer] = school.box.customers()
    assert (customer.name, customer.invoice_settings.custom_fields) == ("Hill School", None)


async def test_customer_deleted_at_stripe_is_made_again(school: School) -> None:
    first = await school.buy(1)
    school.box.client.customers.delete(first.stripe_customer_id)
    second = await school.buy(1)
    assert second.stripe_customer_id != first.stripe_customer_id
    assert second.stripe_intent_id is not None


async def test_customer_deleted_at_stripe_is_made_again_when_there_is_news_for_it(school: School) -> None:
    first = await school.buy(1)
    school.box.client.customers.delete(first.stripe_customer_id)
    await edit_institution.change(school.pool, school.id, {"company": "Hill Ltd"})
    assert (await school.buy(1)).stripe_customer_id != first.stripe_customer_id
    assert [customer.name for customer in school.box.customers() if "name" in customer] == ["Hill Ltd"]


async def test_declined_card_then_another(school: School) -> None:
    payment = await school.buy(10)
    secret = await school.secret(payment)
    assert pages_at_stripe.confirm(school.box, secret, "pm_card_visa_chargeDeclined").status_code == 402
    await school.deliver()
    assert (await school.look(payment)).payment.status == "PENDING"
    pages_at_stripe.pays(school.box, secret)
    await school.deliver()
    assert (await school.look(payment)).payment.status == "COMPLETED"
    assert await school.sessions() == 10


async def test_bank_asks_first_and_may_be_told_no(school: School) -> None:
    payment = await school.buy(10)
    secret = await school.secret(payment)
    asked = pages_at_stripe.confirm(school.box, secret, "pm_card_authenticationRequired")
    pages_at_stripe.authenticate(school.box, asked, is_passed=False)
    await school.deliver()
    assert (await school.look(payment)).client_secret == secret
    asked = pages_at_stripe.confirm(school.box, secret, "pm_card_authenticationRequired")
    pages_at_stripe.authenticate(school.box, asked)
    await school.deliver()
    assert await school.sessions() == 10


async def test_payment_that_succeeded_while_the_page_was_closed_is_found(school: School) -> None:
    """Fault 6: without any delivery."""
    payment = await school.buy(10)
    pages_at_stripe.pays(school.box, await school.secret(payment))
    seen = await school.look(payment)
    assert (seen.payment.status, seen.client_secret, seen.invoice_id is None) == ("COMPLETED", None, False)
    assert await school.sessions() == 10


async def test_delivery_before_our_own_record_of_the_intent_credits(school: School) -> None:
    """Fault 4: Stripe made it, its answer was lost, and the money came all the same."""
    school.box.control("faults", answer="lost", method="POST", path="/v1/payment_intents", after_work=True, times=9)
    with pytest.raises(errors.GatewayError):
        await school.buy(10)
    school.box.web.delete("/sandbox/faults")
    [intent] = school.intents()
    pages_at_stripe.pays(school.box, str(intent.client_secret))
    await school.deliver()
    assert await school.sessions() == 10
    [(payment_id,)] = await school.rows("SELECT id FROM payments WHERE status = 'COMPLETED'")
    assert intent.metadata["topup_payment_id"] == str(payment_id)


async def test_purchase_whose_intent_was_lost_gets_the_same_one_when_looked_at(school: School) -> None:
    """Fault 31."""
    school.box.control("faults", answer="lost", method="POST", path="/v1/payment_intents", after_work=True, times=9)
    with pytest.raises(errors.GatewayError):
        await school.buy(10)
    school.box.web.delete("/sandbox/faults")
    async with school.pool.connection() as conn:
        [payment_id] = await sql.values(conn, "SELECT id FROM payments")
        payment = await payments.find(conn, payment_id)
    assert payment is not None
    seen = await school.look(payment)
    [intent] = school.intents()
    assert (seen.client_secret, seen.payment.stripe_intent_id) == (intent.client_secret, intent.id)


async def test_failure_that_stripe_keeps_under_a_key_is_got_round(school: School) -> None:
    """Fault 33: a stored 500 needs a new key."""
    school.box.control("faults", answer="500", method="POST", path="/v1/payment_intents", remember=True)
    payment = await school.buy(10)
    assert payment.stripe_intent_id == school.intents()[0].id


async def test_saved_card_is_kept_and_pays_the_next_purchase(school: School) -> None:
    first = await school.buy(10, is_card_saved=True)
    pages_at_stripe.pays(school.box, await school.secret(first))
    [card] = school.box.client.customers.payment_methods.list(first.stripe_customer_id).data
    second = await school.buy(10, method_id=card.id)
    pages_at_stripe.pays(school.box, await school.secret(second), card=None)
    await school.deliver()
    assert await school.sessions() == 20


async def test_card_of_somebody_else_or_of_nobody_is_not_there(school: School, bob: Person) -> None:
    """Fault 66: and nothing is written."""
    stranger = school.box.client.customers.create(params={"email": bob.email})
    theirs = school.box.client.payment_methods.attach("pm_card_visa", params={"customer": stranger.id})
    mine = (await school.buy(1)).stripe_customer_id
    gone = school.box.client.payment_methods.attach("pm_card_visa", params={"customer": mine})
    school.box.client.payment_methods.detach(gone.id)
    for method_id in (theirs.id, gone.id, "pm_card_visa", "pm_nothing", "x" * 255):
        with pytest.raises(errors.NotFound):
            await school.buy(10, method_id=method_id)
    assert await school.rows("SELECT count(*) FROM payments") == [(1,)]


async def test_same_request_after_a_crash_finds_the_first_purchase(school: School) -> None:
    """Fault 31: for a caller with an idempotency key."""
    first, again = [await school.buy(10, request_key=b"one") for _ in range(2)]
    assert first.id == again.id
    twins = await asyncio.gather(*(school.buy(10, request_key=b"two") for _ in range(5)))
    assert len({payment.id for payment in twins}) == 1
    with pytest.raises(errors.Invalid) as refused:
        await school.buy(11, request_key=b"one")
    assert refused.value.code == "idempotency_key_reused"
    assert len(school.intents()) == 2


async def test_purchase_that_nobody_finishes_is_cancelled_after_a_day(school: School) -> None:
    """Faults 5, 10 and 60: but not one that was paid at the last moment."""
    left, paid = await school.buy(10), await school.buy(20)
    pages_at_stripe.pays(school.box, await school.secret(paid))
    assert await close_unpaid.close(school.pool, school.gateway) == 0
    async with school.pool.connection() as conn:
        await sql.run(conn, "UPDATE payments SET created_at = created_at - interval '25 hours'")
    assert await close_unpaid.close(school.pool, school.gateway) == 2
    assert [(await school.look(one)).payment.status for one in (left, paid)] == ["EXPIRED", "COMPLETED"]
    assert {intent.status for intent in school.intents()} == {"canceled", "succeeded"}
    assert (await school.look(left)).client_secret is None
    assert await school.sessions() == 20


async def test_quantity_that_is_not_on_sale_is_refused(school: School) -> None:
    async with school.pool.connection() as conn:
        await sql.run(conn, "DELETE FROM session_prices WHERE min_quantity = 1")
    with pytest.raises(errors.Conflict) as refused:
        await school.buy(49)
    assert refused.value.code == "not_on_sale"


async def test_snapshot_of_a_purchase_never_changes(school: School) -> None:
    """Fault 58."""
    await school.buy(10)
    for change in (
        "UPDATE payments SET unit_price_minor = 1",
        "UPDATE payments SET institution_id = NULL",
        "UPDATE payments SET is_card_saved = true",
        "UPDATE payments SET credits = 11",
    ):
        with pytest.raises(psycopg.Error, match="never changes"):
            await school.rows(change)
