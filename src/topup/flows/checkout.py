"""Begins a purchase by Stripe Checkout: quote, payment row, customer, session, in that order.

The row is committed before Stripe is asked, under a key made from it, and Stripe's answer is written afterwards; no
transaction is open in between. So whatever fails is finished by the next click, and parallel clicks share one session
(faults 31-35, 50, 58, 59). The price is our package's; a client chooses the package and nothing else (fault 62).
"""

from dataclasses import asdict, dataclass, fields
from datetime import datetime
from uuid import UUID

import psycopg_pool
import structlog

from topup import errors
from topup.core import checkouts, ids, limits, quotes
from topup.db import ledger, packages, payments, sql
from topup.flows import checkout_session, fulfil, throttle
from topup.gateway import protocol

Pool = psycopg_pool.AsyncConnectionPool
log = structlog.get_logger()

ROUNDS_MAX = 4


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who buys, and which account it is for."""

    user_id: UUID
    account_id: UUID
    role: str


@dataclass(frozen=True, slots=True)
class _Claim:
    """The one open payment of an offer, the outdated ones it replaced, and the time this was decided at."""

    payment: payments.Payment
    replaced: tuple[payments.Payment, ...]
    claimed_at: datetime


async def start(
    pool: Pool, stripe: protocol.Stripe, *, buyer: Buyer, package_id: UUID, app_url: str
) -> payments.Payment:
    """An open payment with its session's address. The same offer gives the same one until it is paid or outdated.

    Raises NotAllowed, NotFound, SlowDown, Conflict (`package_inactive`, `amount_below_minimum`) and GatewayError; after
    the last, nobody was charged and the same call may be made again.
    """
    if buyer.role != "STUDENT":
        raise errors.NotAllowed("Only students buy credits.", code="students_only")
    await throttle.charge(pool, [limits.Charge(checkouts.STARTS, f"checkout:{buyer.user_id}")])
    for _ in range(ROUNDS_MAX):
        claim = await _claim(pool, buyer, package_id, is_live=stripe.is_live)
        if claim is None:
            continue
        for replaced in claim.replaced:
            await _expire_at_stripe(stripe, replaced.stripe_session_id)
        session = await _session_of(pool, stripe, claim, app_url)
        if session is None:
            continue
        payment = await _keep(pool, stripe, claim.payment, session)
        if session.status == "open" and payment.status == "PENDING":
            return payment
        if session.status == "open":
            await _expire_at_stripe(stripe, session.id)
        else:
            await _settle(pool, session)
    raise errors.Unavailable("This checkout changed while it was being opened. Please try again.", code="checkout_busy")


async def _claim(pool: Pool, buyer: Buyer, package_id: UUID, *, is_live: bool) -> _Claim | None:
    """Find or write the offer's open payment. None when another click was faster: then look again."""
    async with pool.connection() as conn:
        quote = await _quote(conn, package_id)
        standing = await payments.lock_open_checkouts(conn, user_id=buyer.user_id, package_id=package_id)
        now = await ledger.now(conn)
        kept = next((p for p in standing if checkouts.is_usable(_open(p), quote, is_live=is_live, now=now)), None)
        replaced = tuple(payment for payment in standing if payment is not kept)
        await payments.change_many(conn, [payments.Change(payment.id, "EXPIRED") for payment in replaced])
        if kept is None:
            draft = _draft(quote, buyer, is_live=is_live)
            kept = await payments.find(conn, draft.id) if await payments.insert(conn, draft) else None
    return None if kept is None else _Claim(kept, replaced, now)


async def _quote(conn: sql.Connection, package_id: UUID) -> quotes.Quote:
    package = await packages.find(conn, package_id)
    if package is None:
        raise errors.NotFound
    if not package.is_active:
        raise errors.Conflict("This package is not on sale any more.", code="package_inactive")
    quote = quotes.Quote(
        package_id=package.id,
        package_name=package.name,
        unit=package.unit,
        credits=package.credits,
        price_minor=package.price_minor,
        currency=package.currency,
        valid_days=package.valid_days,
        refund_days=package.refund_days,
    )
    quotes.ensure_chargeable(quote.price_minor, quote.currency)
    return quote


def _open(payment: payments.Payment) -> checkouts.OpenCheckout:
    snapshot = {field.name: getattr(payment, field.name) for field in fields(quotes.Quote)}
    return checkouts.OpenCheckout(quotes.Quote(**snapshot), payment.is_live, payment.expires_at)


def _draft(quote: quotes.Quote, buyer: Buyer, *, is_live: bool) -> payments.Draft:
    return payments.Draft(
        id=ids.new(),
        user_id=buyer.user_id,
        account_id=buyer.account_id,
        channel="CHECKOUT",
        is_live=is_live,
        **asdict(quote),
    )


async def _session_of(
    pool: Pool, stripe: protocol.Stripe, claim: _Claim, app_url: str
) -> protocol.CheckoutSession | None:
    """The payment's session as Stripe has it now, made if there is none. None when the payment was closed instead."""
    payment = claim.payment
    try:
        if payment.stripe_session_id is not None:
            return await stripe.retrieve_checkout(payment.stripe_session_id)
        return await checkout_session.make(pool, stripe, payment, now=claim.claimed_at, app_url=app_url)
    except errors.Conflict:
        await _close(pool, payment)
        raise
    except errors.GatewayError as error:
        if error.code != "stripe_object_missing":
            raise
    await _close(pool, payment)
    return None


async def _keep(
    pool: Pool, stripe: protocol.Stripe, payment: payments.Payment, session: protocol.CheckoutSession
) -> payments.Payment:
    """Write what Stripe answered. Of two sessions for one payment the first written stays and the other is closed."""
    opened = payments.OpenedSession(payment.id, session.id, session.customer_id, session.url, session.expires_at)
    async with pool.connection() as conn:
        await payments.store_session(conn, opened)
        stored = await payments.find(conn, payment.id)
    if stored is None:
        raise errors.NotFound
    if stored.stripe_session_id != session.id:
        await _expire_at_stripe(stripe, session.id)
    return stored


async def _settle(pool: Pool, session: protocol.CheckoutSession) -> None:
    """The session is open no more: paid meanwhile, or expired. The webhook's own function decides what that means."""
    if session.fact is None:
        raise errors.GatewayError(
            "The payment service said something that we do not understand. You have not been charged.",
            code="stripe_unreadable",
            is_retryable=False,
        )
    async with pool.connection() as conn:
        await fulfil.apply(conn, [session.fact])


async def _close(pool: Pool, payment: payments.Payment) -> None:
    """Nothing at Stripe stands for this payment any more. What is paid all the same still counts (fault 60)."""
    async with pool.connection() as conn:
        [locked] = await payments.lock_many(conn, [payment.id])
        if locked.status == "PENDING":
            await payments.change_many(conn, [payments.Change(payment.id, "EXPIRED")])


async def _expire_at_stripe(stripe: protocol.Stripe, session_id: str | None) -> None:
    """As well as may be: what was paid there just now is credited all the same."""
    if session_id is None:
        return
    try:
        await stripe.expire_checkout(session_id, key=f"expire:{session_id}")
    except (errors.GatewayError, errors.Conflict) as error:
        log.info("checkout_not_expired", session_id=session_id, code=error.code)
