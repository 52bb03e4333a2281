"""Who lives in the small world.

Amara has a rich account, Wolf a long name, a debt and an institution, Nia nothing at all, and busy Bea many lines. Days
pass by moving the demo's clock, and every credit moves through the ledger.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from tests.browser import schooling, schools, someone
from tests.stripe_boxes import StripeBox
from topup.core import ids, mails
from topup.core.payments import Fact, Told
from topup.db import mailbox, packages, payments, sql
from topup.flows import fulfil, seed_packages
from topup.gateway import mail_words
from topup.ledger import commands, journal
from topup.runtime.house import House
from topup.web import cookies

HOST = "application:world"
MOVE_CLOCK = "UPDATE deployment SET is_demo = true, clock_offset = %s"


@dataclass(frozen=True)
class World:
    """Where the application listens, who lives there, a payment of Amara's in each state, and things to look at."""

    address: str
    cookie_name: str
    amara: someone.Resident
    wolf: someone.Resident
    nia: someone.Resident
    busy: someone.Resident
    payments: dict[str, UUID]
    mail_id: UUID
    package_id: UUID
    school: schools.School
    teaching: schooling.Schools


async def settle(house: House, box: StripeBox) -> World:
    """Fill an empty database."""
    await seed_packages.seed(house.pool)
    await _clock(house, days=-9)
    amara = await someone.resident(house, "amara@example.com", "Amara", "Okafor")
    wolf = await someone.resident(
        house, "wolf@example.com", "Wolfeschlegelsteinhausenbergerdorff", "محمد عبد الرحمن 山田"
    )
    nia = await someone.resident(house, "nia@example.com", "Nia", "Example", is_welcome=False)
    busy = await someone.resident(house, "bea@example.com", "Bea", "Example")
    bought = await _amaras_week(house, amara)
    await _wolfs_debt(house, wolf)
    await _clock(house, days=0)
    await _many_lines(house, busy)
    async with house.pool.connection() as conn:
        shelf = await packages.list_by_price(conn, with_inactive=False, after=None, limit=1)
    return World(
        address=house.settings.frontend_url,
        cookie_name=f"{cookies.LOGIN}-{house.settings.frontend_url.rpartition(':')[2]}",
        amara=amara,
        wolf=wolf,
        nia=nia,
        busy=busy,
        payments={**await _open_payments(house, amara), "COMPLETED": bought},
        mail_id=await _mails(house, amara, bought),
        package_id=shelf[0].id,
        school=await schools.settle(house, box),
        teaching=await schooling.settle(
            house,
            owner=await schooling.person(house, wolf.cookie),
            founder=await schooling.person(house, busy.cookie),
            student_email=amara.email,
        ),
    )


async def _clock(house: House, *, days: float, hours: float = 0) -> None:
    async with house.pool.connection() as conn:
        await sql.run(conn, MOVE_CLOCK, [timedelta(days=days, hours=hours)])


async def _amaras_week(house: House, amara: someone.Resident) -> UUID:
    """What a student does in nine days; the payment of her large package."""
    await _spend(house, amara, 15, "Essay marked: “A room of one’s own”, draft one", "essay-20871")
    await _clock(house, days=-6, hours=-3)
    value = await _buy(house, amara, "Value Pack", count=500, price_minor=4500)
    await _spend(house, amara, 40, "Practice interview, 30 minutes", "interview-5512")
    await _clock(house, days=-3, hours=-1)
    await _gift(house, amara, 200, "Thank you for your feedback", valid_days=14)
    entry_id = await _spend(house, amara, 25, "Voice lesson, 25 minutes", "voice-771")
    await _post(
        house, commands.Reverse(amara.account_id, entry_id, _cause(), HOST, commands.Text("Voice lesson undone"))
    )
    await _clock(house, days=-1, hours=-2)
    await _spend(house, amara, 60, "練習面接、日本語で45分", "interview-5533")
    await _spend(house, amara, 20, "تصحيح مقال باللغة العربية", "essay-20911")
    await _clock(house, days=0, hours=-2)
    await _spend(house, amara, 20, "Essay marked: “The causes of the First World War”, draft two", "essay-20931")
    await _clock(house, days=0, hours=-1)
    await _post(house, commands.PlaceHold(amara.account_id, 40, ids.new(), 6 * 3600, HOST, "Practice interview"))
    return value


async def _wolfs_debt(house: House, wolf: someone.Resident) -> None:
    """Bought, used up, refunded by his bank: he owes what was used."""
    payment_id = await _buy(house, wolf, "Starter Pack", count=100, price_minor=1000)
    await _spend(house, wolf, 170, "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz" * 2, "x" * 120)
    back = commands.Clawback(wolf.account_id, 100, payment_id, "DISPUTE", _cause(), "stripe")
    await _post(house, back)


async def _many_lines(house: House, busy: someone.Resident) -> None:
    spends = [
        commands.Spend(busy.account_id, 1, _cause(), HOST, commands.Text(f"Question {number}")) for number in range(50)
    ]
    async with house.pool.connection() as conn:
        await journal.post(conn, spends)


async def _open_payments(house: House, amara: someone.Resident) -> dict[str, UUID]:
    """One payment for each state that is not the good end."""
    made: dict[str, UUID] = {}
    for status in ("EXPIRED", "FAILED", "REVIEW", "PROCESSING", "PENDING"):
        payment_id = made[status] = await _order(house, amara, "Premium Pack", count=1000, price_minor=8000)
        steps = ("PROCESSING", "FAILED") if status == "FAILED" else (status,)
        async with house.pool.connection() as conn:
            for step in steps:
                reason = "Paid 7900, quoted 8000 gbp (minor units)" if step == "REVIEW" else None
                await payments.change_many(conn, [payments.Change(payment_id, step, review_reason=reason)])
    return made


async def _mails(house: House, amara: someone.Resident, payment_id: UUID) -> UUID:
    """A code and a receipt in the demo's mailbox; the receipt's id."""
    brand = mail_words.Brand(house.settings.app_name, house.settings.frontend_url)
    code = {"firstName": "Amara", "code": "204816", "expiresMinutes": 10, "purpose": "REGISTER"}
    receipt = {
        "firstName": "Amara",
        "packageName": "Value Pack",
        "credits": 500,
        "unit": "credit",
        "priceMinor": 4500,
        "currency": "gbp",
        "paidAt": datetime.now(UTC).isoformat(),
        "paymentId": str(payment_id),
        "reference": str(payment_id),
    }
    mail_id = ids.new()
    async with house.pool.connection() as conn:
        for kind, details in ((mails.VERIFICATION_CODE, code), (mails.RECEIPT, receipt)):
            mail_id = ids.new()
            mail = mail_words.write(mail_id=mail_id, kind=kind, recipient=amara.email, details=details, brand=brand)
            await mailbox.put(
                conn,
                mail_id,
                recipient=mail.recipient,
                subject=mail.subject,
                text_body=mail.text,
                html_body=mail.html,
            )
    return mail_id


async def _order(house: House, buyer: someone.Resident, name: str, *, count: int, price_minor: int) -> UUID:
    payment_id = ids.new()
    draft = payments.Draft(
        id=payment_id,
        user_id=buyer.user_id,
        account_id=buyer.account_id,
        channel="CHECKOUT",
        package_id=None,
        package_name=name,
        unit="credit",
        credits=count,
        price_minor=price_minor,
        currency="gbp",
        valid_days=None,
        refund_days=14,
        is_live=False,
    )
    async with house.pool.connection() as conn:
        await payments.insert(conn, draft)
        change = payments.Change(payment_id, "PENDING", stripe_session_id=session_of(payment_id))
        await payments.change_many(conn, [change])
    return payment_id


def session_of(payment_id: UUID) -> str:
    """The checkout session of a payment of this world."""
    return f"cs_test_{payment_id.hex}"


async def _buy(house: House, buyer: someone.Resident, name: str, *, count: int, price_minor: int) -> UUID:
    payment_id = await _order(house, buyer, name, count=count, price_minor=price_minor)
    paid = Fact(
        Told.PAID,
        "CHECKOUT",
        is_live=False,
        session_id=session_of(payment_id),
        paid_minor=price_minor,
        currency="gbp",
    )
    async with house.pool.connection() as conn:
        await fulfil.apply(conn, [paid])
    return payment_id


async def _gift(house: House, to: someone.Resident, count: int, description: str, *, valid_days: int) -> None:
    gift = commands.Credit(
        to.account_id,
        count,
        "PROMOTION",
        _cause(),
        HOST,
        priority=commands.GRANT_PRIORITY,
        valid_days=valid_days,
        text=commands.Text(description),
    )
    await _post(house, gift)


async def _spend(house: House, who: someone.Resident, count: int, description: str, source_id: str) -> UUID:
    text = commands.Text(description, source_id)
    outcome = await _post(house, commands.Spend(who.account_id, count, _cause(), HOST, text))
    return outcome.entries[0].id


async def _post(house: House, command: commands.Command) -> commands.Done:
    async with house.pool.connection() as conn:
        (outcome,) = await journal.post(conn, [command])
    assert isinstance(outcome, commands.Done), outcome
    return outcome


def _cause() -> commands.Cause:
    return commands.Cause("world", str(ids.new()))
