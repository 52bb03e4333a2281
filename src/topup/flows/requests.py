"""Keyed requests to the ledger (spend, hold, capture, reversal, grant ...): many at once, each answered once.

In one transaction: lock the accounts, look the keys up, decide what is new, write effects and answers. A repeat gets
the first answer, also a refusal; the same key for another request is refused and writes nothing (faults 51, 52, 54).
Running a batch again is harmless, since its keys are looked up first: that is how a lost reply to COMMIT is resolved
(faults 20).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psycopg
import psycopg_pool

from topup.db import idempotency
from topup.ledger import commands, journal, rules

Pool = psycopg_pool.AsyncConnectionPool
DONE_CLASS = 2
TWIN_CONSTRAINTS = ("one_answer_per_key", "one_transfer_per_cause")
REMEMBERED_REFUSALS = (402, 409)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the caller gets: an HTTP status and the JSON text of the body."""

    status: int
    body: str
    is_replay: bool = False


@dataclass(frozen=True, slots=True)
class KeyReused:
    """The key stands for another request already."""


@dataclass(frozen=True, slots=True)
class Request:
    """One keyed request: its command, and how its outcome is worded. Without a key it is done and not remembered."""

    key: idempotency.Key | None
    fingerprint: bytes
    command: commands.Command
    word: Callable[[commands.Outcome], Answer]


async def post(pool: Pool, requests: Sequence[Request]) -> list[Answer | KeyReused]:
    """Decide and write a batch of requests in their order; the answers in the same order."""
    async with pool.connection() as conn:
        working = await journal.load(conn, [request.command for request in requests])
        keys = [request.key for request in requests if request.key is not None]
        kept = await idempotency.find(conn, keys) if keys else {}
        new: list[idempotency.Kept] = []
        answers: list[Answer | KeyReused] = []
        for request in requests:
            answer = _repeat(request, kept)
            if answer is None:
                answer = request.word(rules.apply(working, request.command))
                if request.key is not None and is_remembered(answer.status):
                    kept[request.key] = _kept(request.key, request.fingerprint, answer)
                    new.append(kept[request.key])
            answers.append(answer)
        await journal.write(conn, working)
        if new:
            await idempotency.keep(conn, new)
    return answers


def is_remembered(status: int) -> bool:
    """What was done, or refused for want of credit or for the state of things, is remembered; the rest is not."""
    return status // 100 == DONE_CLASS or status in REMEMBERED_REFUSALS


def is_twin_race(fault: BaseException) -> bool:
    """Whether a batch failed because a twin in another process was quicker with one of its keys.

    With the same account it would have waited for the lock; with another one both wrote, and the slower one violates
    the key or, since causes are made from keys, the cause. Run again it finds the first answer.
    """
    return isinstance(fault, psycopg.errors.UniqueViolation) and fault.diag.constraint_name in TWIN_CONSTRAINTS


def _repeat(request: Request, kept: dict[idempotency.Key, idempotency.Kept]) -> Answer | KeyReused | None:
    first = kept.get(request.key) if request.key is not None else None
    if first is None:
        return None
    if first.fingerprint != request.fingerprint:
        return KeyReused()
    return Answer(first.status, first.answer, is_replay=True)


def _kept(key: idempotency.Key, fingerprint: bytes, answer: Answer) -> idempotency.Kept:
    return idempotency.Kept(key.principal, key.route, key.key, fingerprint, answer.status, answer.body)
