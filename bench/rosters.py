"""A roster of 10,000 new students: what its dry run takes, and its import, each invited by mail and given sessions.

In this process, through the flows that pages and API call; the server waits for its disk.
"""

import asyncio
import time
from uuid import UUID

import psycopg_pool

from bench import rig
from topup.core import ids, rosters
from topup.db import accounts, memberships, sql
from topup.db.memberships import Seat
from topup.flows import create_institution, import_roster, logins, plan_roster
from topup.ledger import commands, journal

ROWS = 10_000
RUNS = 3
ADD_USER = "INSERT INTO users (id, email, first_name, last_name, role) VALUES (%s, %s, 'Olga', 'Owner', 'STUDENT')"


def main() -> None:
    """Run the measure and print its table."""
    table = rig.Table()
    with rig.bench() as bench:
        for number in range(RUNS):
            asyncio.run(_measure(bench, number, table))
    table.show()


async def _measure(bench: rig.Bench, number: int, table: rig.Table) -> None:
    async with psycopg_pool.AsyncConnectionPool(bench.url, max_size=4, open=False) as pool:
        seat, user_id = await _school(pool, number)
        text = "email,quantity\n" + "".join(f"student{row}@school{number}.example,2\n" for row in range(ROWS))
        started = time.perf_counter()
        roster = rosters.read(text.encode())
        planned = await plan_roster.show(pool, seat.institution_id, roster)
        assert planned.quantity() == 2 * ROWS
        table.add("dry run s", time.perf_counter() - started)
        started = time.perf_counter()
        await import_roster.run(pool, seat, roster, user_id)
        table.add("import s", time.perf_counter() - started)


async def _school(pool: psycopg_pool.AsyncConnectionPool, number: int) -> tuple[Seat, UUID]:
    """An institution with enough in its pool, and who owns it."""
    user_id, email = ids.new(), f"olga{number}@example.com"
    async with pool.connection() as conn:
        await sql.run(conn, ADD_USER, [user_id, email])
        await accounts.open_for_user(conn, ids.new(), user_id=user_id, unit="credit", email=email)
        owner = (await logins.open_for(conn, user_id, kind="PAGE")).person
        made = await create_institution.create(conn, name=f"School {number}", billing_email=email, person=owner)
        cause = commands.Cause("bench", str(made.id))
        account_id = await create_institution.pool_account(conn, made.id)
        await journal.post(conn, [commands.Credit(account_id, 2 * ROWS, "PROMOTION", cause, "user:bench")])
        [seat] = await memberships.seats(conn, user_id=user_id, email=email)
    return seat, user_id


if __name__ == "__main__":
    main()
