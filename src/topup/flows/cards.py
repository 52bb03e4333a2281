"""Saved cards of whoever pays, an institution or a person: listed, saved, put first, removed.

A card belongs to the owner for whose customer Stripe lists it, and to nobody else; so a card that somebody only names
is not there (fault 66), and one that was removed anywhere is gone. Our rows keep whose each was.
"""

from collections.abc import Sequence
from uuid import UUID

import psycopg_pool

from topup import errors
from topup.core import ids, roles
from topup.core.limits import Charge, Limit
from topup.core.people import Person
from topup.db import memberships, payment_methods
from topup.db.payment_methods import Owner, SavedCard
from topup.flows import customers, enter, institution_customers, throttle
from topup.gateway import billing, protocol

Pool = psycopg_pool.AsyncConnectionPool

SAVES = Limit("card", burst=20, every_seconds=60)
"""Of one person. Each lets a card be tried, and thieves try cards by the hundred."""


async def owner_of(pool: Pool, person: Person, institution_id: UUID | None) -> Owner:
    """Whose cards this person means: those of the institution that they pay for, otherwise their own.

    Raises NotFound, NotAllowed, or Invalid where several institutions could be meant.
    """
    if institution_id is None:
        async with pool.connection() as conn:
            seats = await memberships.seats(conn, user_id=person.user_id, email=person.email)
        if not any(roles.may(seat.role, "keep_cards") for seat in seats):
            return Owner(user_id=person.user_id)
        return Owner(institution_id=enter.choose(seats, "keep_cards", None).institution_id)
    seat = await enter.enter(pool, person, "keep_cards", institution_id)
    return Owner(institution_id=seat.institution_id)


async def every(pool: Pool, stripe: protocol.Stripe, owner: Owner) -> Sequence[SavedCard]:
    """The owner's cards as Stripe has them now, newest first; none where nothing was ever bought."""
    async with pool.connection() as conn:
        customer_id = await payment_methods.customer_of(conn, owner)
    if customer_id is None:
        return ()
    try:
        listed = [_listed(card) for card in await stripe.list_cards(customer_id)]
    except errors.GatewayError as error:
        if error.code not in ("stripe_customer_missing", "stripe_object_missing"):
            raise
        listed = list[payment_methods.Listed]()
    async with pool.connection() as conn:
        await payment_methods.keep(conn, owner, customer_id=customer_id, listed=listed)
        return await payment_methods.own(conn, owner)


async def own(pool: Pool, stripe: protocol.Stripe, owner: Owner, method_id: str) -> SavedCard:
    """One of the owner's cards; NotFound for another's, for one removed and for one that never was."""
    for card in await every(pool, stripe, owner):
        if card.id == method_id:
            return card
    raise errors.NotFound("There is no such card.", code="card_not_found")


async def begin(pool: Pool, stripe: protocol.Stripe, owner: Owner, *, user_id: UUID) -> billing.SetupIntent:
    """Begin to save a card, which the page then takes. One that was begun and left does no harm."""
    await throttle.charge(pool, [Charge(SAVES, f"card:{user_id}")])
    customer_id = await _customer(pool, stripe, owner)
    key = f"setup:{ids.new()}"
    try:
        return await stripe.create_setup_intent(customer_id, key=key)
    except errors.GatewayError as error:
        if error.code != "stripe_customer_missing":
            raise
    customer_id = await _customer(pool, stripe, owner, missing=customer_id)
    return await stripe.create_setup_intent(customer_id, key=f"{key}:again")


async def put_first(pool: Pool, stripe: protocol.Stripe, owner: Owner, method_id: str) -> SavedCard:
    """Make a card the one that is offered first, here and on invoices at Stripe."""
    card = await own(pool, stripe, owner, method_id)
    customer_id = await _customer(pool, stripe, owner)
    # A fresh key: the same card may be put first again after another one was.
    await stripe.choose_default_card(customer_id, card.id, key=f"default:{card.id}:{ids.new()}")
    async with pool.connection() as conn:
        await payment_methods.choose_default(conn, owner, card.id)
    return SavedCard(card.id, card.brand, card.last4, card.exp_month, card.exp_year, is_default=True)


async def remove(pool: Pool, stripe: protocol.Stripe, owner: Owner, method_id: str) -> None:
    """Remove a card for ever."""
    card = await own(pool, stripe, owner, method_id)
    await stripe.detach_card(card.id, key=f"detach:{card.id}")
    async with pool.connection() as conn:
        await payment_methods.detach(conn, [card.id])


async def _customer(pool: Pool, stripe: protocol.Stripe, owner: Owner, *, missing: str | None = None) -> str:
    if owner.institution_id is not None:
        return await institution_customers.ensure(pool, stripe, institution_id=owner.institution_id, missing=missing)
    if owner.user_id is None:
        raise errors.Broken("A card was to be saved for nobody.")
    return await customers.ensure(pool, stripe, user_id=owner.user_id, missing=missing)


def _listed(card: billing.Card) -> payment_methods.Listed:
    return payment_methods.Listed(card.id, card.brand, card.last4, card.exp_month, card.exp_year, card.created_at)
