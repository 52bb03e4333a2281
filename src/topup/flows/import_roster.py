"""Imports a roster: every row of it or nothing, in one transaction that tells beside it how far it is.

Places and accounts are made first, sorted by address; the pool is locked last and its movements go through the journal
in batches, so that other work gets its turn. One import of an institution at a time. A row that was imported before
gives nothing again.
"""

from collections.abc import Sequence
from uuid import UUID

from psycopg_pool import AsyncConnectionPool

from topup import errors
from topup.core import ids, people, rosters
from topup.db import allocations, institutions, memberships, roster_imports, session_accounts, sql
from topup.db.memberships import Locked, Seat
from topup.flows import allocate, create_institution, plan_roster, refusals, write_invitations
from topup.ledger import commands, journal

BATCH_ROWS = 500
FAULTS_SHOWN_MAX = 1000


async def run(pool: AsyncConnectionPool, seat: Seat, roster: rosters.Roster, user_id: UUID) -> plan_roster.Plan:
    """What was done, in the name of `user_id`. Invalid (with all that is wrong) or InsufficientCredits, and nothing."""
    _ensure_right(roster.faults)
    async with pool.connection() as conn:
        await roster_imports.start(conn, seat.institution_id, roster.id, rows_total=len(roster.rows))
    is_done = False
    try:
        async with pool.connection() as conn:
            await institutions.lock(conn, seat.institution_id)
            planned = await plan_roster.plan(conn, seat.institution_id, roster)
            _ensure_right(planned.faults)
            if planned.quantity() > planned.available:
                raise _too_few(planned)
            await _write(pool, conn, seat, planned.due(), user_id, roster.id)
        is_done = True
    finally:
        async with pool.connection() as conn:
            await roster_imports.finish(conn, seat.institution_id, roster.id, is_done=is_done)
    return planned


async def progress(pool: AsyncConnectionPool, institution_id: UUID, roster_id: str) -> roster_imports.Progress:
    """How far an import is. Raises NotFound."""
    async with pool.connection() as conn:
        found = await roster_imports.find(conn, institution_id, roster_id)
    if found is None:
        raise errors.NotFound
    return found


def _ensure_right(faults: Sequence[rosters.Fault]) -> None:
    if not faults:
        return
    shown = [
        errors.FieldFault(f"/rows/{fault.number}" + (f"/{fault.column}" if fault.column else ""), fault.detail)
        for fault in faults[:FAULTS_SHOWN_MAX]
    ]
    first = faults[0]
    place = f"row {first.number}" + (f", {first.column}" if first.column else "")
    detail = (
        f"{len(faults)} things are wrong with this roster, and nothing was imported; first, {place}: {first.detail}"
    )
    raise errors.Invalid(detail, code="roster_invalid", faults=shown)


def _too_few(planned: plan_roster.Plan) -> errors.InsufficientCredits:
    return errors.InsufficientCredits(
        f"The pool has {planned.available} sessions and this roster needs {planned.quantity()}.",
        available=planned.available,
        required=planned.quantity(),
    )


async def _write(
    pool: AsyncConnectionPool,
    conn: sql.Connection,
    seat: Seat,
    rows: Sequence[rosters.Row],
    user_id: UUID,
    roster_id: str,
) -> None:
    if not rows:
        return
    places = await _places(conn, seat, rows, user_id)
    accounts = await _accounts(conn, rows, places)
    pool_account_id = await create_institution.pool_account(conn, seat.institution_id)
    for start in range(0, len(rows), BATCH_ROWS):
        batch = rows[start : start + BATCH_ROWS]
        drafts = await _move(conn, batch, places, accounts, pool_account_id, user_id)
        await allocations.add_many(conn, drafts, institution_id=seat.institution_id, given_by=user_id)
        async with pool.connection() as beside:
            await roster_imports.advance(beside, seat.institution_id, roster_id, rows_done=start + len(batch))


async def _places(conn: sql.Connection, seat: Seat, rows: Sequence[rosters.Row], user_id: UUID) -> dict[str, Locked]:
    """The membership of each address, locked; whoever had none is invited."""
    emails = sorted(row.email for row in rows)
    new_ids = await memberships.invite_students(
        conn,
        [(ids.new(), email) for email in emails],
        institution_id=seat.institution_id,
        invited_by=user_id,
    )
    places = {place.email: place for place in await memberships.lock_addresses(conn, seat.institution_id, emails)}
    if len(places) < len(emails):
        raise errors.Unavailable("Members are being removed at this moment. Try again.")
    guests = [write_invitations.Guest(p.id, p.email, "STUDENT") for p in places.values() if p.id in new_ids]
    await write_invitations.write(conn, guests, institution_name=seat.institution_name)
    return places


async def _accounts(conn: sql.Connection, rows: Sequence[rosters.Row], places: dict[str, Locked]) -> dict[UUID, UUID]:
    wanted = [(ids.new(), places[row.email].id, row.email, row.name) for row in rows]
    await session_accounts.open_for_members(conn, wanted)
    return await session_accounts.of_members(conn, [membership_id for _, membership_id, _, _ in wanted])


async def _move(
    conn: sql.Connection,
    rows: Sequence[rosters.Row],
    places: dict[str, Locked],
    accounts: dict[UUID, UUID],
    pool_account_id: UUID,
    user_id: UUID,
) -> list[allocations.Draft]:
    sealed = [(ids.new(), row, accounts[places[row.email].id]) for row in rows]
    asked = [
        allocate.command(
            allocation_id,
            pool_account_id,
            account_id,
            quantity=row.quantity,
            ends_at=row.ends_at,
            email=row.email,
            actor=people.actor_of(user_id),
        )
        for allocation_id, row, account_id in sealed
    ]
    drafts = []
    for (allocation_id, row, account_id), outcome in zip(sealed, await journal.post(conn, asked), strict=True):
        if isinstance(outcome, commands.Denied):
            raise refusals.of(outcome)
        drafts.append(
            allocations.Draft(
                id=allocation_id,
                membership_id=places[row.email].id,
                account_id=account_id,
                quantity=row.quantity,
                transfer_id=outcome.entries[0].transfer_id,
                roster_key=row.key(),
                ends_at=row.ends_at,
            )
        )
    return drafts
