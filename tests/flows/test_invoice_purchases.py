"""An institution buys sessions by invoice: issued once whatever breaks off, granted when it is paid, or on trust."""

import asyncio
from dataclasses import replace

import pytest

from tests.flows import schools
from tests.flows.schools import School
from topup import errors
from topup.core.payments import Fact, Told
from topup.db import payments, sql
from topup.flows import fulfil, invoice_purchase

school, whole = schools.school, schools.whole


async def test_invoice_is_issued_and_its_payment_fills_the_pool(school: School) -> None:
    payment = await school.buy(200, pay_by="INVOICE")
    [invoice] = school.stripe_invoices()
    assert (invoice.status, invoice.total, invoice.lines.data[0].quantity) == ("open", 96_000, 200)
    assert invoice.due_date == invoice.created + 30 * 86_400
    assert payment.hosted_invoice_url == invoice.hosted_invoice_url
    assert (payment.invoice_number, payment.status) == (invoice.number, "PENDING")
    assert await school.sessions() == 0
    assert school.box.web.post(str(payment.hosted_invoice_url), data={"transfer": "1"}).status_code == 303
    await school.deliver()
    await school.deliver()
    assert await school.sessions() == 200
    [row] = await school.rows("SELECT status, number, amount_paid_minor FROM invoices")
    assert row == ("paid", invoice.number, 96_000)


@pytest.mark.parametrize("path", ["/v1/invoices", "/v1/invoiceitems", "/v1/invoices/*/finalize", "/v1/invoices/*/send"])
@pytest.mark.parametrize("is_done", [False, True])
async def test_invoice_that_broke_off_goes_on_where_it_stopped(school: School, path: str, *, is_done: bool) -> None:
    """Fault 31: at each step, before and after Stripe did it."""
    school.box.control("faults", answer="lost", method="POST", path=path, after_work=is_done, times=9)
    with pytest.raises(errors.GatewayError):
        await school.buy(10, pay_by="INVOICE")
    school.box.web.delete("/sandbox/faults")
    async with school.pool.connection() as conn:
        [payment_id] = await sql.values(conn, "SELECT id FROM payments")
        payment = await payments.find(conn, payment_id)
    assert payment is not None
    finished = await asyncio.gather(*(school.look(payment) for _ in range(3)))
    [invoice] = school.stripe_invoices()
    assert (invoice.status, invoice.total) == ("open", 6_000)
    assert {one.payment.hosted_invoice_url for one in finished} == {invoice.hosted_invoice_url}


async def test_invoice_that_is_voided_closes_the_purchase(school: School) -> None:
    payment = await school.buy(10, pay_by="INVOICE")
    school.box.client.invoices.void_invoice(payment.stripe_invoice_id)
    await school.deliver()
    assert (await school.look(payment)).payment.status == "EXPIRED"
    assert await school.rows("SELECT status FROM invoices") == [("void",)]


async def test_trusted_institution_is_granted_at_issue_and_receipted_when_it_pays(school: School) -> None:
    async with school.pool.connection() as conn:
        await sql.run(conn, "UPDATE institutions SET is_granted_at_issue = true")
    payment = await school.buy(10, pay_by="INVOICE")
    assert (payment.status, payment.paid_minor, await school.sessions()) == ("COMPLETED", None, 10)
    assert await school.rows("SELECT count(*) FROM outbox WHERE kind = 'receipt'") == [(0,)]
    school.box.web.post(str(payment.hosted_invoice_url), data={"transfer": "1"})
    await school.deliver()
    seen = (await school.look(payment)).payment
    assert (seen.paid_minor, seen.status, await school.sessions()) == (6_000, "COMPLETED", 10)
    assert await school.rows("SELECT count(*) FROM outbox WHERE kind = 'receipt'") == [(2,)]


async def test_issued_on_trust_and_paid_in_one_batch_is_granted_and_paid(school: School) -> None:
    payment = await school.buy(10, pay_by="INVOICE")
    issued = Fact(Told.ISSUED, "INVOICE", is_live=False, payment_id=payment.id, invoice_id=payment.stripe_invoice_id)
    paid = replace(issued, told=Told.PAID, paid_minor=6_000, currency="gbp")
    async with school.pool.connection() as conn:
        outcomes = await fulfil.apply(conn, [issued, paid])
    assert [outcome.word for outcome in outcomes] == ["credited", "changed"]
    seen = (await school.look(payment)).payment
    assert (seen.paid_minor, seen.status, await school.sessions()) == (6_000, "COMPLETED", 10)


async def test_trusted_institution_that_will_not_pay_is_told_to_the_admins(school: School) -> None:
    async with school.pool.connection() as conn:
        await sql.run(conn, "UPDATE institutions SET is_granted_at_issue = true")
        await sql.run(conn, "UPDATE users SET is_admin = true")
    payment = await school.buy(10, pay_by="INVOICE")
    school.box.client.invoices.mark_uncollectible(payment.stripe_invoice_id)
    await school.deliver()
    assert await school.rows("SELECT count(*) FROM outbox WHERE kind = 'review_alert'") == [(1,)]
    assert await school.rows("SELECT status FROM invoices") == [("uncollectible",)]


async def test_invoice_is_read_again_when_it_is_looked_at(school: School) -> None:
    """Fault 6: and its addresses run out."""
    payment = await school.buy(10, pay_by="INVOICE")
    school.box.web.post(str(payment.hosted_invoice_url), data={"transfer": "1"})
    await invoice_purchase.refresh(school.pool, school.gateway, str(payment.stripe_invoice_id))
    assert await school.sessions() == 10
