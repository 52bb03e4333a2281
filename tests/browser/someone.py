"""Somebody who is signed in, with an account of their own: whoever lives in the small world is made by this."""

from dataclasses import dataclass
from uuid import UUID

from topup.core import ids
from topup.db import accounts, sql, users
from topup.flows import logins, welcome
from topup.runtime.house import House

ADD_USER = "INSERT INTO users (id, email, first_name, last_name, role) VALUES (%s, %s, %s, %s, 'STUDENT')"


@dataclass(frozen=True)
class Resident:
    """Somebody with an account and a login."""

    user_id: UUID
    account_id: UUID
    email: str
    cookie: str


async def resident(house: House, email: str, first_name: str, last_name: str, *, is_welcome: bool = True) -> Resident:
    """Somebody new, signed in."""
    user_id = ids.new()
    async with house.pool.connection() as conn:
        await sql.run(conn, ADD_USER, [user_id, email, first_name, last_name])
        user = await users.find(conn, user_id)
        assert user is not None
        if is_welcome:
            await welcome.settle(conn, user)
        else:
            await accounts.open_for_user(conn, ids.new(), user_id=user_id, unit="credit", email=email)
        opened = await logins.open_for(conn, user_id, kind="PAGE")
    return Resident(user_id, opened.person.account_id, email, opened.secret)
