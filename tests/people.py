"""People and payments as rows, for tests that start where sign-up and checkout have been."""

from dataclasses import dataclass
from uuid import UUID

import psycopg_pool

from topup.core import ids
from topup.db import accounts, payments, sql

Pool = psycopg_pool.AsyncConnectionPool


@dataclass(frozen=True)
class Person:
    """Somebody with an account."""

    user_id: UUID
    account_id: UUID
    email: str


async def person(pool: Pool, first_name: str) -> Person:
    made = Person(ids.new(), ids.new(), f"{first_name.lower()}@example.com")
    async with pool.connection() as conn:
        await sql.run(
            conn,
            "INSERT INTO users (id, email, first_name, last_name, role) VALUES (%s, %s, %s, 'Example', 'STUDENT')",
            [made.user_id, made.email, first_name],
        )
        await accounts.open_for_user(conn, made.account_id, user_id=made.user_id, unit="credit", email=made.email)
    return made


async def pending(pool: Pool, buyer: Person, *, credits: int = 100, price_minor: int = 1000) -> UUID:
    """A payment for a package of credits whose checkout stands open."""
    payment_id = ids.new()
    async with pool.connection() as conn:
        draft = payments.Draft(
            id=payment_id,
            user_id=buyer.user_id,
            account_id=buyer.account_id,
            channel="CHECKOUT",
            package_id=None,
            package_name="Starter Pack",
            unit="credit",
            credits=credits,
            price_minor=price_minor,
            currency="gbp",
            valid_days=None,
            refund_days=None,
            is_live=False,
        )
        assert await payments.insert(conn, draft)
    return payment_id
