"""Every page of an institution by everybody: each role, a member of another institution, a stranger, nobody.

What is expected comes from the one table of roles. A page that is not in the list below fails the first test, so none
can be added without being looked at here (faults 66, 67).
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx2
import pytest
from starlette.routing import Route

from tests import institutions
from tests.web import staffing, visits
from tests.web.staffing import Staff
from topup.core import roles
from topup.core.roles import Call
from topup.flows import roster_queue
from topup.runtime.house import House
from topup.web import app

staff = staffing.staff

PREFIXES = ("/institutions", "/invitation", "/sessions")
# Bought and billed with: test_pages_money_roles.py has the list of these.
ELSEWHERE = ("buy", "purchases", "billing", "invoices", "cards")
NOWHERE = "0198a5a0-0000-7000-8000-000000000000"
HOME = "/institutions/{institution_id}"


@dataclass(frozen=True)
class Page:
    """A page or a form, the call that it is, and fields that are right. Without a call it asks for no role."""

    method: str
    path: str
    call: Call | None = None
    fields: dict[str, str] = field(default_factory=dict)
    is_own: bool = False


PAGES = (
    Page("GET", "/institutions"),
    Page("GET", "/institutions/new"),
    Page("POST", "/institutions", fields={"name": "Third School", "billingEmail": "b@third.example"}),
    Page("GET", "/sessions"),
    Page("GET", "/invitation"),
    Page("POST", "/invitation"),
    Page("GET", f"{HOME}/leave", is_own=True),
    Page("POST", f"{HOME}/leave", is_own=True),
    Page("GET", HOME, "see_pool"),
    Page("GET", f"{HOME}/members", "see_members"),
    Page("POST", f"{HOME}/members", "invite_student", {"email": "s@example.com", "role": "STUDENT"}),
    Page("POST", f"{HOME}/members", "invite_staff", {"email": "b@example.com", "role": "BILLING"}),
    Page("GET", HOME + "/members/{member_id}", "see_members"),
    Page("POST", HOME + "/members/{invited_id}/remove", "withdraw_student"),
    Page("POST", HOME + "/members/{member_id}/remove", "remove_member"),
    Page("GET", f"{HOME}/allocations", "allocate"),
    Page("POST", f"{HOME}/allocations", "allocate", {"email": "s@example.com", "quantity": "1"}),
    Page("GET", HOME + "/allocations/{allocation_id}", "allocate"),
    Page("POST", HOME + "/allocations/{allocation_id}/take-back", "allocate"),
    Page("GET", f"{HOME}/rosters", "allocate"),
    Page("POST", f"{HOME}/rosters", "allocate"),
    Page("GET", HOME + "/rosters/{roster_id}", "allocate"),
    Page("POST", HOME + "/rosters/{roster_id}/import", "allocate"),
)
OF_INSTITUTIONS = tuple(page for page in PAGES if page.call or page.is_own)
IDS = [f"{page.method} {page.path} {page.call or 'anybody'}" for page in PAGES]


@pytest.fixture
async def names(staff: Staff, house: House) -> AsyncIterator[dict[str, str]]:
    """The school, and what there is in it."""
    await staff.school.fill(50)
    invited = await staff.school.owner.post(
        f"/api/institutions/{staff.school.id}/members", {"email": "i@example.com", "role": "STUDENT"}
    )
    gone = await staff.school.owner.post(
        f"/api/institutions/{staff.school.id}/members", {"email": "g@example.com", "role": "MANAGER"}
    )
    page = f"{staff.home}/rosters"
    files = {"file": ("list.csv", b"email,quantity\nr@example.com,1\n", "text/csv")}
    sent = await staff.owner.post(page, data={"csrf": await visits.token(staff.owner, page)}, files=files)
    yield {
        "institution_id": staff.school.id,
        "invited_id": invited.json()["id"],
        "member_id": gone.json()["id"],
        "allocation_id": (await staff.school.allocate("a@example.com", 2))["id"],
        "roster_id": sent.headers["location"].rpartition("/")[2],
    }
    while await roster_queue.run_next(house.pool):
        pass


async def ask(page: Page, client: httpx2.AsyncClient, names: dict[str, str]) -> httpx2.Response:
    """Open the page, or send its form with the token that any page of this person has."""
    path = page.path.format(**names)
    if page.method == "GET":
        return await client.get(path, headers=visits.HTML)
    csrf = await visits.token(client, "/account")
    return await client.post(path, data={"csrf": csrf, **page.fields}, headers=visits.HTML)


def test_every_page_of_an_institution_is_in_the_list() -> None:
    there = {
        (method, route.path)
        for router in app.PAGES
        for route in router.routes
        if isinstance(route, Route) and route.path.startswith(PREFIXES) and not _is_elsewhere(route.path)
        for method in (route.methods or set()) - {"HEAD"}
    }
    assert there == {(page.method, page.path.replace("{invited_id}", "{member_id}")) for page in PAGES}


def _is_elsewhere(path: str) -> bool:
    parts = path.split("/")
    return len(parts) > 3 and parts[3] in ELSEWHERE


def test_every_call_of_the_table_is_some_page() -> None:
    elsewhere: set[Call] = {"pay", "keep_cards", "see_invoices", "see_institution", "change_institution"}
    assert {page.call for page in PAGES if page.call} | elsewhere == set(roles.CALLS)


@pytest.mark.parametrize("page", PAGES, ids=IDS)
async def test_a_page_is_open_to_the_roles_of_its_call_and_to_nobody_else(
    page: Page, staff: Staff, names: dict[str, str]
) -> None:
    """Those who may not come first, since what is asked for may be gone once somebody was let in."""
    for role in sorted(roles.ROLES, key=lambda role: page.call is None or roles.may(role, page.call)):
        answer = await ask(page, staff.browsers[role], names)
        if page.call is not None and not roles.may(role, page.call):
            assert answer.status_code == 403, role
            assert "it takes" in visits.text(answer), role
        elif page.path == "/invitation":
            assert answer.status_code == 404, "nobody was invited"
        else:
            # A form that is empty is refused as a form; a second one who may finds what the first one did.
            assert answer.status_code in {200, 303, 404, 409, 422}, (role, visits.text(answer))
            assert answer.status_code != 404 or page.method == "POST", role


@pytest.mark.parametrize("page", OF_INSTITUTIONS, ids=[f"{page.method} {page.path}" for page in OF_INSTITUTIONS])
async def test_another_institution_answers_like_one_that_does_not_exist(
    page: Page, staff: Staff, names: dict[str, str], house: House, transport: httpx2.ASGITransport
) -> None:
    async with institutions.signed_in(house, transport, "Otto") as otto:
        await institutions.school(house, otto, "Dale School")
        async with staffing.browser(house, transport, otto.user_id) as elsewhere:
            for client in (elsewhere, staff.stranger):
                theirs = await ask(page, client, names)
                missing = await ask(page, client, dict.fromkeys(names, NOWHERE))
                assert (theirs.status_code, missing.status_code) == (404, 404)
                assert _without_id(theirs) == _without_id(missing)


@pytest.mark.parametrize("page", PAGES, ids=IDS)
async def test_nobody_is_sent_to_sign_in_or_has_no_form_to_send(
    page: Page, client: httpx2.AsyncClient, names: dict[str, str]
) -> None:
    path = page.path.format(**names)
    if page.method == "POST":
        answer = await client.post(path, data={"csrf": "0" * 64, **page.fields}, headers=visits.HTML)
        assert answer.status_code == 403
    elif page.path != "/invitation":
        answer = await client.get(path, headers=visits.HTML)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/sign-in?next=%2F")


def _without_id(answer: httpx2.Response) -> str:
    return visits.text(answer).partition("Reference")[0]
