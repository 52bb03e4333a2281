"""The shape of an invariant: its name, the sentence it stands for, and the query that finds what breaks it.

Every query returns `account_id` (the account to be looked at, or NULL) and `what` (the row, by name and id), and looks
at the accounts from `%(first)s` to `%(last)s` only, so that one account can be looked at again by itself.
"""

from dataclasses import dataclass
from typing import LiteralString
from uuid import UUID

from psycopg.rows import class_row

from topup.db import sql

FIRST, LAST = UUID(int=0), UUID(int=2**128 - 1)
FINDINGS_MAX = 100


@dataclass(frozen=True, slots=True)
class Invariant:
    """One thing that must hold. What `may_be_late` is allowed to fail for a while: it tells of work left undone."""

    name: str
    sentence: str
    query: LiteralString
    may_be_late: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """A row that breaks an invariant, and the account it belongs to, if it is one account's."""

    account_id: UUID | None
    what: str


# Whole tables are joined in memory and no answer is waited for by anybody.
PATIENCE = """
    SELECT set_config('work_mem', '256MB', true), set_config('jit', 'off', true),
           set_config('statement_timeout', '0', true)
"""


async def be_patient(conn: sql.Connection) -> None:
    """Give the rest of this transaction the memory and the time that large queries take."""
    await sql.run(conn, PATIENCE)


async def find(conn: sql.Connection, invariant: Invariant, *, first: UUID = FIRST, last: UUID = LAST) -> list[Finding]:
    """What breaks an invariant, at most a hundred rows of it, on all accounts or on some of them by id."""
    async with conn.cursor(row_factory=class_row(Finding)) as cursor:
        # Never prepared: a plan made for one account would be a slow one for all of them.
        await cursor.execute(invariant.query, {"first": first, "last": last}, prepare=False)
        return await cursor.fetchmany(FINDINGS_MAX)
