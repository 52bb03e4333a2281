"""Our payments beside Stripe's books: what is paid is credited, what ended is closed, what nobody can explain is shown.

Faults 6, 7, 59, 60 and 63: no delivery ever comes here, unless a test brings it itself.
"""

import asyncio
import hashlib
import json
from datetime import timedelta
from typing import Any, LiteralString

import pytest
from psycopg.sql import SQL, Identifier

from tests import pages_at_stripe
from tests.flows import schools
from tests.flows.schools import School
from tests.flows.test_checkout import available, change, put_on_sale, start
from tests.people import Person, Pool
from tests.stripe_boxes import StripeBox
from topup.core import ids
from topup.db import payments, reconciliations, sql
from topup.flows import close_unpaid, receive, reconcile
from topup.gateway import stripe

school = schools.school
DAYS_2 = reconcile.Look("command", timedelta(days=2))
DRY = reconcile.Look("command", timedelta(days=2), is_dry_run=True)


async def status(pool: Pool, payment: payments.Payment) -> str:
    async with pool.connection() as conn:
        found = await payments.find(conn, payment.id)
    assert found is not None
    return found.status


async def value(pool: Pool, statement: LiteralString) -> Any:  # noqa: ANN401 - the statement decides
    async with pool.connection() as conn:
        return await sql.value(conn, statement)


def told(report: reconcile.Report) -> dict[str, int]:
    """What was done, without what was not."""
    names = ("credited", "closed", "reviewed", "expired", "unexplained")
    return {name: found for name in names if (found := getattr(report, name))}


def kinds(report: reconcile.Report) -> list[str]:
    return sorted(str(one["kind"]) for one in report.findings)


async def look(pool: Pool, gateway: stripe.Gateway, look: reconcile.Look = DAYS_2) -> reconcile.Report:
    return await reconcile.run(pool, gateway, look)


async def hashes(pool: Pool) -> dict[str, str]:
    """Every table's content, as one hash each."""
    async with pool.connection() as conn:
        tables = await sql.values(conn, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        found = {}
        for table in tables:
            whole = SQL("SELECT t::text FROM {} AS t ORDER BY 1").format(Identifier(table))
            rows = await (await conn.execute(whole)).fetchall()
            found[table] = hashlib.sha256(repr(rows).encode()).hexdigest()
        return found


async def test_payment_whose_event_is_lost_for_good_is_credited_once(
    pool: Pool, gateway: stripe.Gateway, stripe_box: StripeBox, alice: Person
) -> None:
    """Faults 6 and 7: nobody opens the return page and no delivery ever comes."""
    payment = await start(pool, gateway, alice, await put_on_sale(pool))
    stripe_box.pay(payment.checkout_url)
    assert told(await look(pool, gateway)) == {"credited": 1}
    assert told(await look(pool, gateway)) == {}
    assert await status(pool, payment) == "COMPLETED"
    assert await available(pool, alice) == 100


async def test_open_checkout_is_left_to_its_buyer(pool: Pool, gateway: stripe.Gateway, alice: Person) -> None:
    payment = await start(pool, gateway, alice, await put_on_sale(pool))
    assert told(await look(pool, gateway)) == {}
    assert await status(pool, payment) == "PENDING"


@pytest.mark.parametrize("days_ago", [0, 40])
async def test_checkout_that_ended_unheard_is_closed(
    pool: Pool, gateway: stripe.Gateway, alice: Person, days_ago: int
) -> None:
    """Found in the list, or asked for by its id when it is too old to be listed."""
    payment = await start(pool, gateway, alice, await put_on_sale(pool))
    assert payment.stripe_session_id is not None
    await gateway.expire_checkout(payment.stripe_session_id, key="close it")
    if days_ago:
        await move_our_clock(pool, days_ago)
    assert told(await look(pool, gateway)) == {"closed": 1}
    assert await status(pool, payment) == "EXPIRED"


async def move_our_clock(pool: Pool, days: int) -> None:
    await change(pool, "UPDATE deployment SET is_demo = true, mode = 'test'")
    async with pool.connection() as conn:
        await sql.run(conn, "UPDATE deployment SET clock_offset = make_interval(days => %s)", [days])


async def test_payment_that_never_got_a_session_is_closed_after_a_day(
    pool: Pool, gateway: stripe.Gateway, alice: Person
) -> None:
    payment = await start(pool, gateway, alice, await put_on_sale(pool))
    await change(
        pool,
        "UPDATE payments SET stripe_session_id = NULL, expires_at = NULL, created_at = topup_now() - interval '2 days'",
    )
    assert told(await look(pool, gateway)) == {"closed": 1}
    assert await status(pool, payment) == "EXPIRED"


async def test_a_session_whose_id_we_never_got_is_found_by_our_own_id_and_credited(
    pool: Pool, gateway: stripe.Gateway, stripe_box: StripeBox, alice: Person
) -> None:
    """Faults 4a, 7 and 32: paid forty days ago, the events gone, the answer that named the session lost."""
    payment = await start(pool, gateway, alice, await put_on_sale(pool))
    stripe_box.pay(payment.checkout_url)
    await change(pool, "UPDATE payments SET stripe_session_id = NULL, checkout_url = NULL, expires_at = NULL")
    stripe_box.control("clock", advance_s=40 * 86400)
    await move_our_clock(pool, 40)
    assert stripe_box.events() == []
    assert told(await look(pool, gateway)) == {"credited": 1}
    assert await status(pool, payment) == "COMPLETED"
    assert len(stripe_box.sessions()) == 1


@pytest.mark.parametrize("days", [4, 29, 45])
async def test_what_was_paid_while_we_were_away_is_credited_when_we_are_back(
    pool: Pool, gateway: stripe.Gateway, stripe_box: StripeBox, alice: Person, days: int
) -> None:
    """Fault 7: away for longer than Stripe tries, and for longer than it keeps events."""
    package = await put_on_sale(pool)
    payment = await start(pool, gateway, alice, package)
    stripe_box.pay(payment.checkout_url)
    stripe_box.control("clock", advance_s=days * 86400)
    await move_our_clock(pool, days)
    assert (stripe_box.events() == []) == (days > 30)
    report = await reconcile.recent(pool, gateway)
    assert told(report) == {"credited": 1}
    assert await available(pool, alice) == 100


async def test_a_recent_look_reaches_back_to_the_last_one(pool: Pool, gateway: stripe.Gateway) -> None:
    """Fault 95: a worker that was away for a week looks at the whole week."""
    await reconcile.recent(pool, gateway)
    await change(pool, "UPDATE reconciliations SET started_at = started_at - interval '7 days'")
    report = await reconcile.recent(pool, gateway)
    assert report.started_at - report.looked_from == pytest.approx(timedelta(days=7, hours=2), abs=timedelta(minutes=1))


async def test_lost_events_of_purchases_in_the_page_are_made_good(school: School) -> None:
    """Fault 6: also of an intent."""
    payment = await school.buy(10)
    pages_at_stripe.pays(school.box, await school.secret(payment))
    assert told(await look(school.pool, school.gateway)) == {"credited": 1}
    assert await school.sessions() == 10
    assert told(await look(school.pool, school.gateway)) == {}


@pytest.mark.parametrize("days", [0, 89, 120])
async def test_lost_events_of_invoices_are_made_good_however_late_they_are_paid(school: School, days: int) -> None:
    """Fault 6: also of an invoice that was paid three months after it was written."""
    payment = await school.buy(10, pay_by="INVOICE")
    assert payment.stripe_invoice_id is not None
    if days:
        school.box.control("clock", advance_s=days * 86400)
        await move_our_clock(school.pool, days)
    school.box.client.invoices.pay(payment.stripe_invoice_id, params={"paid_out_of_band": True})
    assert told(await reconcile.recent(school.pool, school.gateway)) == {"credited": 1}
    assert await school.sessions() == 10


async def test_a_voided_invoice_closes_its_purchase(school: School) -> None:
    payment = await school.buy(10, pay_by="INVOICE")
    assert payment.stripe_invoice_id is not None
    school.box.client.invoices.void_invoice(payment.stripe_invoice_id)
    assert told(await look(school.pool, school.gateway)) == {"closed": 1}
    assert await status(school.pool, payment) == "EXPIRED"


@pytest.mark.parametrize("failure", [None, "insufficient_funds"])
async def test_a_debit_whose_end_nobody_told_ends(
    pool: Pool, gateway: stripe.Gateway, stripe_box: StripeBox, alice: Person, failure: str | None
) -> None:
    """Faults 6 and 37: the checkout itself never says that its debit failed; its intent does."""
    payment = await start(pool, gateway, alice, await put_on_sale(pool))
    stripe_box.debit(payment.checkout_url, "90012345")
    assert told(await look(pool, gateway)) == {"closed": 1}
    assert await status(pool, payment) == "PROCESSING"
    assert told(await look(pool, gateway)) == {}
    async with pool.connection() as conn:
        found = await payments.find(conn, payment.id)
    assert found is not None
    stripe_box.control(f"debits/{found.stripe_intent_id}", **({"failure": failure} if failure else {}))
    assert told(await look(pool, gateway)) == ({"closed": 1} if failure else {"credited": 1})
    assert await status(pool, payment) == ("FAILED" if failure else "COMPLETED")
    assert told(await look(pool, gateway)) == {}


async def test_a_checkout_of_a_package_off_sale_is_ended_at_stripe(
    pool: Pool, gateway: stripe.Gateway, stripe_box: StripeBox, alice: Person, bob: Person
) -> None:
    """Fault 59: an open one is ended, a paid one is credited."""
    package = await put_on_sale(pool)
    open_payment, paid = await start(pool, gateway, alice, package), await start(pool, gateway, bob, package)
    stripe_box.pay(paid.checkout_url)
    await change(pool, "UPDATE packages SET is_active = false")
    assert told(await look(pool, gateway)) == {"expired": 1, "closed": 1, "credited": 1}
    assert (await status(pool, open_payment), await status(pool, paid)) == ("EXPIRED", "COMPLETED")
    assert sorted(session.status for session in stripe_box.sessions()) == ["complete", "expired"]


async def test_what_is_paid_at_stripe_for_no_payment_of_ours_is_shown(
    pool: Pool, gateway: stripe.Gateway, stripe_box: StripeBox
) -> None:
    """Faults 22 and 63: as after a restore of an old backup."""
    mark = {"topup_payment_id": str(ids.new())}
    paid = stripe_box.client.payment_intents.create(
        params={
            "amount": 1000,
            "currency": "gbp",
            "confirm": True,
            "payment_method": "pm_card_visa",
            "metadata": mark,
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        }
    )
    unpaid = stripe_box.client.payment_intents.create(params={"amount": 1000, "currency": "gbp", "metadata": mark})
    ended = stripe_box.client.payment_intents.create(params={"amount": 1000, "currency": "gbp", "metadata": mark})
    stripe_box.client.payment_intents.cancel(ended.id)
    stripe_box.client.payment_intents.create(params={"amount": 1000, "currency": "gbp"})
    report = await look(pool, gateway)
    assert {one["subject"] for one in report.findings} == {paid.id, unpaid.id}
    assert kinds(report) == ["object_without_payment"] * 2


async def completed(pool: Pool, gateway: stripe.Gateway, box: StripeBox, person: Person) -> payments.Payment:
    payment = await start(pool, gateway, person, await put_on_sale(pool))
    box.pay(payment.checkout_url)
    assert told(await look(pool, gateway)) == {"credited": 1}
    return payment


async def test_a_completed_payment_that_stripe_does_not_know_is_shown(
    pool: Pool, gateway: stripe.Gateway, stripe_box: StripeBox, alice: Person
) -> None:
    """Invariant P7, from our side."""
    payment = await completed(pool, gateway, stripe_box, alice)
    stripe_box.control("wipe")
    report = await look(pool, gateway)
    assert kinds(report) == ["payment_without_object"]
    assert report.findings[0]["paymentId"] == str(payment.id)


@pytest.mark.parametrize("change_there", [{"amount_subtotal": 900, "amount_total": 900}, {"currency": "eur"}])
async def test_a_completed_payment_of_another_sum_is_shown(
    pool: Pool, gateway: stripe.Gateway, stripe_box: StripeBox, alice: Person, change_there: dict[str, object]
) -> None:
    """Invariant P7: amount and currency."""
    payment = await completed(pool, gateway, stripe_box, alice)
    stripe_box.control(f"objects/{payment.stripe_session_id}", set=change_there, emit=[])
    assert kinds(await look(pool, gateway)) == ["other_sum"]


async def test_an_admins_decision_after_a_review_needs_no_more_explaining(
    pool: Pool, gateway: stripe.Gateway, stripe_box: StripeBox, alice: Person
) -> None:
    payment = await completed(pool, gateway, stripe_box, alice)
    stripe_box.control(f"objects/{payment.stripe_session_id}", set={"amount_subtotal": 900}, emit=[])
    await change(pool, "UPDATE payments SET review_reason = 'Paid 900'")
    assert told(await look(pool, gateway)) == {}


async def test_money_of_another_sum_goes_to_review_and_credits_nothing(
    pool: Pool, gateway: stripe.Gateway, stripe_box: StripeBox, alice: Person
) -> None:
    """Fault 61."""
    payment = await start(pool, gateway, alice, await put_on_sale(pool))
    stripe_box.pay(payment.checkout_url)
    stripe_box.control(
        f"objects/{payment.stripe_session_id}", set={"amount_subtotal": 900, "amount_total": 900}, emit=[]
    )
    assert told(await look(pool, gateway)) == {"reviewed": 1}
    assert await status(pool, payment) == "REVIEW"
    assert told(await look(pool, gateway)) == {}


async def test_edited_metadata_misleads_nothing(
    pool: Pool, gateway: stripe.Gateway, stripe_box: StripeBox, alice: Person, bob: Person
) -> None:
    """Fault 63: the ids that we keep decide, wherever the mark leads."""
    package = await put_on_sale(pool)
    payment, other = await start(pool, gateway, alice, package), await start(pool, gateway, bob, package)
    stripe_box.pay(payment.checkout_url)
    stripe_box.control(
        f"objects/{payment.stripe_session_id}",
        set={"metadata": {"topup_payment_id": str(other.id)}, "client_reference_id": str(other.id)},
        emit=[],
    )
    assert told(await look(pool, gateway)) == {"credited": 1}
    assert (await available(pool, alice), await available(pool, bob)) == (100, 0)
    assert await status(pool, other) == "PENDING"


async def test_a_dry_run_says_the_same_and_writes_nothing(
    pool: Pool, gateway: stripe.Gateway, stripe_box: StripeBox, alice: Person, bob: Person
) -> None:
    package = await put_on_sale(pool)
    paid, ended = await start(pool, gateway, alice, package), await start(pool, gateway, bob, package)
    stripe_box.pay(paid.checkout_url)
    assert ended.stripe_session_id is not None
    await gateway.expire_checkout(ended.stripe_session_id, key="close it")
    mark = {"topup_payment_id": str(ids.new())}
    stripe_box.client.payment_intents.create(params={"amount": 1000, "currency": "gbp", "metadata": mark})
    before = await hashes(pool)
    dry = await look(pool, gateway, DRY)
    assert await hashes(pool) == before
    wet = await look(pool, gateway)
    assert told(dry) == told(wet) == {"credited": 1, "closed": 1, "unexplained": 1}
    assert await hashes(pool) != before


async def test_reconciling_beside_deliveries_credits_once(
    pool: Pool, gateway: stripe.Gateway, stripe_box: StripeBox, alice: Person
) -> None:
    """Faults 2 and 6: three looks and thirty-two deliveries of the same payment at once."""
    payment = await start(pool, gateway, alice, await put_on_sale(pool))
    stripe_box.pay(payment.checkout_url)
    deliveries = [receive.read(json.dumps(event)) for event in stripe_box.events()]
    known = [one for one in deliveries if one is not None]
    batches = [receive.receive(pool, [one], is_live=False) for one in (known * 32)[:32]]
    await asyncio.gather(*batches, *(look(pool, gateway) for _ in range(3)))
    assert await available(pool, alice) == 100
    assert await value(pool, "SELECT count(*) FROM transfers WHERE kind = 'PURCHASE'") == 1
    assert await value(pool, "SELECT count(*) FROM outbox WHERE kind = 'receipt'") == 1


async def test_one_payment_that_cannot_be_credited_holds_up_no_other(
    pool: Pool, gateway: stripe.Gateway, stripe_box: StripeBox, alice: Person, bob: Person
) -> None:
    """Fault 15, for the reconciler."""
    package = await put_on_sale(pool)
    for person in (alice, bob):
        stripe_box.pay((await start(pool, gateway, person, package)).checkout_url)
    async with pool.connection() as conn:
        bug = f"ALTER TABLE lots ADD CONSTRAINT bug CHECK (account_id <> '{alice.account_id}')"
        await conn.execute(bug.encode())
    report = await look(pool, gateway)
    assert told(report) == {"credited": 1, "unexplained": 1}
    assert kinds(report) == ["paid_not_credited"]
    assert await available(pool, bob) == 100


async def test_reports_are_kept_and_admins_told_once(
    pool: Pool, gateway: stripe.Gateway, stripe_box: StripeBox
) -> None:
    await change(
        pool,
        """INSERT INTO users (id, email, first_name, last_name, role, is_admin)
        VALUES (gen_random_uuid(), 'ada@example.com', 'Ada', 'Admin', 'STUDENT', true)""",
    )
    first = {"topup_payment_id": str(ids.new())}
    stripe_box.client.payment_intents.create(params={"amount": 1000, "currency": "gbp", "metadata": first})
    assert told(await look(pool, gateway)) == told(await look(pool, gateway)) == {"unexplained": 1}
    assert await value(pool, "SELECT count(*) FROM outbox WHERE kind = 'attention'") == 1
    second = {"topup_payment_id": str(ids.new())}
    stripe_box.client.payment_intents.create(params={"amount": 1000, "currency": "gbp", "metadata": second})
    report = await look(pool, gateway)
    assert told(report) == {"unexplained": 2}
    assert await value(pool, "SELECT count(*) FROM outbox WHERE kind = 'attention'") == 2
    async with pool.connection() as conn:
        [latest, *_] = await reconciliations.page(conn, before=None, limit=5)
    assert latest == report


async def test_purchases_nobody_finished_are_closed_beside_it(school: School) -> None:
    """What `close_unpaid` cancels at Stripe is not unexplained afterwards."""
    payment = await school.buy(10)
    await change(school.pool, "UPDATE payments SET created_at = created_at - interval '25 hours'")
    await close_unpaid.close(school.pool, school.gateway)
    assert await status(school.pool, payment) == "EXPIRED"
    assert told(await look(school.pool, school.gateway)) == {}
