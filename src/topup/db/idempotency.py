"""Answers to keyed requests, as rows: the first one is kept for ever, a repeat reads it.

Read and written in the transaction of the effect, after the locks that the effect takes, so that two twins see each
other.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from topup.db import sql


@dataclass(frozen=True, slots=True)
class Key:
    """Who asked (application or user), by which route, under which key."""

    principal: str
    route: str
    key: str


@dataclass(frozen=True, slots=True)
class Kept:
    """The first answer under a key; `fingerprint` is of path and body, `answer` the JSON text as it was sent."""

    principal: str
    route: str
    key: str
    fingerprint: bytes
    status: int
    answer: str

    def of(self) -> Key:
        """The key that it is the answer to."""
        return Key(self.principal, self.route, self.key)


FIND = """
    SELECT i.principal, i.route, i.key, i.fingerprint, i.status, i.answer::text AS answer
    FROM unnest(%s::text[], %s::text[], %s::text[]) AS asked (principal, route,
            key) JOIN idempotency i USING (principal, route, key)
"""


async def find(conn: sql.Connection, keys: Sequence[Key]) -> dict[Key, Kept]:
    """What was answered under these keys before."""
    return {kept.of(): kept for kept in await (await ask(conn, keys)).rows()}


async def ask(conn: sql.Connection, keys: Sequence[Key]) -> sql.Asked[Kept]:
    """The same, sent together with other statements."""
    columns = [
        sql.array(column) for column in ([k.principal for k in keys], [k.route for k in keys], [k.key for k in keys])
    ]
    return await sql.ask(conn, sql.each(Kept), FIND, columns)


KEEP = """
    INSERT INTO idempotency (principal, route, key, fingerprint, status, answer)
    SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::bytea[], %s::smallint[], %s::json[])
"""


async def keep(conn: sql.Connection, answers: Sequence[Kept]) -> None:
    """Keep first answers. A twin that was quicker violates `one_answer_per_key`: run again, and `find` sees it."""
    rows = [(a.principal, a.route, a.key, a.fingerprint, a.status, a.answer) for a in answers]
    await sql.send(conn, KEEP, sql.columns(sorted(rows)))


WAIT_FOR_TWIN = "SELECT pg_advisory_xact_lock(hashtextextended(concat_ws(E'\\n', %s::text, %s::text, %s::text), 0))"


async def wait_for_twin(conn: sql.Connection, key: Key) -> None:
    """Hold the key until the transaction ends, so that a twin reads the answer instead of acting too."""
    await sql.run(conn, WAIT_FOR_TWIN, [key.principal, key.route, key.key])
