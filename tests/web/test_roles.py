"""Every call of an institution by everybody: each role, a member of another institution, a stranger, nobody.

What is expected comes from the one table of roles. A route that is not in the list below fails the first test, so no
call can be added without being looked at here (faults 66, 67).
"""

import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest

from tests import institutions
from tests.institutions import School, Someone
from tests.web.conftest import Visitor
from tests.web.machines import Machine
from topup.core import roles
from topup.core.roles import Call, Role
from topup.runtime.house import House
from topup.web import app

PREFIXES = ("/api/institutions", "/api/invitations", "/api/sessions")
# Bought and billed with: these have a list of their own beside their tests.
ELSEWHERE = ("/api/sessions/purchases",)
NOWHERE = "0198a5a0-0000-7000-8000-000000000000"


@dataclass(frozen=True)
class Route:
    """A route, the call that it is, and a request that is right. `anybody`: it asks for no membership."""

    method: str
    path: str
    call: Call | None = None
    body: dict[str, Any] | None = None
    query: dict[str, str] = field(default_factory=dict)
    text: str | None = None
    statuses: tuple[int, ...] = (200, 201, 204)


ROUTES = (
    Route("POST", "/api/institutions", body={"name": "Third School", "billingEmail": "b@third.example"}),
    Route("GET", "/api/institutions"),
    Route("GET", "/api/institutions/{institution_id}", "see_institution"),
    Route("PATCH", "/api/institutions/{institution_id}", "change_institution", {"company": "Hill Ltd"}),
    Route("GET", "/api/institutions/{institution_id}/members", "see_members"),
    Route(
        "POST",
        "/api/institutions/{institution_id}/members",
        "invite_student",
        {"email": "s@example.com", "role": "STUDENT"},
    ),
    Route(
        "POST",
        "/api/institutions/{institution_id}/members",
        "invite_staff",
        {"email": "b@example.com", "role": "BILLING"},
    ),
    Route("DELETE", "/api/institutions/{institution_id}/members/{invited_id}", "withdraw_student"),
    Route("DELETE", "/api/institutions/{institution_id}/members/{member_id}", "remove_member"),
    Route("POST", "/api/invitations/accept", body={"token": "topup_in_unknown"}, statuses=(404,)),
    Route("GET", "/api/sessions/prices"),
    Route("GET", "/api/sessions/mine"),
    Route("GET", "/api/sessions/pool", "see_pool", query={"institutionId": "{institution_id}"}),
    Route("GET", "/api/sessions/allocations", "allocate", query={"institutionId": "{institution_id}"}),
    Route(
        "POST",
        "/api/sessions/allocations",
        "allocate",
        {"email": "s@example.com", "quantity": 1, "institutionId": "{institution_id}"},
    ),
    Route(
        "DELETE",
        "/api/sessions/allocations/{allocation_id}",
        "allocate",
        query={"institutionId": "{institution_id}"},
    ),
    Route("DELETE", "/api/sessions/allocations/{allocation_id}", "allocate"),
    Route(
        "POST",
        "/api/sessions/rosters",
        "allocate",
        query={"institutionId": "{institution_id}"},
        text="email,quantity\nr@example.com,1\n",
    ),
    Route(
        "GET",
        "/api/sessions/rosters/unknown",
        "allocate",
        query={"institutionId": "{institution_id}"},
        statuses=(404,),
    ),
)
OF_INSTITUTIONS = tuple(route for route in ROUTES if route.call)
IDS = [f"{route.method} {route.path} {route.call or 'anybody'}" for route in ROUTES]


@dataclass
class World:
    """Two schools; in one of them somebody of every role, somebody invited, and an allocation."""

    school: School
    other: School
    people: dict[str, Someone]
    names: dict[str, str]

    async def ask(self, route: Route, client: httpx2.AsyncClient, **changes: str) -> httpx2.Response:
        names = {**self.names, **changes}
        body = _filled(route.body, names) if route.body is not None else None
        headers = {"Content-Type": "text/csv"} if route.text is not None else {}
        return await client.request(
            route.method,
            route.path.format(**names),
            params=_filled(route.query, names),
            json=body,
            content=route.text,
            headers=headers,
        )


def _filled(said: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    return {name: value.format(**names) if isinstance(value, str) else value for name, value in said.items()}


@pytest.fixture
async def world(house: House, transport: httpx2.ASGITransport) -> AsyncIterator[World]:
    names = {"OWNER": "Olga", "BILLING": "Bill", "MANAGER": "Max", "STUDENT": "Stella", "other": "Otto", "none": "Nora"}
    async with AsyncExitStack() as stack:
        people = {
            who: await stack.enter_async_context(institutions.signed_in(house, transport, name))
            for who, name in names.items()
        }
        school = await institutions.school(house, people["OWNER"])
        other = await institutions.school(house, people["other"], "Dale School")
        await school.fill(10)
        for role in roles.ROLES:
            if role != "OWNER":
                await school.member(people[role], role)
        gone = await stack.enter_async_context(institutions.signed_in(house, transport, "Greta"))
        invited = await school.owner.post(
            f"/api/institutions/{school.id}/members", {"email": "i@example.com", "role": "STUDENT"}
        )
        yield World(
            school,
            other,
            people,
            {
                "institution_id": school.id,
                "member_id": await school.member(gone, "STUDENT"),
                "invited_id": invited.json()["id"],
                "allocation_id": (await school.allocate("a@example.com", 2))["id"],
            },
        )


async def test_every_route_of_an_institution_is_in_the_list(house: House) -> None:
    described = app.create_app(house).openapi()["paths"]
    there = {
        (method.upper(), path)
        for path, operations in described.items()
        if path.startswith(PREFIXES) and not path.startswith(ELSEWHERE)
        for method in operations
    }
    listed = {(route.method, _as_described(route.path)) for route in ROUTES}
    assert there == listed


def _as_described(path: str) -> str:
    return path.replace("{invited_id}", "{member_id}").replace("/unknown", "/{roster_id}")


def test_every_call_of_the_table_is_some_route() -> None:
    elsewhere: set[Call] = {"pay", "keep_cards", "see_invoices"}
    assert {route.call for route in ROUTES if route.call} | elsewhere == set(roles.CALLS)


@pytest.mark.parametrize("route", ROUTES, ids=IDS)
async def test_a_route_is_open_to_the_roles_of_its_call_and_to_nobody_else(route: Route, world: World) -> None:
    # Those who may not come first, since what is asked for may be gone once somebody was let in.
    ordered = sorted(roles.ROLES, key=lambda role: route.call is None or roles.may(role, route.call))
    for role in ordered:
        answer = await world.ask(route, world.people[role].client)
        if route.call is None or roles.may(role, route.call):
            # A second one who may finds what the first one did.
            assert answer.status_code in (*route.statuses, *((404,) if route.method == "DELETE" else ())), role
        else:
            assert (answer.status_code, answer.json()["code"]) == (403, "role_missing"), role


async def test_another_institution_answers_like_one_that_does_not_exist(world: World) -> None:
    nothing = dict.fromkeys(world.names, NOWHERE)
    for route, who in itertools.product(OF_INSTITUTIONS, ("other", "none")):
        theirs = await world.ask(route, world.people[who].client)
        missing = await world.ask(route, world.people[who].client, **nothing)
        assert (theirs.status_code, missing.status_code) == (404, 404), (route, who)
        assert _without_id(theirs) == _without_id(missing)


async def test_nobody_is_asked_to_sign_in_whatever_they_ask(world: World, client: httpx2.AsyncClient) -> None:
    for route in ROUTES:
        assert (await world.ask(route, client)).status_code == 401, route


async def test_an_admin_has_no_place_in_an_institution(world: World, admin: Visitor) -> None:
    for route in OF_INSTITUTIONS:
        assert (await world.ask(route, admin.client)).status_code == 404, route


async def test_a_host_application_has_none_either(world: World, machine: Machine) -> None:
    for route in ROUTES:
        answer = await world.ask(route, machine.client)
        assert (answer.status_code, answer.json()["code"]) == (403, "person_required"), route


@pytest.mark.parametrize("role", roles.ROLES)
async def test_where_no_institution_is_named_the_role_decides_alike(role: Role, world: World) -> None:
    answer = await world.people[role].get("/api/sessions/pool")
    assert answer.status_code == (200 if roles.may(role, "see_pool") else 403)


def _without_id(answer: httpx2.Response) -> dict[str, Any]:
    return {name: value for name, value in answer.json().items() if name != "requestId"}
