"""Says row by row what importing a roster would do, and writes nothing.

The import plans in the same way under its locks, so that what was shown is what happens.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from psycopg_pool import AsyncConnectionPool

from topup.core import rosters
from topup.db import allocations, ledger, memberships, sql, statements
from topup.flows import create_institution, settle

What = Literal["allocate", "invite", "already_given"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What would happen to each row that is right, by its line, and what is wrong. `available` is the pool's."""

    roster: rosters.Roster
    outcomes: Mapping[int, What]
    faults: tuple[rosters.Fault, ...]
    available: int

    def due(self) -> list[rosters.Row]:
        """The rows that would give something."""
        return [row for row in self.roster.rows if self.outcomes.get(row.number) in {"allocate", "invite"}]

    def quantity(self) -> int:
        """How many sessions that would take."""
        return sum(row.quantity for row in self.due())


async def show(pool: AsyncConnectionPool, institution_id: UUID, roster: rosters.Roster) -> Plan:
    """The plan as things stand."""
    async with pool.connection() as conn:
        return await plan(conn, institution_id, roster)


async def plan(conn: sql.Connection, institution_id: UUID, roster: rosters.Roster) -> Plan:
    """The plan as the caller's transaction sees things."""
    account_id = await create_institution.pool_account(conn, institution_id)
    await settle.up_to_now(conn, [account_id])
    balance = await statements.balance(conn, account_id)
    keys = {row.number: row.key() for row in roster.rows}
    given = await allocations.known_keys(conn, institution_id, list(keys.values()))
    members = await memberships.known_addresses(conn, institution_id, [row.email for row in roster.rows])
    now = await ledger.now(conn)
    outcomes: dict[int, What] = {}
    late: list[rosters.Fault] = []
    for row in roster.rows:
        if keys[row.number] in given:
            outcomes[row.number] = "already_given"
        elif row.ends_at is not None and row.ends_at <= now:
            late.append(rosters.Fault(row.number, "expiresAt", "This moment has passed."))
        else:
            outcomes[row.number] = "allocate" if row.email in members else "invite"
    faults = tuple(sorted((*roster.faults, *late), key=lambda fault: fault.number))
    return Plan(roster, outcomes, faults, balance.available if balance else 0)
