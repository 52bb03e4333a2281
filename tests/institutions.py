"""Institutions in tests: people signed in without a password, members without a mail, pools without a payment."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID

import httpx2

from tests import people
from topup.core import ids, tokens
from topup.core.roles import Role
from topup.db import session_accounts, sql
from topup.flows import logins
from topup.ledger import commands, journal
from topup.runtime.house import House


@dataclass(frozen=True)
class Someone:
    """A person who is signed in."""

    user_id: UUID
    account_id: UUID
    email: str
    client: httpx2.AsyncClient

    async def get(self, path: str, **query: str | int) -> httpx2.Response:
        return await self.client.get(path, params=query)

    async def post(self, path: str, body: object = None, **headers: str) -> httpx2.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.post(path, json=body, headers=named)

    async def delete(self, path: str, **query: str) -> httpx2.Response:
        return await self.client.delete(path, params=query)


@dataclass
class School:
    """An institution with its owner."""

    house: House
    id: str
    owner: Someone

    async def member(self, person: Someone, role: Role) -> str:
        """Make somebody a member who has come; their membership."""
        membership_id = ids.new()
        await run(
            self.house,
            """INSERT INTO memberships (id, institution_id, email, user_id, role, status, joined_at)
            VALUES (%s, %s, %s, %s, %s, 'ACTIVE', topup_now())""",
            [membership_id, UUID(self.id), person.email, person.user_id, role],
        )
        return str(membership_id)

    async def fill(self, sessions: int, **more: Any) -> UUID:
        """Put sessions into the pool; the pool's account."""
        async with self.house.pool.connection() as conn:
            account_id = await session_accounts.pool_of(conn, UUID(self.id))
            assert account_id is not None
            cause = commands.Cause("test", str(ids.new()))
            credit = commands.Credit(account_id, sessions, "PROMOTION", cause, "user:admin", **more)
            [outcome] = await journal.post(conn, [credit])
        assert isinstance(outcome, commands.Done)
        return account_id

    async def pool(self) -> dict[str, int]:
        """The figures of the pool; the equation of the contract holds."""
        answer = await self.owner.get("/api/sessions/pool", institutionId=self.id)
        assert answer.status_code == 200, answer.text
        found = answer.json()
        assert found["purchased"] == sum(found[part] for part in ("available", "allocated", "expired", "takenBack"))
        assert 0 <= found["used"] <= found["allocated"]
        return found

    async def allocate(self, email: str, quantity: int, **more: Any) -> dict[str, Any]:
        """Give sessions to an address; the allocation."""
        body = {"email": email, "quantity": quantity, "institutionId": self.id, **more}
        answer = await self.owner.post("/api/sessions/allocations", body)
        assert answer.status_code == 201, answer.text
        return answer.json()


@asynccontextmanager
async def signed_in(house: House, transport: httpx2.AsyncBaseTransport, name: str) -> AsyncIterator[Someone]:
    """A person with an account and an access token."""
    made = await people.person(house.pool, name)
    async with house.pool.connection() as conn:
        opened = await logins.open_for(conn, made.user_id, kind="API")
    token = tokens.issue_access(
        house.keys.access_token,
        user_id=made.user_id,
        login_id=opened.person.login_id,
        issued_at=opened.opened_at,
    )
    headers = {"Authorization": f"Bearer {token}"}
    base_url = house.settings.frontend_url
    async with httpx2.AsyncClient(transport=transport, base_url=base_url, headers=headers) as client:
        yield Someone(made.user_id, made.account_id, made.email, client)


async def school(house: House, owner: Someone, name: str = "Hill School") -> School:
    """An institution made by its owner."""
    body = {"name": name, "billingEmail": "bills@hill.example"}
    answer = await owner.post("/api/institutions", body)
    assert answer.status_code == 201, answer.text
    return School(house, answer.json()["id"], owner)


async def run(house: House, statement: LiteralString, parameters: list[object]) -> None:
    """A statement in a transaction of its own."""
    async with house.pool.connection() as conn:
        await sql.run(conn, statement, parameters)


async def wait(house: House, time: str) -> None:
    """Let that much time pass."""
    await run(house, "UPDATE deployment SET is_demo = true, clock_offset = clock_offset + %s::interval", [time])
