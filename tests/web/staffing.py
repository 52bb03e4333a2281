"""An institution as its pages see it: somebody of every role, each with a browser of their own."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

import httpx2
import pytest

from tests import institutions, people
from tests.institutions import School, Someone
from tests.web import visits
from tests.web.conftest import ORIGIN
from topup.core.roles import Role
from topup.flows import logins
from topup.runtime.house import House
from topup.web import cookies

NAMES: dict[Role, str] = {"OWNER": "Olga", "BILLING": "Bill", "MANAGER": "Max", "STUDENT": "Stella"}


@dataclass
class Staff:
    """The school, and who looks at it."""

    school: School
    browsers: dict[Role, httpx2.AsyncClient]
    members: dict[Role, str]
    stranger: httpx2.AsyncClient

    @property
    def home(self) -> str:
        return f"/institutions/{self.school.id}"

    @property
    def owner(self) -> httpx2.AsyncClient:
        return self.browsers["OWNER"]

    @property
    def manager(self) -> httpx2.AsyncClient:
        return self.browsers["MANAGER"]

    @property
    def student(self) -> httpx2.AsyncClient:
        return self.browsers["STUDENT"]

    async def read(self, path: str, who: Role = "OWNER") -> str:
        """What a person reads of a page."""
        page = await self.browsers[who].get(self.home + path, headers=visits.HTML)
        assert page.status_code == 200, page.text
        return visits.text(page)


@asynccontextmanager
async def browser(
    house: House, transport: httpx2.AsyncBaseTransport, user_id: UUID
) -> AsyncIterator[httpx2.AsyncClient]:
    """A browser that somebody has signed in with."""
    async with house.pool.connection() as conn:
        opened = await logins.open_for(conn, user_id, kind="PAGE")
    name = f"{cookies.LOGIN}-{ORIGIN.rpartition(':')[2]}"
    async with httpx2.AsyncClient(transport=transport, base_url=ORIGIN, cookies={name: opened.secret}) as client:
        yield client


@pytest.fixture
async def staff(house: House, transport: httpx2.ASGITransport) -> AsyncIterator[Staff]:
    async with AsyncExitStack() as stack:

        async def comes(name: str) -> tuple[Someone, httpx2.AsyncClient]:
            someone = await stack.enter_async_context(institutions.signed_in(house, transport, name))
            return someone, await stack.enter_async_context(browser(house, transport, someone.user_id))

        found = {role: await comes(name) for role, name in NAMES.items()}
        school = await institutions.school(house, found["OWNER"][0])
        members: dict[Role, str] = {
            role: await school.member(found[role][0], role) for role in NAMES if role != "OWNER"
        }
        stranger = await people.person(house.pool, "Nora")
        yield Staff(
            school,
            {role: client for role, (_, client) in found.items()},
            members,
            await stack.enter_async_context(browser(house, transport, stranger.user_id)),
        )
