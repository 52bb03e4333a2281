"""Giving sessions on the page: the form, the list, the search, and taking back."""

import re
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests import institutions
from tests.web import staffing, visits
from tests.web.machines import Machine
from tests.web.staffing import Staff
from topup.flows import return_ended
from topup.runtime.house import House

staff = staffing.staff
KEY = re.compile(r'name="key" value="([0-9a-f-]{36})"')


@pytest.fixture(autouse=True)
async def filled(staff: Staff) -> None:
    await staff.school.fill(50)


async def give(staff: Staff, **typed: str) -> str:
    """Fill in the form as the manager; where it leads."""
    page = f"{staff.home}/allocations"
    form = (await staff.manager.get(page, headers=visits.HTML)).text
    key = KEY.search(form)
    assert key is not None
    given = await visits.post(
        staff.manager, page, page=page, **{"quantity": "2", "lastDay": "", "key": key[1], **typed}
    )
    assert given.status_code == 303, visits.text(given)
    return given.headers["location"]


async def test_an_address_gets_sessions_and_the_page_says_so(staff: Staff) -> None:
    path = await give(staff, email=" New@Example.com ", quantity="7", lastDay="2037-06-30")
    assert "7 sessions given to new@example.com , who is invited by mail." in visits.text(await staff.manager.get(path))
    assert "new@example.com 7 0 7 30 Jun 2037 Take back" in await staff.read("/allocations")
    assert (await staff.school.pool())["allocated"] == 7


async def test_a_form_that_is_sent_twice_gives_once(staff: Staff) -> None:
    page = f"{staff.home}/allocations"
    form = await staff.manager.get(page, headers=visits.HTML)
    key = KEY.search(form.text)
    assert key is not None
    typed = {"email": "a@example.com", "quantity": "3", "lastDay": "", "key": key[1]}
    sent = [await visits.post(staff.manager, page, page=page, **typed) for _ in range(2)]
    assert sent[0].headers["location"] == sent[1].headers["location"]
    assert (await staff.school.pool())["allocated"] == 3
    other = await visits.post(staff.manager, page, page=page, **{**typed, "quantity": "4"})
    assert other.status_code == 422
    assert "This form was sent before" in visits.text(other)
    assert (await staff.school.pool())["allocated"] == 3


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({"email": "nobody"}, "Enter a whole address, such as name@example.com."),
        ({"quantity": "0"}, "Enter a whole number, 1 or more."),
        ({"quantity": "-1"}, "Enter a whole number, 1 or more."),
        ({"quantity": "1.5"}, "Enter a whole number, 1 or more."),
        ({"quantity": "\u0663"}, "Enter a whole number, 1 or more."),
        ({"quantity": "9" * 30}, "Enter a whole number, 1 or more."),
        ({"lastDay": "31/12/2037"}, "Enter a day, such as 2027-06-30, or leave it empty."),
        ({"lastDay": "9999-12-31"}, "Enter a day, such as 2027-06-30, or leave it empty."),
        ({"lastDay": "2020-01-01"}, "Enter a day that has not passed, or leave it empty."),
        ({"quantity": "51"}, "The pool has 50 and you wanted to give 51. Nothing was given."),
    ],
)
async def test_what_is_wrong_is_said_and_nothing_is_given(
    staff: Staff, database_url: str, typed: dict[str, str], told: str
) -> None:
    page = f"{staff.home}/allocations"
    sent = {"email": "a@example.com", "quantity": "2", "lastDay": "", "key": "", **typed}
    refused = await visits.post(staff.manager, page, page=page, **sent)
    assert refused.status_code in {402, 422}
    assert told in visits.text(refused)
    assert f'value="{sent["email"]}"' in refused.text
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT 1 FROM memberships WHERE status = 'INVITED'").fetchall() == []


async def test_taking_back_says_what_it_takes_and_takes_it_once(staff: Staff, machine: Machine) -> None:
    given = await staff.school.allocate("stella@example.com", 10)
    assert (await machine.spend(given["accountId"], 3)).status_code == 201
    page = f"{staff.home}/allocations/{given['id']}"
    asked = visits.text(await staff.manager.get(page, headers=visits.HTML))
    assert "Take back 7 sessions? Stella Example has not used them yet. They go back to your pool at once." in asked
    taken = await visits.post(staff.manager, f"{page}/take-back", page=page)
    assert (taken.status_code, taken.headers["location"]) == (303, page)
    after = visits.text(await staff.manager.get(page, headers=visits.HTML))
    assert "This allocation is closed 7 back in the pool." in after
    assert (await staff.school.pool())["available"] == 47
    assert "3" in await staff.read("/allocations")
    form = f"{staff.home}/allocations"
    again = await visits.post(staff.manager, f"{page}/take-back", page=form)
    assert again.status_code == 303
    assert (await staff.school.pool())["available"] == 47


async def test_what_is_on_hold_stays_and_the_page_says_so(staff: Staff, machine: Machine) -> None:
    given = await staff.school.allocate("stella@example.com", 10)
    await machine.hold(given["accountId"], 4)
    page = f"{staff.home}/allocations/{given['id']}"
    await visits.post(staff.manager, f"{page}/take-back", page=page)
    seen = visits.text(await staff.manager.get(page, headers=visits.HTML))
    assert "6 back in the pool, 4 on hold, back in the pool afterwards" in seen


async def test_what_ended_and_is_not_back_yet_is_neither_left_nor_used(
    staff: Staff, house: House, machine: Machine
) -> None:
    ends_at = (datetime.now(UTC) + timedelta(days=5)).isoformat()
    given = await staff.school.allocate("stella@example.com", 10, expiresAt=ends_at)
    await machine.spend(given["accountId"], 4)
    await institutions.wait(house, "6 days")
    assert await machine.figures(given["accountId"]) == (0, 0, 0)
    assert "stella@example.com 10 4 0" in await staff.read("/allocations")
    await return_ended.sweep(house.pool)
    assert "stella@example.com 6 back in the pool 10 4 0" in await staff.read("/allocations")


async def test_the_list_is_searched_by_address_and_paged(staff: Staff) -> None:
    for number in range(27):
        await staff.school.allocate(f"student-{number:02}@example.com", 1)
    seen, path = [], f"{staff.home}/allocations?search=STUDENT-"
    while path:
        page = await staff.manager.get(path, headers=visits.HTML)
        seen += re.findall(r"<bdi>(student-\d\d)@", page.text)
        older = re.search(rf'href="({staff.home}/allocations\?[^"]*cursor=[^"]+)"', page.text)
        path = older[1].replace("&amp;", "&") if older else ""
    assert seen == [f"student-{number:02}" for number in reversed(range(27))]
    found = await staff.read("/allocations?search=student-13")
    assert "student-13@" in found
    assert "student-14@" not in found
    assert "Nobody found" in await staff.read("/allocations?search=%25")


async def test_htmx_gets_the_rows_alone(staff: Staff) -> None:
    await staff.school.allocate("a@example.com", 1)
    part = await staff.manager.get(f"{staff.home}/allocations?search=a%40", headers={"HX-Request": "true"})
    assert "<html" not in part.text
    assert "a@example.com" in part.text


async def test_names_and_searches_are_shown_and_never_run(staff: Staff, database_url: str) -> None:
    """Fault 78."""
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "UPDATE users SET first_name = '<script>alert(1)</script>' WHERE email = 'stella@example.com'"
        )
    await staff.school.allocate("stella@example.com", 1)
    for path in ("", "/allocations", "/allocations?search=%22%3E%3Cscript%3Ealert(1)%3C/script%3E", "/members"):
        page = await staff.owner.get(staff.home + path, headers=visits.HTML)
        assert "<script>alert" not in page.text


async def test_anothers_allocation_is_not_there(staff: Staff, house: House) -> None:
    given = await staff.school.allocate("a@example.com", 1)
    dale = await institutions.school(house, staff.school.owner, "Dale School")
    page = await staff.owner.get(f"/institutions/{dale.id}/allocations/{given['id']}", headers=visits.HTML)
    assert page.status_code == 404
    form = f"{staff.home}/allocations"
    taken = await visits.post(staff.owner, f"/institutions/{dale.id}/allocations/{given['id']}/take-back", page=form)
    assert taken.status_code == 404
    assert (await staff.school.pool())["allocated"] == 1


async def test_a_form_of_another_site_gives_nothing(staff: Staff) -> None:
    page = await staff.manager.post(
        f"{staff.home}/allocations", data={"email": "a@example.com", "quantity": "1", "csrf": "0" * 64}
    )
    assert page.status_code == 403
    assert (await staff.school.pool())["allocated"] == 0
