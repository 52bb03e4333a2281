"""Fills a demo: its people, each with an account, their institution, and the key of a host application.

Run at each start: what is there stays, but the admin's password is again the one that the start prints.
"""

from dataclasses import dataclass

import psycopg_pool

from topup import errors
from topup.core import api_keys, demo_people, ids
from topup.db import demo, sql, users
from topup.flows import create_admin, hashing, seed_demo_institution, welcome

Pool = psycopg_pool.AsyncConnectionPool
HOST_APPLICATION = "Demo host application"


@dataclass(frozen=True, slots=True, repr=False)
class Secrets:
    """What the demo shows once at each start: its admin's password and its host application's key."""

    admin_password: str
    api_key: str


async def seed(pool: Pool, secrets: Secrets) -> None:
    """Make whoever and whatever is missing. Nobody's balance is touched."""
    async with pool.connection() as conn:
        new = [person for person in demo_people.EVERYONE if not person.is_admin and await _add(conn, person)]
        if demo_people.OLIVIA in new:
            await seed_demo_institution.seed(conn)
        await _keep_key(conn, secrets.api_key)
        admin = await users.credentials(conn, demo_people.ADMIN.email)
    stored = admin.password_hash if admin is not None else None
    if not await hashing.is_match(stored, secrets.admin_password):
        await create_admin.create_admin(
            pool,
            email=demo_people.ADMIN.email,
            password=secrets.admin_password,
            first_name=demo_people.ADMIN.first_name,
            last_name=demo_people.ADMIN.last_name,
            is_password_reset=True,
        )


async def _add(conn: sql.Connection, person: demo_people.DemoPerson) -> bool:
    """Whether they had to be made."""
    added = await demo.add_person(conn, ids.new(), person)
    if added is None:
        return False
    await welcome.settle(conn, added)
    return True


async def _keep_key(conn: sql.Connection, text: str) -> None:
    key = api_keys.read(text)
    if key is None:
        raise errors.Broken("The demo's API key is not one of ours.")
    await demo.keep_key(conn, key, key_id=ids.new(), application_id=ids.new(), name=HOST_APPLICATION)
