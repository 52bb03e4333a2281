"""Keyed requests to the ledger (spend, hold, capture, reversal, grant ...): many at once, each answered once.

In one transaction: lock the accounts, look the keys up, decide what is new, write effects and answers. A repeat gets
the first answer, also a refusal; the same key for another request is refused and writes nothing (faults 51, 52, 54).
Running a batch again is harmless, since its keys are looked up first: that is how a lost reply to COMMIT is resolved
(faults 20).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

import psycopg
import psycopg_pool

from topup.db import holds, idempotency, ledger, sql, statements
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
class OfHold:
    """A command about a hold. Whose it is never changes, so it is looked up for a whole batch before the locks."""

    hold_id: UUID
    command: Callable[[UUID], commands.Command]


@dataclass(frozen=True, slots=True)
class OfEntry:
    """The same about a statement line."""

    entry_id: UUID
    command: Callable[[UUID], commands.Command]


Asked = commands.Command | OfHold | OfEntry


@dataclass(frozen=True, slots=True)
class Request:
    """One keyed request: its command, and how its outcome is worded. Without a key it is done and not remembered."""

    key: idempotency.Key | None
    fingerprint: bytes
    command: Asked
    word: Callable[[commands.Outcome], Answer]


class Stuck(psycopg.errors.LockNotAvailable):
    """Somebody else held accounts for too long: those of the members at `places`, and of nobody else in the batch."""

    def __init__(self, places: frozenset[int]) -> None:
        super().__init__("Another transaction holds the account. Try again in a moment.")
        self.places = places


async def post(pool: Pool, requests: Sequence[Request]) -> list[Answer | KeyReused]:
    """Decide and write a batch of requests in their order; the answers in the same order.

    Raises Stuck when an account stays locked for longer than `lock_timeout`: an operator's forgotten transaction shall
    keep nobody waiting but those who ask of that account (fault 26).
    """
    try:
        return await _post(pool, requests)
    except psycopg.errors.LockNotAvailable as fault:
        raise Stuck(await _stuck(pool, requests)) from fault


def blamed(fault: BaseException) -> frozenset[int]:
    """The places of those members of a batch that a fault is about, where it tells."""
    return fault.places if isinstance(fault, Stuck) else frozenset()


async def _post(pool: Pool, requests: Sequence[Request]) -> list[Answer | KeyReused]:
    async with pool.connection() as conn, sql.together(conn):
        placed = await _placed(conn, [request.command for request in requests])
        asked = await journal.ask(conn, [command for command in placed if not isinstance(command, commands.Denied)])
        found = await idempotency.ask(conn, [request.key for request in requests if request.key is not None])
        working = await journal.load(conn, asked)
        kept = {one.of(): one for one in await found.rows()}
        new: list[idempotency.Kept] = []
        answers: list[Answer | KeyReused] = []
        for request, command in zip(requests, placed, strict=True):
            answer = _repeat(request, kept)
            if answer is None:
                is_denied = isinstance(command, commands.Denied)
                answer = request.word(command if is_denied else rules.apply(working, command))
                if request.key is not None and is_remembered(answer.status):
                    kept[request.key] = _kept(request.key, request.fingerprint, answer)
                    new.append(kept[request.key])
            answers.append(answer)
        await journal.send(conn, working)
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


async def _stuck(pool: Pool, requests: Sequence[Request]) -> frozenset[int]:
    """Which members ask of accounts that are locked at this moment."""
    async with pool.connection() as conn:
        placed = await _placed(conn, [request.command for request in requests])
        accounts = [journal.accounts_of(one) if not isinstance(one, commands.Denied) else () for one in placed]
        held = await ledger.held_elsewhere(conn, sorted({account_id for each in accounts for account_id in each}))
    return frozenset(place for place, each in enumerate(accounts) if held.intersection(each))


async def _placed(conn: sql.Connection, asked: Sequence[Asked]) -> list[commands.Command | commands.Denied]:
    """What was asked, as commands to accounts; refused where there is no such hold or line."""
    hold_ids = [one.hold_id for one in asked if isinstance(one, OfHold)]
    entry_ids = [one.entry_id for one in asked if isinstance(one, OfEntry)]
    of_holds = await holds.accounts_of(conn, hold_ids) if hold_ids else {}
    of_entries = await statements.accounts_of(conn, entry_ids) if entry_ids else {}

    def place(one: Asked) -> commands.Command | commands.Denied:
        match one:
            case OfHold():
                account_id = of_holds.get(one.hold_id)
                return commands.Denied("unknown_hold") if account_id is None else one.command(account_id)
            case OfEntry():
                account_id = of_entries.get(one.entry_id)
                return commands.Denied("unknown_entry") if account_id is None else one.command(account_id)
            case _:
                return one

    return [place(one) for one in asked]


def _repeat(request: Request, kept: dict[idempotency.Key, idempotency.Kept]) -> Answer | KeyReused | None:
    first = kept.get(request.key) if request.key is not None else None
    if first is None:
        return None
    if first.fingerprint != request.fingerprint:
        return KeyReused()
    return Answer(first.status, first.answer, is_replay=True)


def _kept(key: idempotency.Key, fingerprint: bytes, answer: Answer) -> idempotency.Kept:
    return idempotency.Kept(key.principal, key.route, key.key, fingerprint, answer.status, answer.body)
