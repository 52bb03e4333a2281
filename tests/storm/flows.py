"""Every flow in which something can die half-way: prepare, arm, go through it as its client does, and look.

A flow is a function of a walk, so a new one is a few lines and an entry in FLOWS. Whatever happened on the way, at the
end what was acknowledged is there exactly once, and what was paid is credited.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from tests import people
from tests.storm import school_flows
from tests.storm.walk import Walk
from topup.core import mails
from topup.db import outbox

PASSWORD = "correct horse battery"
PACKAGE = "SELECT id FROM packages WHERE credits = 100"
CODE = (
    "SELECT details->>'code' FROM outbox WHERE recipient = %s AND kind = 'verification_code' ORDER BY id DESC LIMIT 1"
)
LINES = (
    "SELECT count(*) FROM entries e JOIN transfers t ON t.id = e.transfer_id WHERE e.account_id = %s AND t.kind = %s"
)
Flow = Callable[[Walk], None]


def sign_up(walk: Walk) -> None:
    """Registering, and proving the address with the code; a used code is no obstacle to whoever has the password."""
    walk.rig.execute("DELETE FROM rate_limits")
    email = f"{uuid4().hex}@example.com"
    form = {"email": email, "password": PASSWORD, "firstName": "Alice", "lastName": "Arnold"}
    walk.arm()
    assert walk.ask("POST", "/api/auth/register", form).status == 202
    code = walk.rig.value(CODE, email)
    assert code, "answered, and no code on its way"
    proven = walk.ask("POST", "/api/auth/verify-otp", {"email": email, "otp": code})
    walk.disarm()
    if proven.status != 200:
        assert proven.tries > 1, proven
        proven = walk.ask("POST", "/api/auth/login", {"email": email, "password": PASSWORD})
    assert proven.status == 200, proven
    account_id = UUID(proven.body["user"]["accountId"])
    assert walk.rig.balance(account_id) == 100
    assert walk.rig.value(LINES, account_id, "WELCOME_BONUS") == 1


@dataclass
class Buyer:
    """Somebody with an open checkout."""

    person: people.Person
    token: str
    checkout: dict[str, Any]


def order(walk: Walk, person: people.Person, token: str) -> Buyer:
    """Somebody's open checkout."""
    body = {"packageId": str(walk.rig.value(PACKAGE))}
    return Buyer(person, token, walk.post("/api/payments/credit-checkout", body, token=token))


def buyer(walk: Walk) -> Buyer:
    """Somebody new at Stripe's page."""
    walk.rig.execute("DELETE FROM rate_limits")
    return order(walk, *walk.rig.person())


def is_credited(walk: Walk, bought: Buyer) -> None:
    """Paid, credited once, and a receipt on its way."""
    status = "SELECT status FROM payments WHERE id = %s"
    assert walk.rig.value(status, UUID(bought.checkout["paymentId"])) == "COMPLETED"
    assert walk.rig.balance(bought.person.account_id) == 100
    assert walk.rig.value(LINES, bought.person.account_id, "PURCHASE") == 1
    receipts = "SELECT count(*) FROM outbox WHERE recipient = %s AND kind = 'receipt'"
    assert walk.rig.value(receipts, bought.person.email) == 1


def start_checkout(walk: Walk) -> None:
    """However often it is asked, there is one payment, one customer and one page to pay on."""
    walk.rig.execute("DELETE FROM rate_limits")
    person, token = walk.rig.person()
    walk.arm()
    bought = order(walk, person, token)
    walk.disarm()
    assert walk.rig.value("SELECT count(*) FROM payments WHERE user_id = %s", person.user_id) == 1
    [customer] = [one for one in walk.rig.box.customers() if one.email == person.email]
    payable = [one.id for one in walk.rig.box.sessions() if one.customer == customer.id and one.status == "open"]
    assert payable == [bought.checkout["sessionId"]]


def pay_and_be_told(walk: Walk) -> None:
    """Stripe's page takes the money, and its deliveries come until they are answered."""
    bought = buyer(walk)
    walk.arm()
    walk.rig.box.pay(bought.checkout["sessionUrl"])
    walk.deliver()
    walk.disarm()
    is_credited(walk, bought)


def return_to_us(walk: Walk) -> None:
    """The buyer comes back before any delivery, and the page asks until it knows."""
    bought = buyer(walk)
    walk.rig.box.pay(bought.checkout["sessionUrl"])
    path = f"/api/payments/checkout-status/{bought.checkout['sessionId']}"
    walk.arm()
    told = walk.ask("GET", path, token=bought.token)
    for _ in range(20):
        if told.body["status"] == "COMPLETED":
            break
        time.sleep(0.2)
        told = walk.ask("GET", path, token=bought.token)
    walk.disarm()
    assert told.body["status"] == "COMPLETED"
    is_credited(walk, bought)


def reconcile(walk: Walk) -> None:
    """No delivery and no buyer ever come, and the worker compares our payments with Stripe's."""
    bought = buyer(walk)
    walk.rig.box.pay(bought.checkout["sessionUrl"])
    walk.arm()
    walk.work("reconcile recent")
    walk.disarm()
    is_credited(walk, bought)


def _bought(walk: Walk) -> tuple[Buyer, str]:
    """Somebody who has paid and has what they paid for; and their intent at Stripe."""
    bought = buyer(walk)
    walk.rig.box.pay(bought.checkout["sessionUrl"])
    walk.deliver()
    intent = "SELECT stripe_intent_id FROM payments WHERE id = %s"
    return bought, str(walk.rig.value(intent, UUID(bought.checkout["paymentId"])))


def _look_again(walk: Walk) -> None:
    """Whoever died had taken the look upon themselves for a while; here the next one need not wait for that."""
    walk.rig.execute("UPDATE money_back_due SET due_at = topup_now()")
    walk.work("money back")


def refund(walk: Walk) -> None:
    """Half of the money goes back at Stripe, and half of the credits here, once."""
    bought, intent_id = _bought(walk)
    walk.arm()
    walk.rig.box.control("refunds", payment_intent=intent_id, amount=500)
    walk.deliver()
    walk.work("money back")
    walk.disarm()
    _look_again(walk)
    assert walk.rig.balance(bought.person.account_id) == 50
    assert walk.rig.value(LINES, bought.person.account_id, "REFUND") == 1


def refund_from_here(walk: Walk) -> None:
    """An admin gives half of the money back: one refund at Stripe, however often it was asked for."""
    bought, intent_id = _bought(walk)
    admin, token = walk.rig.person()
    walk.rig.execute("UPDATE users SET is_admin = true WHERE id = %s", admin.user_id)
    walk.arm()
    path = f"/api/payments/{bought.checkout['paymentId']}/refunds"
    walk.post(path, {"amount": 500, "reason": "Asked for"}, token=token)
    walk.deliver()
    walk.work("money back")
    walk.disarm()
    _look_again(walk)
    assert walk.rig.balance(bought.person.account_id) == 50
    assert walk.rig.value(LINES, bought.person.account_id, "REFUND") == 1
    made = walk.rig.box.client.refunds.list(params={"payment_intent": intent_id}).data
    assert [(one.amount, one.status) for one in made] == [(500, "succeeded")]


def dispute(walk: Walk) -> None:
    """What is left is held while a dispute is open, and goes when it is lost."""
    bought, intent_id = _bought(walk)
    walk.arm()
    opened = walk.rig.box.control("disputes", payment_intent=intent_id)
    walk.deliver()
    walk.work("money back")
    walk.disarm()
    _look_again(walk)
    held = "SELECT held FROM accounts WHERE id = %s"
    assert (walk.rig.balance(bought.person.account_id), walk.rig.value(held, bought.person.account_id)) == (100, 100)
    walk.rig.box.control(f"disputes/{opened['id']}", outcome="lost")
    walk.deliver()
    _look_again(walk)
    assert (walk.rig.balance(bought.person.account_id), walk.rig.value(held, bought.person.account_id)) == (0, 0)


def spend(walk: Walk) -> None:
    account = walk.account(10)
    walk.arm()
    told = walk.post(f"/api/accounts/{account}/spends", {"amount": 3})
    walk.disarm()
    assert told["balanceAfter"] == walk.rig.balance(account) == 7
    assert walk.rig.value(LINES, UUID(account), "USAGE") == 1


def spend_too_much(walk: Walk) -> None:
    """A refusal is an answer like any other."""
    account = walk.account(10)
    walk.arm()
    asked = {"Idempotency_Key": str(uuid4())}
    told = walk.ask("POST", f"/api/accounts/{account}/spends", {"amount": 11}, **asked)
    walk.disarm()
    assert (told.status, told.body["available"], walk.rig.balance(account)) == (402, 10, 10)
    walk.post(f"/api/accounts/{account}/grants", {"amount": 5, "reason": "More"})
    assert walk.ask("POST", f"/api/accounts/{account}/spends", {"amount": 11}, **asked).status == 402
    assert walk.rig.balance(account) == 15


def hold(walk: Walk) -> None:
    account = walk.account(10)
    walk.arm()
    walk.post(f"/api/accounts/{account}/holds", {"amount": 4})
    walk.disarm()
    assert walk.rig.value("SELECT held FROM accounts WHERE id = %s", UUID(account)) == 4
    assert walk.rig.value("SELECT count(*) FROM holds WHERE account_id = %s", UUID(account)) == 1


def _held(walk: Walk) -> tuple[str, str]:
    account = walk.account(10)
    return account, walk.post(f"/api/accounts/{account}/holds", {"amount": 4})["id"]


def capture(walk: Walk) -> None:
    account, hold_id = _held(walk)
    walk.arm()
    walk.post(f"/api/holds/{hold_id}/captures", {"amount": 3})
    walk.disarm()
    assert walk.rig.balance(account) == 7
    assert walk.rig.value("SELECT captured FROM holds WHERE id = %s", UUID(hold_id)) == 3
    assert walk.rig.value("SELECT held FROM accounts WHERE id = %s", UUID(account)) == 0


def release(walk: Walk) -> None:
    account, hold_id = _held(walk)
    walk.arm()
    told = walk.post(f"/api/holds/{hold_id}/release")
    walk.disarm()
    assert told["status"] == "RELEASED"
    assert walk.rig.balance(account) == 10
    assert walk.rig.value("SELECT held FROM accounts WHERE id = %s", UUID(account)) == 0


def reverse(walk: Walk) -> None:
    account = walk.account(10)
    spent = walk.post(f"/api/accounts/{account}/spends", {"amount": 3})
    walk.arm()
    walk.post(f"/api/transactions/{spent['id']}/reversal", {})
    walk.disarm()
    assert walk.rig.balance(account) == 10
    assert walk.rig.value(LINES, UUID(account), "REVERSAL") == 1


def transfer(walk: Walk) -> None:
    source, target = walk.account(10), walk.account(1)
    walk.arm()
    walk.post("/api/transfers", {"fromAccountId": source, "toAccountId": target, "amount": 6})
    walk.disarm()
    assert (walk.rig.balance(source), walk.rig.balance(target)) == (4, 7)


def send_mail(walk: Walk) -> None:
    """A mail leaves; where nobody knows whether it left, it leaves again under the same id."""
    recipient = f"{uuid4().hex}@example.com"

    async def put() -> None:
        async with walk.rig.pool.connection() as conn:
            await outbox.put(conn, kind=mails.ALREADY_REGISTERED, cause=recipient, recipient=recipient, details={})

    walk.rig.execute("UPDATE outbox SET sent_at = topup_now(), next_try_at = topup_now() WHERE sent_at IS NULL")
    walk.rig.run(put())
    walk.arm()
    walk.work("outbox")
    walk.disarm()
    # Whoever died held the mail for a while; the next one need not wait here.
    walk.rig.execute("UPDATE outbox SET next_try_at = topup_now() WHERE recipient = %s", recipient)
    walk.work("outbox")
    assert walk.rig.value("SELECT sent_at IS NOT NULL FROM outbox WHERE recipient = %s", recipient)
    arrived = [one for one in walk.rig.mail.arrived if one.recipients == [recipient]]
    assert 1 <= len(arrived) <= 2
    assert len({one.message["Message-ID"] for one in arrived}) == 1


def account_with_expired_gift(walk: Walk) -> str:
    """Ten credits that stay, and five whose time is over and of which nobody has taken notice."""
    account = walk.account(10)
    soon = datetime.now(UTC) + timedelta(seconds=0.3)
    gift = {"amount": 5, "reason": "For a moment", "expiresAt": soon.isoformat()}
    walk.post(f"/api/accounts/{account}/grants", gift)
    time.sleep(0.3)
    return account


def settle_expired(walk: Walk) -> None:
    """Credits whose time is over are booked once."""
    account = account_with_expired_gift(walk)
    walk.arm()
    walk.work("settle overdue")
    walk.disarm()
    is_settled(walk, account)


def is_settled(walk: Walk, account: str) -> None:
    """The gift is gone, by one line."""
    assert walk.rig.balance(account) == 10
    assert walk.rig.value(LINES, UUID(account), "EXPIRY") == 1


# Reconciling looks at everything that is there, so it goes first, while that is little.
FLOWS: dict[str, Flow] = {
    "reconcile": reconcile,
    "sign up": sign_up,
    "start a checkout": start_checkout,
    "pay and be told": pay_and_be_told,
    "return to us": return_to_us,
    "refund": refund,
    "refund from here": refund_from_here,
    "dispute": dispute,
    "spend": spend,
    "spend too much": spend_too_much,
    "hold": hold,
    "capture": capture,
    "release": release,
    "reverse": reverse,
    "transfer": transfer,
    "buy sessions by card": school_flows.buy_sessions_by_card,
    "buy sessions by invoice": school_flows.buy_sessions_by_invoice,
    "allocate": school_flows.allocate,
    "import a roster": school_flows.import_roster,
    "take back": school_flows.take_back,
    "send a mail": send_mail,
    "settle what expired": settle_expired,
}
