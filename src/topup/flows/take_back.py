"""Takes unused sessions back from a student to the pool: one allocation, or all when somebody leaves.

Only what is unspent and not on hold comes back at once; the rest follows when it is free again, since a closed
allocation's sessions are nobody's to spend for long (`topup.flows.return_ended`).
"""

from collections.abc import Sequence
from uuid import UUID

from psycopg_pool import AsyncConnectionPool

from topup import errors
from topup.core import ids
from topup.core.people import Person
from topup.db import allocations, sql
from topup.db.allocations import Allocation, Given
from topup.flows import create_institution, enter, refusals
from topup.ledger import commands, journal


async def one(
    pool: AsyncConnectionPool, person: Person, allocation_id: UUID, institution_id: UUID | None
) -> Allocation:
    """Close an allocation; the allocation after that. Done again, it takes what has come free since."""
    async with pool.connection() as conn:
        owner_id = await allocations.institution_of(conn, allocation_id)
    seat = await enter.enter_for(pool, person, "allocate", owner_id=owner_id, institution_id=institution_id)
    async with pool.connection() as conn:
        given = await allocations.lock(conn, [allocation_id])
        await close(conn, given, institution_id=seat.institution_id, actor=person.actor)
        found = await allocations.find(conn, allocation_id)
    if found is None:
        raise errors.Broken(f"Allocation {allocation_id} went away under its lock.")
    return found


async def everything(conn: sql.Connection, membership_id: UUID, *, institution_id: UUID, actor: str) -> None:
    """Close all that a member was given. From a frozen account nothing comes back before it is thawed."""
    given = await allocations.lock_open_of_member(conn, membership_id)
    await close(conn, given, institution_id=institution_id, actor=actor, is_patient=True)


async def close(
    conn: sql.Connection, given: Sequence[Given], *, institution_id: UUID, actor: str, is_patient: bool = False
) -> None:
    """Take back what these locked allocations have left, and close them."""
    if not given:
        return
    pool_account_id = await create_institution.pool_account(conn, institution_id)
    asked = [command_for(one.account_id, pool_account_id, one.transfer_id, actor=actor) for one in given]
    rows = []
    for allocation, outcome in zip(given, await journal.post(conn, asked), strict=True):
        if isinstance(outcome, commands.Denied) and not (is_patient and outcome.code == "account_frozen"):
            raise refusals.of(outcome)
        rows.append((allocation.id, returned_by(outcome)))
    await allocations.close(conn, rows)


def command_for(account_id: UUID, pool_account_id: UUID, transfer_id: UUID, *, actor: str) -> commands.TakeBack:
    """Take all that is unspent of one allocation. Done twice it finds nothing, so its cause may be new each time."""
    cause = commands.Cause("take_back", str(ids.new()))
    text = commands.Text("Unused sessions back to the pool")
    return commands.TakeBack(account_id, pool_account_id, transfer_id, None, cause, actor, text)


def returned_by(outcome: commands.Outcome) -> int:
    """How many sessions came back."""
    return outcome.entries[-1].credits_signed if isinstance(outcome, commands.Done) and outcome.entries else 0
