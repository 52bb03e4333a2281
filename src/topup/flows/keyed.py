"""Does a thing once for one idempotency key: the effect and the answer are written together, a repeat reads the answer.

For calls that are not commands to the ledger (those share transactions in `topup.flows.requests`, whose answers and
rules these are). A twin waits until the first is done and then gets its answer (faults 51-54).
"""

from collections.abc import Awaitable, Callable

from psycopg_pool import AsyncConnectionPool

from topup import errors
from topup.db import connections, idempotency, sql
from topup.flows import requests
from topup.flows.requests import Answer, KeyReused

Act = Callable[[sql.Connection], Awaitable[Answer]]


async def once(
    pool: AsyncConnectionPool,
    key: idempotency.Key | None,
    fingerprint: bytes,
    act: Act,
    word_refusal: Callable[[errors.TopupError], Answer],
) -> Answer | KeyReused:
    """Act, or repeat the first answer. `act` refuses before it writes; a refusal not remembered is raised again."""
    async with pool.connection() as conn:
        if key is not None:
            await idempotency.wait_for_twin(conn, key)
            first = (await idempotency.find(conn, [key])).get(key)
            if first is not None:
                return await _repeated(conn, first, fingerprint)
        try:
            answer = await act(conn)
        except errors.TopupError as refusal:
            answer = word_refusal(refusal)
            if not requests.is_remembered(answer.status):
                raise
        if key is not None and requests.is_remembered(answer.status):
            kept = idempotency.Kept(key.principal, key.route, key.key, fingerprint, answer.status, answer.body)
            await idempotency.keep(conn, [kept])
    return answer


async def once_outside(
    pool: AsyncConnectionPool,
    key: idempotency.Key | None,
    fingerprint: bytes,
    act: Callable[[], Awaitable[Answer]],
    word_refusal: Callable[[errors.TopupError], Answer],
) -> Answer | KeyReused:
    """As `once`, for acts that ask Stripe and so cannot share a transaction with their answer.

    Such an act is repeatable by itself: run twice it finds what it did before. So a crash in between loses nothing, and
    of two twins the first to write its answer speaks for both.
    """
    if key is not None:
        async with pool.connection() as conn:
            first = (await idempotency.find(conn, [key])).get(key)
            if first is not None:
                return await _repeated(conn, first, fingerprint)
    try:
        answer = await act()
    except errors.TopupError as refusal:
        answer = word_refusal(refusal)
        if not requests.is_remembered(answer.status):
            raise
    if key is None or not requests.is_remembered(answer.status):
        return answer
    async with pool.connection() as conn:
        await idempotency.wait_for_twin(conn, key)
        first = (await idempotency.find(conn, [key])).get(key)
        if first is not None:
            return await _repeated(conn, first, fingerprint)
        kept = idempotency.Kept(key.principal, key.route, key.key, fingerprint, answer.status, answer.body)
        await idempotency.keep(conn, [kept])
    return answer


async def _repeated(conn: sql.Connection, first: idempotency.Kept, fingerprint: bytes) -> Answer | KeyReused:
    if first.fingerprint != fingerprint:
        return KeyReused()
    await connections.confirm(conn)
    return Answer(first.status, first.answer, is_replay=True)
