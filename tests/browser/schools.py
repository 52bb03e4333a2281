"""The schools of the small world: one with a long name, cards, and a purchase in every state; one with nothing yet.

What Stripe must know is done at the offline Stripe; the other states are written, since nobody could wait for them.
"""

from dataclasses import dataclass
from uuid import UUID

from tests import pages_at_stripe
from tests.browser import someone
from tests.browser.someone import Resident
from tests.stripe_boxes import StripeBox
from topup.core.people import Person
from topup.db import payments, sql
from topup.db.payment_methods import Owner
from topup.db.payments import Payment
from topup.flows import (
    cards,
    create_institution,
    edit_institution,
    purchase_sessions,
    session_prices,
    show_purchases,
)
from topup.flows.purchase_sessions import PayBy
from topup.runtime.house import House

NAME = "Königin-Luise-Stiftung, مدرسة الملكة لويزا, Internationale Schule für Vorstellungsgespräche"
DETAILS = {
    "company": "Königin-Luise-Stiftung gGmbH",
    "address_line1": "Podbielskiallee 78",
    "address_line2": "Haus der Gespräche",
    "city": "Berlin",
    "postal_code": "14195",
    "country": "DE",
    "tax_id_type": "eu_vat",
    "tax_id": "DE123456789",
}
ADD_STUDENT = """
    INSERT INTO memberships (id, institution_id, email, user_id, role, status, joined_at)
    VALUES (gen_random_uuid(), %s, %s, %s, 'STUDENT', 'ACTIVE', topup_now())
"""


@dataclass(frozen=True)
class School:
    """Where its pages begin, its owner, one of its students, a purchase in each state, and a school without any."""

    home: str
    owner: Resident
    student: Resident
    purchases: dict[str, UUID]
    empty_home: str
    newcomer: Resident
    stripe_url: str


async def settle(house: House, box: StripeBox) -> School:
    """Fill them."""
    await session_prices.seed(house.pool)
    owner = await someone.resident(house, "olga@example.com", "Olga", "Owner")
    student = await someone.resident(house, "stella@example.com", "Stella", "Student")
    newcomer = await someone.resident(house, "nora@example.com", "Nora", "Newcomer")
    institution_id = await _institution(house, owner, NAME)
    await edit_institution.change(house.pool, institution_id, DETAILS)
    async with house.pool.connection() as conn:
        await sql.run(conn, ADD_STUDENT, [institution_id, student.email, student.user_id])
    await _cards(house, box, Owner(institution_id=institution_id), owner.user_id)
    return School(
        home=f"/institutions/{institution_id}",
        owner=owner,
        student=student,
        purchases=await _purchases(house, box, institution_id, owner.user_id),
        empty_home=f"/institutions/{await _institution(house, newcomer, 'Dale School')}",
        newcomer=newcomer,
        stripe_url=box.url,
    )


async def _institution(house: House, owner: Resident, name: str) -> UUID:
    person = Person(owner.user_id, owner.email, "", "", "STUDENT", False, owner.account_id, owner.user_id)
    async with house.pool.connection() as conn:
        made = await create_institution.create(conn, name=name, billing_email=owner.email, person=person)
    return made.id


async def _cards(house: House, box: StripeBox, owner: Owner, user_id: UUID) -> None:
    saved = list[str]()
    for card in ("pm_card_visa", "pm_card_amex", "pm_card_mastercard"):
        begun = await cards.begin(house.pool, house.stripe, owner, user_id=user_id)
        saved.append(pages_at_stripe.confirm(box, begun.client_secret, card).json()["payment_method"])
    await cards.put_first(house.pool, house.stripe, owner, saved[0])


async def _purchases(house: House, box: StripeBox, institution_id: UUID, user_id: UUID) -> dict[str, UUID]:
    """In the order of a history: the oldest first."""

    async def start(quantity: int, pay_by: PayBy = "CARD") -> Payment:
        order = purchase_sessions.Order(institution_id, user_id, quantity, pay_by, None, False, None)
        return await purchase_sessions.start(house.pool, house.stripe, order)

    async def turned(quantity: int, *statuses: str) -> UUID:
        payment = await start(quantity)
        async with house.pool.connection() as conn:
            for status in statuses:
                reason = "Paid 5300, quoted 5400 gbp (minor units)" if status == "REVIEW" else None
                await payments.change_many(conn, [payments.Change(payment.id, status, review_reason=reason)])
        return payment.id

    async def look(payment: Payment) -> show_purchases.Purchase:
        return await show_purchases.one(house.pool, house.stripe, institution_id=institution_id, payment_id=payment.id)

    paid = await start(1250)
    secret = (await look(paid)).client_secret
    assert secret is not None
    pages_at_stripe.pays(box, secret)
    await look(paid)
    return {
        "COMPLETED": paid.id,
        "EXPIRED": await turned(60, "EXPIRED"),
        "FAILED": await turned(60, "PROCESSING", "FAILED"),
        "REVIEW": await turned(10, "REVIEW"),
        "PROCESSING": await turned(75, "PROCESSING"),
        "INVOICE": (await start(200, "INVOICE")).id,
        "PENDING": (await start(48)).id,
    }
