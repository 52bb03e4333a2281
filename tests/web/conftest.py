"""The application over a fresh database, and the cast: Alice and Bob are students, the admin is an admin.

Requests go through every layer of the application in this process; what must be seen on a real socket has its own
tests.
"""

import logging
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx2
import psycopg
import pytest
import structlog

from tests.web import machines
from topup.flows import create_admin
from topup.runtime import house as houses
from topup.settings import Settings
from topup.web import app

ORIGIN = "http://testserver:8000"
PASSWORD = "correct horse battery"


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody signed in, with a client that sends their access token."""

    client: httpx2.AsyncClient
    login: dict[str, Any]

    @property
    def user(self) -> dict[str, Any]:
        return self.login["user"]


@pytest.fixture(autouse=True, scope="session")
def quiet() -> None:
    """Nothing is logged: unconfigured, structlog would draw a picture of each traceback, and that takes seconds."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


@pytest.fixture
def settings(database_url: str) -> Settings:
    return Settings.model_validate(
        {
            "database_url": database_url,
            "jwt_secret": "tests-only-tests-only-tests-only-tests",
            "stripe_secret_key": "sk_test_tests",
            "stripe_webhook_secrets": ["whsec_tests"],
            "frontend_url": ORIGIN,
            "is_demo": True,
        }
    )


@pytest.fixture
async def house(settings: Settings) -> AsyncIterator[houses.House]:
    async with houses.opened(settings) as house:
        yield house


@pytest.fixture
def transport(house: houses.House) -> httpx2.ASGITransport:
    return httpx2.ASGITransport(app=app.create_app(house))


@pytest.fixture
async def client(transport: httpx2.ASGITransport) -> AsyncIterator[httpx2.AsyncClient]:
    """Nobody in particular."""
    async with httpx2.AsyncClient(transport=transport, base_url=ORIGIN) as client:
        yield client


@pytest.fixture
async def alice(transport: httpx2.ASGITransport, database_url: str) -> AsyncIterator[Visitor]:
    async with httpx2.AsyncClient(transport=transport, base_url=ORIGIN) as client:
        yield await sign_up(client, database_url, email="alice@example.com", firstName="Alice", lastName="Arnold")


@pytest.fixture
async def bob(transport: httpx2.ASGITransport, database_url: str) -> AsyncIterator[Visitor]:
    async with httpx2.AsyncClient(transport=transport, base_url=ORIGIN) as client:
        yield await sign_up(client, database_url, email="bob@example.com", firstName="Bob", lastName="Brown")


@pytest.fixture
async def admin(house: houses.House, transport: httpx2.ASGITransport) -> AsyncIterator[Visitor]:
    await create_admin.create_admin(
        house.pool, email="admin@example.com", password=PASSWORD, first_name="Ada", last_name="Admin"
    )
    async with httpx2.AsyncClient(transport=transport, base_url=ORIGIN) as client:
        yield signed_in(
            client, await client.post("/api/auth/login", json={"email": "admin@example.com", "password": PASSWORD})
        )


@pytest.fixture
async def machine(house: houses.House, transport: httpx2.ASGITransport) -> AsyncIterator[machines.Machine]:
    """A host application that may read, spend and grant."""
    machine = machines.with_key(transport, ORIGIN, await machines.key_text(house))
    async with machine.client:
        yield machine


async def sign_up(client: httpx2.AsyncClient, database_url: str, **fields: str) -> Visitor:
    """Register and prove the address with the code from the outbox."""
    registered = await client.post("/api/auth/register", json={"password": PASSWORD, **fields})
    assert registered.status_code == 202, registered.text
    proof = {"email": fields["email"], "otp": mailed_code(database_url, fields["email"])}
    return signed_in(client, await client.post("/api/auth/verify-otp", json=proof))


def signed_in(client: httpx2.AsyncClient, answer: httpx2.Response) -> Visitor:
    """The visitor of an answered login."""
    assert answer.status_code == 200, answer.text
    client.headers["Authorization"] = f"Bearer {answer.json()['accessToken']}"
    return Visitor(client, answer.json())


def mailed_code(database_url: str, email: str) -> str:
    """The code in the last mail written to an address."""
    with psycopg.connect(database_url) as connection:
        row = connection.execute(
            """SELECT details->>'code' FROM outbox WHERE recipient = %s AND kind = 'verification_code'
            ORDER BY id DESC LIMIT 1""",
            [email],
        ).fetchone()
    assert row is not None, f"no code was mailed to {email}"
    assert re.fullmatch("[0-9]{6}", row[0])
    return row[0]
