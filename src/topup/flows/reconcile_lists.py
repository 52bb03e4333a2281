"""From Stripe to us: every session, intent, invoice, refund and dispute of a span, held against our payments.

What a delivery should have told is applied by the webhook's own function. Returns which payments Stripe has the money
of, so that the other direction need not ask for each.
"""

from collections.abc import AsyncIterator, Sequence
from uuid import UUID

from topup.core import reconciling
from topup.core.reconciling import Discrepancy, Kind
from topup.db import reconciling as rows
from topup.db.payments import Payment
from topup.flows import fulfil, stripe_pages
from topup.flows.reconcile_job import Job, Mend
from topup.gateway import listing

GONE = frozenset({"succeeded", "pending", "requires_action"})
NOT_LOST = frozenset({"won", "prevented"})


async def purchases(job: Job, span: listing.Span) -> set[UUID]:
    """Checkouts, then intents of a span: a session can tell tax from price where its intent cannot."""
    proved = set[UUID]()
    for fetch in (job.stripe.page_of_checkouts, job.stripe.page_of_intents):
        async for page in stripe_pages.stream(lambda after_id, f=fetch: f(span, after_id=after_id), job.pace):
            proved |= await _compare(job, page)
    return proved


async def invoices(job: Job, span: listing.Span) -> set[UUID]:
    """Invoices of a span."""
    proved = set[UUID]()
    async for page in stripe_pages.stream(
        lambda after_id: job.stripe.page_of_invoices(span, after_id=after_id), job.pace
    ):
        proved |= await _compare(job, page)
    return proved


async def money_back(job: Job, span: listing.Span) -> None:
    """Refunds and disputes of a span."""
    async for page in _money_back_pages(job, span):
        job.tally.objects_seen += len(page)
        intents = {one.intent_id for one in page if one.intent_id is not None}
        async with job.pool.connection() as conn:
            ours = {p.stripe_intent_id: p for p in await rows.named(conn, intent_ids=intents)}
        for one in page:
            payment = ours.get(one.intent_id)
            if payment is not None and not _is_reflected(payment, one):
                told = f"{one.amount_minor} {one.currency} (minor units), {one.status}"
                job.tally.note(Discrepancy(Kind.NOT_TAKEN_BACK, one.id, payment.id, told))


async def _money_back_pages(job: Job, span: listing.Span) -> AsyncIterator[tuple[listing.MoneyBack, ...]]:
    for fetch in (job.stripe.page_of_refunds, job.stripe.page_of_disputes):
        async for page in stripe_pages.stream(lambda after_id, f=fetch: f(span, after_id=after_id), job.pace):
            yield page


def _is_reflected(payment: Payment, one: listing.MoneyBack) -> bool:
    status = one.status or ""
    if status in GONE:
        return payment.refunded_minor >= one.amount_minor
    is_dispute = status not in ("failed", "canceled") and status not in NOT_LOST and not status.startswith("warning_")
    return not is_dispute or payment.disputed_minor >= one.amount_minor


async def _compare(job: Job, page: Sequence[listing.Seen]) -> set[UUID]:
    """Compare one page; the payments that it proves."""
    job.tally.objects_seen += len(page)
    found = await _payments_of(job, page)
    proved, mends = set[UUID](), list[Mend]()
    for seen in page:
        payment = _match(found, seen)
        position = None if payment is None else job.position(payment)
        told = reconciling.Object(seen.id, seen.channel, seen.hint, seen.is_payable, seen.fact)
        verdict = reconciling.compare(payment.id if payment else None, position, told)
        if payment is not None and verdict.is_proof:
            proved.add(payment.id)
        if payment is not None and seen.fact is not None and verdict.is_mendable:
            mends.append(Mend(seen.id, payment, seen.fact))
        if verdict.discrepancy is not None and not _is_explained(payment, verdict.discrepancy):
            job.tally.note(verdict.discrepancy)
    await job.mend(mends)
    return proved


async def _payments_of(job: Job, page: Sequence[listing.Seen]) -> list[Payment]:
    facts = [seen.fact for seen in page if seen.fact is not None]
    hints = {seen.hint for seen in page if seen.hint} | {fact.payment_id for fact in facts if fact.payment_id}
    by_channel = {channel: {one.id for one in page if one.channel == channel} for channel in ("CHECKOUT", "INVOICE")}
    intents = {one.id for one in page if one.channel == "PAYMENT_INTENT"}
    async with job.pool.connection() as conn:
        return await rows.named(
            conn,
            payment_ids=hints,
            session_ids=by_channel["CHECKOUT"],
            intent_ids=intents | {fact.intent_id for fact in facts if fact.intent_id},
            invoice_ids=by_channel["INVOICE"],
        )


def _match(found: Sequence[Payment], seen: listing.Seen) -> Payment | None:
    by_fact = fulfil.match(found, seen.fact) if seen.fact is not None else None
    if by_fact is not None:
        return by_fact
    names = {"CHECKOUT": "stripe_session_id", "PAYMENT_INTENT": "stripe_intent_id", "INVOICE": "stripe_invoice_id"}
    by_id = (payment for payment in found if getattr(payment, names[seen.channel]) == seen.id)
    by_hint = (payment for payment in found if payment.id == seen.hint)
    return next(by_id, None) or next(by_hint, None)


def _is_explained(payment: Payment | None, found: Discrepancy) -> bool:
    """What an admin completed after a review may differ: that is what the review was for."""
    return found.kind is Kind.OTHER_SUM and payment is not None and payment.review_reason is not None
