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
from topup.flows import fulfil, stripe_pages, take_money_back
from topup.flows.reconcile_job import Job, Mend
from topup.gateway import listing


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


async def money_back(job: Job, span: listing.Span, *, with_strays: bool) -> None:
    """Refunds and disputes of a span. A payment that does not reflect one is marked, and the worker reads all of it.

    `with_strays`: intents that no payment is known to have are looked into as well, since an invoice's may be ours.
    """
    async for page in _money_back_pages(job, span):
        job.tally.objects_seen += len(page)
        by_id = {one.id: one for one in page}
        async with job.pool.connection() as conn:
            found = await rows.unbooked(conn, [(one.id, one.status, one.intent_id) for one in page])
            due = {by_id[one.id].intent_id for one in found if not one.is_stuck and (one.payment_id or with_strays)}
            intent_ids = {intent_id for intent_id in due if intent_id is not None}
            if intent_ids and not job.is_dry_run:
                await take_money_back.mark(conn, intent_ids)
        job.tally.marked += len({one.payment_id for one in found if one.payment_id and not one.is_stuck})
        for one in found:
            if one.is_stuck:
                job.tally.note(_not_taken_back(by_id[one.id], one.payment_id))


def _not_taken_back(one: listing.MoneyBack, payment_id: UUID | None) -> Discrepancy:
    told = f"{one.amount_minor} {one.currency} (minor units), {one.status}"
    return Discrepancy(Kind.NOT_TAKEN_BACK, one.id, payment_id, told)


async def _money_back_pages(job: Job, span: listing.Span) -> AsyncIterator[tuple[listing.MoneyBack, ...]]:
    for fetch in (job.stripe.page_of_refunds, job.stripe.page_of_disputes):
        async for page in stripe_pages.stream(lambda after_id, f=fetch: f(span, after_id=after_id), job.pace):
            yield page


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
