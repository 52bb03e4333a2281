"""What a delivery does: credits once, whatever arrives, in whatever order, however often."""

import asyncio
import itertools
import json
from collections.abc import Sequence
from typing import LiteralString
from uuid import UUID

import pytest

from tests import people, stripe_bodies
from tests.people import Person, Pool
from topup.core import ids
from topup.db import payments, sql, statements
from topup.flows import receive, retry_events
from topup.runtime import house
from topup.runtime.group_commit import GroupCommit


def delivery(body: str) -> receive.Delivery:
    read = receive.read(body)
    assert read is not None
    return read


async def deliver(pool: Pool, *bodies: str) -> list[str]:
    return await receive.receive(pool, [delivery(body) for body in bodies], is_live=False)


async def balance(pool: Pool, person: Person) -> int:
    async with pool.connection() as conn:
        found = await statements.balance(conn, person.account_id)
    assert found is not None
    return found.balance


async def payment(pool: Pool, payment_id: UUID) -> payments.Payment:
    async with pool.connection() as conn:
        found = await payments.find(conn, payment_id)
    assert found is not None
    return found


async def count(pool: Pool, table: str) -> int:
    statements_by_table: dict[str, LiteralString] = {
        "outbox": "SELECT count(*) FROM outbox",
        "events": "SELECT count(*) FROM stripe_events",
        "unprocessed": "SELECT count(*) FROM stripe_events WHERE processed_at IS NULL",
    }
    async with pool.connection() as conn:
        return await sql.value(conn, statements_by_table[table])


async def test_paid_checkout_credits_the_account_and_writes_one_receipt(pool: Pool, alice: Person) -> None:
    payment_id = await people.pending(pool, alice)
    assert await deliver(
        pool, stripe_bodies.event("checkout.session.completed", stripe_bodies.session(payment_id))
    ) == ["credited"]
    assert await balance(pool, alice) == 100
    stored = await payment(pool, payment_id)
    assert (stored.status, stored.stripe_session_id, stored.stripe_intent_id, stored.paid_minor) == (
        "COMPLETED",
        "cs_test_1",
        "pi_1",
        1000,
    )
    assert await count(pool, "outbox") == 1


async def test_second_delivery_of_one_event_credits_nothing(pool: Pool, alice: Person) -> None:
    """Fault 1."""
    payment_id = await people.pending(pool, alice)
    body = stripe_bodies.event("checkout.session.completed", stripe_bodies.session(payment_id))
    assert await deliver(pool, body) == ["credited"]
    assert await deliver(pool, body) == ["duplicate"]
    assert await deliver(pool, body, body) == ["duplicate", "duplicate"]
    assert await balance(pool, alice) == 100


async def test_twins_in_one_batch_credit_once(pool: Pool, alice: Person) -> None:
    """Fault 1, inside one transaction."""
    payment_id = await people.pending(pool, alice)
    body = stripe_bodies.event("checkout.session.completed", stripe_bodies.session(payment_id))
    assert await deliver(pool, body, body, body) == ["credited", "duplicate", "duplicate"]
    assert await balance(pool, alice) == 100


async def test_one_event_32_times_at_once_credits_once(pool: Pool, alice: Person) -> None:
    """Fault 2: every delivery in a transaction of its own, as from many processes."""
    payment_id = await people.pending(pool, alice)
    body = stripe_bodies.event("checkout.session.completed", stripe_bodies.session(payment_id))
    answers = await asyncio.gather(*(deliver(pool, body) for _ in range(32)))
    assert sum(answer == ["credited"] for answer in answers) == 1
    assert await balance(pool, alice) == 100
    assert await count(pool, "events") == 1


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_all_events_of_one_purchase_credit_once_in_any_order(
    pool: Pool, alice: Person, order: tuple[int, ...]
) -> None:
    """Faults 3 and 4: different events, also a twin under another id, tell of one payment."""
    payment_id = await people.pending(pool, alice)
    session = stripe_bodies.session(payment_id)
    bodies = [
        stripe_bodies.event("checkout.session.completed", session),
        stripe_bodies.event("payment_intent.succeeded", stripe_bodies.intent(payment_id)),
        stripe_bodies.event("checkout.session.completed", session),
    ]
    answers = [await deliver(pool, bodies[place]) for place in order]
    assert sorted(word for answer in answers for word in answer) == ["credited", "unchanged", "unchanged"]
    assert await balance(pool, alice) == 100


async def test_all_events_of_one_purchase_at_once_credit_once(pool: Pool, alice: Person) -> None:
    """Fault 3, together."""
    payment_id = await people.pending(pool, alice)
    bodies = [
        stripe_bodies.event("checkout.session.completed", stripe_bodies.session(payment_id)),
        stripe_bodies.event("payment_intent.succeeded", stripe_bodies.intent(payment_id)),
    ] * 8
    await asyncio.gather(*(deliver(pool, body) for body in bodies))
    assert await balance(pool, alice) == 100


async def test_delivery_before_our_own_record_of_the_session_credits(pool: Pool, alice: Person) -> None:
    """Fault 4a: the payment's id went to Stripe before its session's id came to us."""
    payment_id = await people.pending(pool, alice)
    assert (await payment(pool, payment_id)).stripe_session_id is None
    await deliver(pool, stripe_bodies.event("checkout.session.completed", stripe_bodies.session(payment_id)))
    assert await balance(pool, alice) == 100


@pytest.mark.parametrize("late", ["checkout.session.expired", "checkout.session.async_payment_failed"])
async def test_a_bad_end_told_late_never_undoes_a_paid_one(pool: Pool, alice: Person, late: str) -> None:
    """Fault 5."""
    payment_id = await people.pending(pool, alice)
    session = stripe_bodies.session(payment_id)
    await deliver(pool, stripe_bodies.event("checkout.session.completed", session))
    assert await deliver(pool, stripe_bodies.event(late, {**session, "payment_status": "unpaid"})) == ["unchanged"]
    assert (await payment(pool, payment_id)).status == "COMPLETED"
    assert await balance(pool, alice) == 100


@pytest.mark.parametrize("early", ["checkout.session.expired", "checkout.session.async_payment_failed"])
async def test_money_that_comes_in_late_is_credited(pool: Pool, alice: Person, early: str) -> None:
    """Faults 5 and 60: paid after we thought it over."""
    payment_id = await people.pending(pool, alice)
    unpaid = stripe_bodies.session(payment_id, payment_status="unpaid", intent_id=None)
    assert await deliver(pool, stripe_bodies.event(early, unpaid)) == ["changed"]
    paid = stripe_bodies.event("checkout.session.completed", stripe_bodies.session(payment_id))
    assert await deliver(pool, paid) == ["credited"]
    assert await balance(pool, alice) == 100


async def test_bank_debit_is_credited_only_when_it_settles(pool: Pool, alice: Person) -> None:
    """Fault 37."""
    payment_id = await people.pending(pool, alice)
    unpaid = stripe_bodies.session(payment_id, payment_status="unpaid")
    assert await deliver(pool, stripe_bodies.event("checkout.session.completed", unpaid)) == ["changed"]
    assert (await payment(pool, payment_id)).status == "PROCESSING"
    assert await balance(pool, alice) == 0
    settled = stripe_bodies.event("checkout.session.async_payment_succeeded", stripe_bodies.session(payment_id))
    assert await deliver(pool, settled) == ["credited"]
    assert await balance(pool, alice) == 100


async def test_bank_debit_that_fails_credits_nothing_and_tells_the_buyer(pool: Pool, alice: Person) -> None:
    """Fault 37."""
    payment_id = await people.pending(pool, alice)
    unpaid = stripe_bodies.session(payment_id, payment_status="unpaid")
    await deliver(
        pool,
        stripe_bodies.event("checkout.session.completed", unpaid),
        stripe_bodies.event("checkout.session.async_payment_failed", unpaid),
    )
    assert (await payment(pool, payment_id)).status == "FAILED"
    assert await balance(pool, alice) == 0
    assert await count(pool, "outbox") == 1


async def test_signed_delivery_that_says_no_payment_was_needed_goes_to_review(pool: Pool, alice: Person) -> None:
    """Fault 37: we give no discount, so nothing can be free."""
    payment_id = await people.pending(pool, alice)
    free = stripe_bodies.session(payment_id, payment_status="no_payment_required", amount=0, intent_id=None)
    assert await deliver(pool, stripe_bodies.event("checkout.session.completed", free)) == ["review"]
    assert await balance(pool, alice) == 0


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"amount": 999}, "Paid 999, quoted 1000"),
        ({"amount": 100_000}, "Paid 100000"),
        ({"amount_total": 999}, "Paid 999, quoted 1000"),
        ({"currency": "usd"}, "Paid in usd, quoted in gbp"),
        ({"amount_subtotal": None}, "Paid None"),
        ({"amount_subtotal": "1000"}, "Paid None"),
        ({"currency": None}, "Paid in None"),
    ],
)
async def test_money_that_is_not_the_quoted_money_goes_to_review(
    pool: Pool, alice: Person, told: dict[str, object], reason: str
) -> None:
    """Faults 36, 61 and 62: amount and currency are compared with our own snapshot."""
    payment_id = await people.pending(pool, alice)
    session = stripe_bodies.session(payment_id, **told)  # type: ignore[arg-type]
    assert await deliver(pool, stripe_bodies.event("checkout.session.completed", session)) == ["review"]
    stored = await payment(pool, payment_id)
    assert stored.status == "REVIEW"
    assert reason in str(stored.review_reason)
    assert await balance(pool, alice) == 0


async def test_currency_in_capitals_is_the_same_currency(pool: Pool, alice: Person) -> None:
    payment_id = await people.pending(pool, alice)
    session = stripe_bodies.session(payment_id, currency="GBP")
    assert await deliver(pool, stripe_bodies.event("checkout.session.completed", session)) == ["credited"]


async def test_metadata_cannot_direct_money_to_another_payment(pool: Pool, alice: Person, bob: Person) -> None:
    """Fault 63: the session on record is Alice's, whatever its metadata was edited to say."""
    hers, his = await people.pending(pool, alice), await people.pending(pool, bob)
    await deliver(
        pool,
        stripe_bodies.event("checkout.session.completed", stripe_bodies.session(hers, payment_status="unpaid")),
    )
    forged = stripe_bodies.session(his)
    await deliver(pool, stripe_bodies.event("checkout.session.async_payment_succeeded", forged))
    assert (await balance(pool, alice), await balance(pool, bob)) == (100, 0)


async def test_second_session_paid_for_one_payment_goes_nowhere_silently(pool: Pool, alice: Person) -> None:
    """Fault 60: a session that is not the one on record is looked at by a person."""
    payment_id = await people.pending(pool, alice)
    unpaid = stripe_bodies.session(payment_id, payment_status="unpaid")
    await deliver(pool, stripe_bodies.event("checkout.session.completed", unpaid))
    other = stripe_bodies.session(payment_id, session_id="cs_test_2", intent_id="pi_2")
    assert await deliver(pool, stripe_bodies.event("checkout.session.completed", other)) == ["review"]
    assert await balance(pool, alice) == 0


async def test_second_session_paid_for_a_payment_that_is_paid_is_told_and_not_credited(
    pool: Pool, alice: Person
) -> None:
    """Fault 60: somebody has to give this money back, and is told once whichever events tell of it."""
    payment_id = await people.pending(pool, alice)
    ada = await people.person(pool, "Ada")
    async with pool.connection() as conn:
        await sql.run(conn, "UPDATE users SET is_admin = true WHERE id = %s", [ada.user_id])
    await deliver(pool, stripe_bodies.event("checkout.session.completed", stripe_bodies.session(payment_id)))
    other = stripe_bodies.session(payment_id, session_id="cs_test_2", intent_id="pi_2")
    for body in (
        stripe_bodies.event("checkout.session.completed", other),
        stripe_bodies.event("payment_intent.succeeded", stripe_bodies.intent(payment_id, intent_id="pi_2")),
    ):
        assert await deliver(pool, body) == ["review"]
    assert (await payment(pool, payment_id)).status == "COMPLETED"
    assert await balance(pool, alice) == 100
    assert await count(pool, "outbox") == 2, "a receipt for Alice and a word to Ada"


async def test_event_of_another_mode_or_account_touches_no_row(pool: Pool, alice: Person) -> None:
    """Fault 13."""
    payment_id = await people.pending(pool, alice)
    session = stripe_bodies.session(payment_id)
    live = stripe_bodies.event("checkout.session.completed", session, livemode=True)
    connected = stripe_bodies.event("checkout.session.completed", session, account="acct_other")
    assert await deliver(pool, live, connected) == ["ignored", "ignored"]
    assert (await payment(pool, payment_id)).status == "PENDING"


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"metadata": None, "mode": "payment", "status": "complete", "payment_status": "paid"},
        {"metadata": [], "client_reference_id": 7, "mode": "payment", "status": "complete", "payment_status": "paid"},
        {"mode": "payment", "status": "half-complete", "payment_status": "perhaps"},
    ],
)
async def test_unreadable_or_unknown_objects_are_stored_and_credit_nothing(pool: Pool, told: dict[str, object]) -> None:
    """Faults 14 and 36."""
    [word] = await deliver(
        pool, stripe_bodies.event("checkout.session.completed", told, api_version="2031-01-01.zenith")
    )
    assert word in ("noted", "unknown_payment")
    assert await count(pool, "events") == 1


async def test_unknown_event_type_is_stored(pool: Pool) -> None:
    """Fault 14."""
    assert await deliver(pool, stripe_bodies.event("brave.new.thing", {"id": "x_1"})) == ["unknown_type"]
    assert await count(pool, "events") == 1


async def test_event_about_a_payment_that_is_not_ours_is_stored(pool: Pool) -> None:
    session = stripe_bodies.session(ids.new())
    assert await deliver(pool, stripe_bodies.event("checkout.session.completed", session)) == ["unknown_payment"]


async def test_event_whose_effect_raises_stays_and_is_credited_by_the_retry(pool: Pool, alice: Person) -> None:
    """Fault 15: an event that was stored without its effect is not taken for done."""
    payment_id = await people.pending(pool, alice)
    body = stripe_bodies.event("checkout.session.completed", stripe_bodies.session(payment_id))
    async with pool.connection() as conn:
        await sql.run(conn, "ALTER TABLE lots ADD CONSTRAINT bug CHECK (amount <> 100)")
    assert await deliver(pool, body) == ["failed"]
    assert (await payment(pool, payment_id)).status == "PENDING"
    assert await count(pool, "unprocessed") == 1
    async with pool.connection() as conn:
        await sql.run(conn, "ALTER TABLE lots DROP CONSTRAINT bug")
        await sql.run(conn, "UPDATE stripe_events SET next_try_at = topup_now()")
    assert await retry_events.due(pool, is_live=False) == retry_events.Tried(1, 0)
    assert await balance(pool, alice) == 100
    assert await count(pool, "unprocessed") == 0


async def test_redelivery_of_a_failed_event_tries_it_again(pool: Pool, alice: Person) -> None:
    """Fault 15."""
    payment_id = await people.pending(pool, alice)
    body = stripe_bodies.event("checkout.session.completed", stripe_bodies.session(payment_id))
    async with pool.connection() as conn:
        await sql.run(conn, "ALTER TABLE lots ADD CONSTRAINT bug CHECK (amount <> 100)")
    assert await deliver(pool, body) == ["failed"]
    async with pool.connection() as conn:
        await sql.run(conn, "ALTER TABLE lots DROP CONSTRAINT bug")
    assert await deliver(pool, body) == ["credited"]
    assert await balance(pool, alice) == 100


async def test_poisoned_delivery_does_not_take_its_batch_with_it(pool: Pool, alice: Person, bob: Person) -> None:
    """Fault 15, head of line: all that came with it are credited."""
    good = [await people.pending(pool, alice, credits=n, price_minor=1000) for n in range(1, 8)]
    poisoned = await people.pending(pool, bob, credits=666)
    async with pool.connection() as conn:
        await sql.run(conn, "ALTER TABLE lots ADD CONSTRAINT bug CHECK (amount <> 666)")
    bodies = [
        stripe_bodies.event(
            "checkout.session.completed", stripe_bodies.session(p, session_id=f"cs_{p}", intent_id=f"pi_{p}")
        )
        for p in [*good[:3], poisoned, *good[3:]]
    ]

    async def take(batch: Sequence[receive.Delivery]) -> list[str]:
        return await receive.receive(pool, batch, is_live=False)

    async with GroupCommit(take, is_passing=house.is_passing) as inbox:
        words = await asyncio.gather(*(inbox.submit(delivery(body)) for body in bodies))
    assert words == ["credited"] * 3 + ["failed"] + ["credited"] * 4
    assert await balance(pool, alice) == sum(range(1, 8))
    assert await balance(pool, bob) == 0


async def test_letters_outside_ascii_are_kept_as_they_were_signed(pool: Pool, alice: Person) -> None:
    """Fault 11."""
    payment_id = await people.pending(pool, alice)
    session = stripe_bodies.session(payment_id, customer_details={"name": "Zoë Müller 山田"})
    body = stripe_bodies.event("checkout.session.completed", session)
    await deliver(pool, body)
    async with pool.connection() as conn:
        assert await sql.value(conn, "SELECT payload::text FROM stripe_events") == body
        assert json.loads(body)["data"]["object"]["customer_details"]["name"] == "Zoë Müller 山田"
