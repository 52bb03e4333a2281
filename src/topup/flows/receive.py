"""Receives Stripe's deliveries: stores each event with its effect in one transaction, many deliveries at once.

Works from the signed body alone and asks Stripe nothing. Returning means durably stored: an effect that raises is
rolled back, the event is kept with its error and tried again by the worker; only when nothing can be stored does this
raise, and the delivery is answered 503 so that Stripe sends it again.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
import psycopg_pool
import structlog

from topup.core import event_types, facts
from topup.db import connections, events, sql
from topup.flows import fulfil, take_money_back

Pool = psycopg_pool.AsyncConnectionPool
log = structlog.get_logger()
ERROR_LENGTH_MAX = 2000


@dataclass(frozen=True, slots=True)
class Delivery:
    """One verified webhook call: the event and the very text that was signed."""

    event: facts.Event
    payload: str


def read(payload: str) -> Delivery | None:
    """The delivery in a verified body; None when it is no event of the kind we take."""
    event = facts.event(json.loads(payload))
    return None if event is None else Delivery(event, payload)


async def receive(pool: Pool, deliveries: Sequence[Delivery], *, is_live: bool) -> list[str]:
    """Store and apply a batch; for each delivery what became of it, in the same order.

    The words: "credited", "changed", "review", "unchanged", "due" (its refunds and disputes are read at Stripe next),
    "unknown_payment", "noted" (no fact about a payment), "unknown_type" (no type that we know), "ignored" (another mode
    or account), "duplicate" (processed before), "failed" (stored with its error). A batch that fails raises when it has
    several members, so that the caller can halve it until the culprit stands alone.
    """
    try:
        return await _apply(pool, deliveries, is_live=is_live)
    except (psycopg.OperationalError, psycopg_pool.PoolTimeout):
        raise
    except Exception as fault:
        if len(deliveries) > 1:
            raise
        log.exception("event_failed", event_id=deliveries[0].event.id, event_type=deliveries[0].event.type)
        await store_failed(pool, deliveries[0], fault)
        return ["failed"]


async def store_failed(pool: Pool, delivery: Delivery, fault: Exception) -> None:
    """Keep an event whose effect failed, with what failed; topup.flows.retry_events tries it again."""
    error = f"{type(fault).__name__}: {fault}"[:ERROR_LENGTH_MAX]
    async with pool.connection() as conn:
        await events.fail(conn, _row(delivery, "failed"), error=error)


async def _apply(pool: Pool, deliveries: Sequence[Delivery], *, is_live: bool) -> list[str]:
    async with pool.connection() as conn, sql.together(conn):
        known = await events.finished(conn, {delivery.event.id for delivery in deliveries})
        fresh = {d.event.id: d for d in reversed(deliveries) if d.event.id not in known}
        todo = [fresh[event_id] for event_id in reversed(fresh)]
        words = {d.event.id: _word(d.event, is_live=is_live) for d in todo}
        told = [(d.event.id, d.event.fact) for d in todo if d.event.fact is not None and words[d.event.id] == "noted"]
        outcomes = await fulfil.apply(conn, [fact for _, fact in told]) if told else []
        words.update({event_id: outcome.word for (event_id, _), outcome in zip(told, outcomes, strict=True)})
        words.update(await _mark_money_back(conn, [d.event for d in todo if words[d.event.id] != "ignored"]))
        if todo:
            await events.finish(conn, [_row(d, words[d.event.id]) for d in todo])
        if known:
            await connections.confirm(conn)
    # The first delivery of an event gets its word; a twin in the same batch, or one known before, is a duplicate.
    return [words.pop(delivery.event.id, "duplicate") for delivery in deliveries]


async def _mark_money_back(conn: sql.Connection, ours: Sequence[facts.Event]) -> dict[str, str]:
    """Events of refunds and disputes only say that a payment must be looked at; what they say else is not believed."""
    intents = {event.id: event.money_back_intent_id for event in ours if event.money_back_intent_id is not None}
    if not intents:
        return {}
    known = await take_money_back.mark(conn, set(intents.values()))
    return {event_id: "due" if intent_id in known else "unknown_payment" for event_id, intent_id in intents.items()}


def _word(event: facts.Event, *, is_live: bool) -> str:
    """What becomes of an event that tells nothing of a payment."""
    if not _is_ours(event, is_live=is_live):
        return "ignored"
    return "noted" if event_types.is_known(event.type) else "unknown_type"


def _is_ours(event: facts.Event, *, is_live: bool) -> bool:
    """Events of another mode or of a connected account join no row of ours (faults 13)."""
    if event.is_live == is_live and event.account is None:
        return True
    log.warning("event_not_ours", event_id=event.id, event_type=event.type, is_live=event.is_live)
    return False


def _row(delivery: Delivery, word: str) -> events.Finished:
    event = delivery.event
    return events.Finished(
        id=event.id,
        type=event.type,
        object_id=event.object_id,
        api_version=event.api_version,
        is_live=event.is_live,
        payload=delivery.payload,
        happened_at=event.happened_at,
        outcome=word,
    )
