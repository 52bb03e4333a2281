"""Does a thing once for one idempotency key: the effect and the answer are written together, a repeat reads the answer.

For calls that are not commands to the ledger (those share transactions in `topup.flows.requests`, whose answers and
rules these are). A twin waits until the first is done and then gets its answer (faults 51-54).
"""

from collections.abc import Awaitable, Callable

from psycopg_pool import AsyncConnectionPool

from topup import errors
from topup.db import idempotency, sql
from topup.flows.requests import Answer, KeyReused, is_remembered

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
                same = first.fingerprint == fingerprint
                return Answer(first.status, first.answer, is_replay=True) if same else KeyReused()
        try:
            answer = await act(conn)
        except errors.TopupError as refusal:
            answer = word_refusal(refusal)
            if not is_remembered(answer.status):
                raise
        if key is not None and is_remembered(answer.status):
            kept = idempotency.Kept(key.principal, key.route, key.key, fingerprint, answer.status, answer.body)
            await idempotency.keep(conn, [kept])
    return answer
