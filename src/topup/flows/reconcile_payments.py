"""From us to Stripe: payments that should have ended, and completed ones that no list has shown.

Each is asked for by the id that we keep or, where we never got one, looked for by our own id; nothing is made anew
(fault 32). Also ends open checkouts of packages that are not on sale any more, as well as may be (fault 59).
"""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from datetime import datetime
from typing import TypeVar
from uuid import UUID

import structlog

from topup import errors
from topup.core.payments import Fact, Told
from topup.core.reconciling import Discrepancy, Kind
from topup.db import customers, payments, sql
from topup.db import reconciling as rows
from topup.db.payments import Payment
from topup.flows.reconcile_job import Job, Mend
from topup.gateway import listing

log = structlog.get_logger()
Answer = TypeVar("Answer")

BATCH = 100
ASKED_MAX = 1000
STALE_MAX = 200
_FIRST = UUID(int=0)
FAILED_INTENT = frozenset({"requires_payment_method", "canceled"})
MISSING = frozenset({"stripe_object_missing", "stripe_customer_missing"})


async def in_motion(job: Job, *, listed_since: datetime) -> None:
    """Ask for each payment whose end we wait for. `listed_since` is from when on invoices have been listed."""
    for page_of in (rows.in_motion, rows.on_trust):
        after_id = _FIRST
        while due := await _due(job, page_of, listed_since, after_id):
            for payment in due:
                job.tally.payments_seen += 1
                if payment.id not in job.imagined:
                    await _settle(job, payment)
            after_id = due[-1].id


async def completed(job: Job, span: listing.Span, *, proved: Collection[UUID]) -> None:
    """Ask for the completed payments of a span that no list has proved."""
    after: Payment | None = None
    asked = 0
    while True:
        async with job.pool.connection() as conn:
            page = await rows.completed(conn, since=span.since, until=span.until, after=after, limit=BATCH)
        if not page:
            return
        for payment in page:
            job.tally.payments_seen += 1
            if payment.id in proved or payment.review_reason is not None:
                continue
            asked += 1
            fact = await _fact(job, payment) if asked <= ASKED_MAX else None
            if fact is None or fact.told is not Told.PAID:
                job.tally.note(_without_object(payment))
        after = page[-1]


async def stale(job: Job) -> None:
    """End the open checkouts of packages that are not on sale any more. One that was just paid is credited."""
    if job.is_dry_run:
        return
    async with job.pool.connection() as conn:
        found = await rows.stale(conn, limit=STALE_MAX)
    for one in found:
        try:
            await _end(job, one)
        except errors.GatewayError as fault:
            log.info("checkout_not_expired", session_id=one.session_id, code=fault.code)


async def _end(job: Job, one: rows.Stale) -> None:
    try:
        session = await job.pace.ask(lambda: job.stripe.expire_checkout(one.session_id, key=f"expire:{one.session_id}"))
        job.tally.expired += 1
    except errors.Conflict:
        session = await job.pace.ask(lambda: job.stripe.retrieve_checkout(one.session_id))
    async with job.pool.connection() as conn:
        payment = await payments.find(conn, one.payment_id)
    if payment is not None and session.fact is not None:
        await job.mend([Mend(session.id, payment, session.fact)])


async def _due(
    job: Job,
    page_of: Callable[..., Awaitable[list[Payment]]],
    listed_since: datetime,
    after_id: UUID,
) -> list[Payment]:
    async with job.pool.connection() as conn:
        return await page_of(conn, listed_since=listed_since, after_id=after_id, limit=BATCH)


async def _settle(job: Job, payment: Payment) -> None:
    """What became of a payment that should have ended, or may have."""
    if payment.channel == "CHECKOUT" and payment.stripe_session_id is None:
        fact = await _looked_up(job, payment)
        is_there = fact is not None
    else:
        fact, is_there = await _asked(job, payment)
    if fact is not None:
        await job.mend([Mend(_object_id(payment), payment, fact)])
    elif not is_there and payment.status == "PENDING":
        await _close(job, payment)
    elif not is_there:
        job.tally.note(_without_object(payment))


async def _looked_up(job: Job, payment: Payment) -> Fact | None:
    """What Stripe has by our own id, where the answer that named the session was lost."""
    async with job.pool.connection() as conn:
        customer_id = payment.stripe_customer_id or await _customer_id(conn, payment)
    if customer_id is None:
        return None
    found = await _or_none(lambda: job.pace.ask(lambda: job.stripe.list_checkouts(customer_id=customer_id)))
    facts = [one.fact for one in found or () if one.client_reference_id == str(payment.id) and one.fact is not None]
    return next((fact for fact in facts if fact.told is Told.PAID), facts[0] if facts else None)


async def _customer_id(conn: sql.Connection, payment: Payment) -> str | None:
    customer = await customers.find(conn, payment.user_id) if payment.user_id else None
    return customer.stripe_customer_id if customer else None


async def _close(job: Job, payment: Payment) -> None:
    """Nothing at Stripe stands for it, so nobody can pay it. What is paid all the same still counts."""
    job.tally.closed += 1
    if job.is_dry_run:
        return
    async with job.pool.connection() as conn:
        [locked] = await payments.lock_many(conn, [payment.id])
        if locked.status == "PENDING":
            await payments.change_many(conn, [payments.Change(payment.id, "EXPIRED")])


async def _fact(job: Job, payment: Payment) -> Fact | None:
    fact, _ = await _asked(job, payment)
    return fact


async def _asked(job: Job, payment: Payment) -> tuple[Fact | None, bool]:
    """What Stripe says of a payment by the id that we keep, and whether it has it at all."""
    match payment.channel:
        case "CHECKOUT" if (session_id := payment.stripe_session_id) is not None:
            session = await _or_none(lambda: job.pace.ask(lambda: job.stripe.retrieve_checkout(session_id)))
            fact = None if session is None else session.fact
            if fact is not None and fact.told is Told.ON_ITS_WAY and payment.status == "PROCESSING":
                fact = await _debit(job, fact)
            return fact, session is not None
        case "PAYMENT_INTENT" if (intent_id := payment.stripe_intent_id) is not None:
            intent = await _or_none(lambda: job.pace.ask(lambda: job.stripe.retrieve_intent(intent_id)))
            if intent is not None and payment.status == "PROCESSING" and intent.status in FAILED_INTENT:
                return Fact(Told.FAILED, "PAYMENT_INTENT", intent.is_live, payment.id, intent_id=intent_id), True
            return (None if intent is None else intent.fact), intent is not None
        case "INVOICE" if (invoice_id := payment.stripe_invoice_id) is not None:
            invoice = await _or_none(lambda: job.pace.ask(lambda: job.stripe.retrieve_invoice(invoice_id)))
            return (None if invoice is None else invoice.fact), invoice is not None
        case _:
            return None, False


async def _debit(job: Job, fact: Fact) -> Fact:
    """Whether the debit of a finished checkout has failed: the session never says so, only its intent."""
    intent_id = fact.intent_id
    if intent_id is None:
        return fact
    intent = await _or_none(lambda: job.pace.ask(lambda: job.stripe.retrieve_intent(intent_id)))
    has_failed = intent is not None and intent.status in FAILED_INTENT
    return replace(fact, told=Told.FAILED) if has_failed else fact


async def _or_none(ask: Callable[[], Awaitable[Answer]]) -> Answer | None:
    """The answer; None where Stripe has no such object."""
    try:
        return await ask()
    except errors.GatewayError as fault:
        if fault.code not in MISSING:
            raise
        return None


def _object_id(payment: Payment) -> str:
    return payment.stripe_session_id or payment.stripe_intent_id or payment.stripe_invoice_id or str(payment.id)


def _without_object(payment: Payment) -> Discrepancy:
    told = f"{payment.status}, {payment.channel}, {_object_id(payment)}: Stripe has nothing that succeeded for it"
    return Discrepancy(Kind.NO_OBJECT, str(payment.id), payment.id, told)
