"""How staff come in: making an institution, choosing between several, the rail and the navigation."""

import re

import httpx2
import psycopg
import pytest

from tests import institutions
from tests.web import staffing, visits
from tests.web.staffing import Staff
from topup.core import demo_people, roles
from topup.core.roles import Call, Role
from topup.flows import seed_demo
from topup.runtime.house import House

staff = staffing.staff

RAIL: dict[str, Call] = {
    "Pool": "see_pool",
    "Buy": "pay",
    "Purchases": "pay",
    "Billing": "keep_cards",
    "Members": "see_members",
    "Allocations": "allocate",
    "Rosters": "allocate",
}


def navigation(page: httpx2.Response, label: str) -> list[str]:
    """The texts of the links of one navigation."""
    found = re.search(rf'<nav aria-label="{label}">(.*?)</nav>', page.text, re.DOTALL)
    return re.findall(r">([^<>]+)</a>", found[1]) if found else []


@pytest.mark.parametrize("path", ["/institutions", "/institutions/new"])
async def test_nobody_is_sent_to_sign_in_and_comes_back(client: httpx2.AsyncClient, path: str) -> None:
    sent = await client.get(path, headers=visits.HTML)
    assert (sent.status_code, sent.headers["location"]) == (303, f"/sign-in?next={path.replace('/', '%2F')}")


async def test_who_has_no_institution_is_told_what_one_is_for(staff: Staff) -> None:
    page = await staff.stranger.get("/institutions", headers=visits.HTML)
    assert "Create an institution" in visits.text(page)
    assert "Institution" not in navigation(page, "Main")


async def test_who_makes_an_institution_owns_it_and_is_led_there(staff: Staff) -> None:
    typed = {"name": "  Dale School ", "billingEmail": "Bills@Dale.example"}
    made = await visits.post(staff.stranger, "/institutions", page="/institutions/new", **typed)
    assert made.status_code == 303
    page = await staff.stranger.get(made.headers["location"], headers=visits.HTML)
    assert "The pool is empty" in visits.text(page)
    assert "Owner" in page.text
    assert "Institution" in navigation(page, "Main")
    assert (await staff.stranger.get("/institutions")).headers["location"] == made.headers["location"]


@pytest.mark.parametrize(
    ("name", "email", "told"),
    [
        ("", "bills@dale.example", "Enter a name, not longer than the field takes."),
        ("x" * 201, "bills@dale.example", "Enter a name, not longer than the field takes."),
        ("Dale\u202eSchool", "bills@dale.example", "Enter a name, not longer than the field takes."),
        ("Dale School", "bills", "Enter a whole address, such as name@example.com."),
    ],
)
async def test_what_is_wrong_is_said_and_what_was_typed_is_kept(
    staff: Staff, database_url: str, name: str, email: str, told: str
) -> None:
    page = await visits.post(staff.stranger, "/institutions", page="/institutions/new", name=name, billingEmail=email)
    assert page.status_code == 422
    assert told in visits.text(page)
    assert f'value="{email}"' in page.text
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM institutions").fetchone() == (1,)


async def test_a_form_of_another_site_makes_nothing(staff: Staff) -> None:
    page = await staff.owner.post(
        "/institutions", data={"name": "x", "billingEmail": "x@example.com", "csrf": "0" * 64}, headers=visits.HTML
    )
    assert page.status_code == 403


@pytest.mark.parametrize("role", roles.ROLES)
async def test_the_rail_leads_where_the_role_may_go(staff: Staff, role: Role) -> None:
    page = await staff.browsers[role].get(staff.home, headers=visits.HTML)
    wanted = [text for text, call in RAIL.items() if roles.may(role, call)] if roles.may(role, "see_pool") else []
    assert navigation(page, "Institution") == wanted


async def test_several_institutions_are_listed_and_switched_between(
    staff: Staff, house: House, transport: httpx2.ASGITransport
) -> None:
    other = await institutions.school(house, staff.school.owner, "<b>Dale</b> School")
    page = await staff.owner.get("/institutions", headers=visits.HTML)
    assert f'href="/institutions/{other.id}"' in page.text
    assert "&lt;b&gt;Dale" in page.text
    here = await staff.owner.get(staff.home, headers=visits.HTML)
    assert re.search(rf'<details class="menu">.*href="/institutions/{other.id}".*</details>', here.text, re.DOTALL)
    assert "<b>Dale" not in here.text


async def test_the_navigation_has_what_a_person_has(staff: Staff) -> None:
    before = await staff.student.get("/account", headers=visits.HTML)
    assert navigation(before, "Main") == ["Buy credits", "Account", "Payments"]
    await staff.school.fill(5)
    await staff.school.allocate("stella@example.com", 1)
    after = await staff.student.get("/account", headers=visits.HTML)
    assert navigation(after, "Main") == ["Buy credits", "Account", "Payments", "My sessions"]


async def test_the_demo_has_an_institution_once(house: House, database_url: str) -> None:
    secrets = seed_demo.Secrets("an admins password", "topup_sk_" + "a" * 16 + "_" + "b" * 52)
    for _ in range(2):
        await seed_demo.seed(house.pool, secrets)
    with psycopg.connect(database_url) as connection:
        places = connection.execute(
            """SELECT m.email, m.role, m.status, coalesce(a.balance, 0)
            FROM memberships m LEFT JOIN accounts a ON a.membership_id = m.id ORDER BY m.email"""
        ).fetchall()
        pools = connection.execute("SELECT balance FROM accounts WHERE institution_id IS NOT NULL").fetchall()
    assert pools == [(227,)]
    assert places == [
        ("alice@demo.example", "STUDENT", "ACTIVE", 7),
        ("bob@demo.example", "STUDENT", "ACTIVE", 5),
        (demo_people.INVITED_EMAIL, "STUDENT", "INVITED", 8),
        ("maya@demo.example", "MANAGER", "ACTIVE", 0),
        ("olivia@demo.example", "OWNER", "ACTIVE", 0),
        ("petra@demo.example", "BILLING", "ACTIVE", 0),
    ]
