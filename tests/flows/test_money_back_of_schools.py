"""Money back of an institution's purchases, by every way to pay: from the pool; students keep what they were given."""

import pytest

from tests import asking, pages_at_stripe
from tests.flows import schools
from tests.flows.schools import School
from topup.core import ids
from topup.db import payments, sql
from topup.flows import find_strays, refund, take_money_back
from topup.ledger import commands, journal

school, whole = schools.school, schools.whole


async def pay(school: School, pay_by: str) -> payments.Payment:
    """Ten sessions are bought and paid."""
    payment = await school.buy(10, pay_by=pay_by)
    if pay_by == "INVOICE":
        school.box.client.invoices.pay(payment.stripe_invoice_id, params={"payment_method": "pm_card_visa"})
    else:
        pages_at_stripe.pays(school.box, await school.secret(payment))
    await school.deliver()
    assert await school.sessions() == 10
    return payment


async def lend(school: School, sessions: int) -> object:
    """A student is given some; the student's account."""
    student = ids.new()
    async with school.pool.connection() as conn:
        await sql.run(
            conn, "INSERT INTO accounts (id, unit, external_id) VALUES (%s, 'session', %s)", [student, str(student)]
        )
        move = commands.Move(school.account_id, student, sessions, asking.cause(), "user:x", is_allocation=True)
        assert isinstance((await journal.post(conn, [move]))[0], commands.Done)
    return student


async def hear(school: School) -> None:
    await school.deliver()
    await find_strays.find(school.pool, school.gateway)
    await take_money_back.take(school.pool, school.gateway)


@pytest.mark.parametrize("pay_by", ["CARD", "INVOICE"])
async def test_refund_takes_from_the_pool_and_students_keep_what_they_have(school: School, pay_by: str) -> None:
    """Fault 55: what is not in the pool any more is the pool's debt, whichever way it was paid."""
    payment = await pay(school, pay_by)
    student = await lend(school, 4)
    [paid] = [one for one in school.intents() if one.status == "succeeded"]
    school.box.control("refunds", payment_intent=paid.id)
    await hear(school)
    statement = "SELECT id, balance FROM accounts WHERE unit = 'session' AND system_name IS NULL"
    accounts = {row[0]: row[1] for row in await school.rows(statement)}
    assert (accounts[school.account_id], accounts[student]) == (-4, 4)
    assert await school.rows("SELECT credits_taken_back FROM payments WHERE id = %s", payment.id) == [(10,)]
    told = await school.rows("SELECT recipient FROM outbox WHERE kind = 'money_back' ORDER BY recipient")
    assert told == [("alice@example.com",), ("bills@hill.example",)]


@pytest.mark.parametrize("pay_by", ["CARD", "INVOICE"])
async def test_admin_refunds_a_purchase_from_here(school: School, pay_by: str) -> None:
    payment = await pay(school, pay_by)
    asker = refund.Asker("user:admin", None)
    order = refund.Order(asker, payment.id, payment.price_minor // 2, "Half of it", ids.new().bytes)
    assert (await refund.give(school.pool, school.gateway, order)).status == "succeeded"
    assert await school.sessions() == 5
    await hear(school)
    assert await school.sessions() == 5
