"""Makes a payment's credits agree with its money: the one place where refunds and disputes move credits.

In the caller's transaction, under the payment's lock. What Stripe listed is written first, then what should be taken
back by now is computed from the rows, and the difference posted with cause (payment, rev + 1); so it may run for any
reason and as often as anybody likes. Called by topup.flows.take_money_back and those that ask for a refund.
"""

from dataclasses import dataclass

from topup import errors
from topup.core import ids, money_back
from topup.core.money_back import Money, Plan, Purchase, Taken
from topup.db import disputes, refunds, sql
from topup.db import money_back as rows
from topup.db.payments import Payment
from topup.flows import money_back_mails
from topup.flows.read_charge import Told
from topup.ledger import commands, journal

TEXTS = {
    ("REFUND", True): "Refund: {name}",
    ("REFUND", False): "Refund that did not go through: {name}",
    ("DISPUTE", True): "Dispute decided against us: {name}",
    ("DISPUTE", False): "Dispute decided for us: {name}",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a payment's money is, and what of it Stripe knows already."""

    money: Money
    refunded_at_stripe_minor: int

    def sums(self) -> money_back_mails.Sums:
        """As people are told of it: a refund is made when Stripe has it."""
        return money_back_mails.Sums(self.refunded_at_stripe_minor, self.money.open_minor, self.money.lost_minor)


async def level(conn: sql.Connection, payment: Payment, told: Told | None, *, actor: str = "stripe") -> None:
    """Bring credits, holds and figures of a locked payment up to what refunds and disputes say. Nothing is asked."""
    before = await standing(conn, payment)
    if told is not None:
        await refunds.keep(conn, payment.id, told.refunds)
        await disputes.keep(conn, payment.id, told.disputes)
    after = await standing(conn, payment)
    purchase = Purchase(charged_minor(payment) if told is None else told.charged_minor, payment.credits)
    plan = Plan(0, 0, 0)
    if payment.status == "COMPLETED":
        plan = await _plan(conn, payment, purchase, after.money)
        await _post(conn, payment, plan, _commands(payment, plan, _kind(before.money, after.money), actor))
    figures = _figures(payment, purchase, after, plan)
    await rows.keep_figures(conn, figures)
    taken_back = figures.credits_taken_back + figures.credits_expired_instead
    await money_back_mails.put(conn, payment, before.sums(), after.sums(), taken_back)


async def standing(conn: sql.Connection, payment: Payment) -> Standing:
    """Where the money is by the rows there are."""
    known = await refunds.of_payment(conn, payment.id)
    made = [money_back.Refund(one.amount_minor, one.status) for one in known]
    disputed = [
        money_back.Dispute(one.amount_minor, one.status, one.withdrawn_minor, one.reinstated_minor)
        for one in await disputes.of_payment(conn, payment.id)
    ]
    at_stripe = [one for one, row in zip(made, known, strict=True) if row.stripe_refund_id is not None]
    return Standing(money_back.count(made, disputed), money_back.count(at_stripe, ()).refunded_minor)


def charged_minor(payment: Payment) -> int:
    """What was taken for a payment, as far as it is known here: by Stripe's figure, or else by what was paid."""
    return payment.charged_minor if payment.charged_minor is not None else payment.paid_minor or 0


async def _plan(conn: sql.Connection, payment: Payment, purchase: Purchase, money: Money) -> Plan:
    """Under the account's lock and with its expiries booked, since both decide what is left."""
    await journal.post(conn, [commands.Settle(payment.account_id)])
    stock = await rows.stock(conn, payment.id, payment.account_id)
    taken = Taken(payment.credits_taken_back, payment.credits_expired_instead)
    return money_back.plan(purchase, money, taken, stock.expired)


def _kind(before: Money, after: Money) -> commands.ClawbackKind:
    """A line has one kind: that of whatever moved more of the money."""
    by_dispute, by_refund = after.lost_minor - before.lost_minor, after.refunded_minor - before.refunded_minor
    return "DISPUTE" if abs(by_dispute) > abs(by_refund) else "REFUND"


def _commands(payment: Payment, plan: Plan, kind: commands.ClawbackKind, actor: str) -> list[commands.Command]:
    asked: list[commands.Command] = []
    if plan.credits:
        move = commands.Clawback if plan.credits > 0 else commands.GiveBack
        cause = commands.money_back(payment.id, payment.clawback_rev + 1)
        words = TEXTS[kind, plan.credits > 0].format(name=payment.package_name)
        text = commands.Text(words, str(payment.id))
        asked.append(move(payment.account_id, abs(plan.credits), payment.id, kind, cause, actor, text))
    asked.append(commands.HoldDisputed(payment.account_id, payment.id, plan.hold_max, ids.new(), actor))
    return asked


async def _post(conn: sql.Connection, payment: Payment, plan: Plan, asked: list[commands.Command]) -> None:
    for outcome in await journal.post(conn, asked):
        if isinstance(outcome, commands.Denied):
            raise errors.Broken(f"The ledger refused {plan} for payment {payment.id}: {outcome.code}.")


def _figures(payment: Payment, purchase: Purchase, after: Standing, plan: Plan) -> rows.Figures:
    return rows.Figures(
        payment_id=payment.id,
        charged_minor=purchase.charged_minor,
        refunded_minor=after.refunded_at_stripe_minor,
        disputed_minor=after.money.open_minor + after.money.lost_minor,
        credits_taken_back=payment.credits_taken_back + plan.credits,
        credits_expired_instead=payment.credits_expired_instead + plan.expired_instead,
    )
