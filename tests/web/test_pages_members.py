"""The members' page: inviting, inviting again, withdrawing, removing with a word about the sessions, and leaving."""

import re

import httpx2
import psycopg
import pytest

from tests import institutions
from tests.web import staffing, visits
from tests.web.machines import Machine
from tests.web.staffing import Staff
from topup.runtime.house import House

staff = staffing.staff


def mailed(database_url: str, email: str) -> list[str]:
    """The tokens that were mailed to an address, oldest first."""
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "SELECT details->>'token' FROM outbox WHERE kind = 'invitation' AND recipient = %s ORDER BY id", [email]
        ).fetchall()
    return [row[0] for row in rows]


async def invite(staff: Staff, email: str, role: str = "STUDENT", *, by: httpx2.AsyncClient | None = None) -> str:
    """Fill in the form; where it leads."""
    page = f"{staff.home}/members"
    sent = await visits.post(by or staff.owner, page, page=page, email=email, role=role)
    assert sent.status_code == 303, visits.text(sent)
    return sent.headers["location"]


async def test_an_invitation_is_mailed_and_the_place_shown(staff: Staff, database_url: str) -> None:
    path = await invite(staff, " New@Example.com ", "BILLING")
    seen = visits.text(await staff.owner.get(path, headers=visits.HTML))
    assert "An invitation is on its way to new@example.com" in seen
    assert re.search(r"new@example\.com Billing Invited link works until \d+ \w+ \d{4} Resend or withdraw", seen)
    assert len(mailed(database_url, "new@example.com")) == 1


async def test_an_invitation_is_sent_again_from_the_members_page(staff: Staff, database_url: str) -> None:
    path = await invite(staff, "new@example.com")
    member_id = path.rpartition("=")[2]
    page = f"{staff.home}/members/{member_id}"
    assert "Resend invitation" in visits.text(await staff.owner.get(page, headers=visits.HTML))
    await visits.post(staff.owner, f"{staff.home}/members", page=page, email="new@example.com", role="STUDENT")
    first, second = mailed(database_url, "new@example.com")
    assert first != second


async def test_a_link_that_has_ended_is_said_to(staff: Staff, house: House) -> None:
    await invite(staff, "new@example.com")
    await institutions.run(house, "UPDATE invitations SET expires_at = topup_now()", [])
    assert "new@example.com Student Invited link has ended" in await staff.read("/members")


@pytest.mark.parametrize(
    ("email", "role", "status", "told"),
    [
        ("nobody", "STUDENT", 422, "Enter a whole address, such as name@example.com."),
        ("a@example.com", "KING", 422, "Choose one of the roles."),
        ("stella@example.com", "STUDENT", 409, "This address belongs to a member already."),
    ],
)
async def test_what_is_wrong_is_said_and_what_was_typed_is_kept(
    staff: Staff, email: str, role: str, status: int, told: str
) -> None:
    page = f"{staff.home}/members"
    refused = await visits.post(staff.owner, page, page=page, email=email, role=role)
    assert refused.status_code == status
    assert told in visits.text(refused)
    assert f'value="{email}"' in refused.text


async def test_a_manager_is_offered_students_alone_and_cannot_invite_staff(staff: Staff, database_url: str) -> None:
    page = await staff.manager.get(f"{staff.home}/members", headers=visits.HTML)
    form = page.text.partition('<select id="role"')[2].partition("</select>")[0]
    assert re.findall(r'value="(\w+)"', form) == ["STUDENT"]
    path = f"{staff.home}/members"
    refused = await visits.post(staff.manager, path, page=path, email="b@example.com", role="OWNER")
    assert refused.status_code == 403
    assert mailed(database_url, "b@example.com") == []


async def test_who_is_removed_loses_what_was_said_and_nothing_else(staff: Staff, machine: Machine) -> None:
    await staff.school.fill(20)
    given = await staff.school.allocate("stella@example.com", 10)
    await machine.spend(given["accountId"], 3)
    await machine.hold(given["accountId"], 2)
    page = f"{staff.home}/members/{staff.members['STUDENT']}"
    asked = visits.text(await staff.owner.get(page, headers=visits.HTML))
    assert "5 unused sessions go back to the pool at once. 2 on hold follow when the hold ends." in asked
    assert (await visits.post(staff.owner, f"{page}/remove", page=page)).status_code == 303
    assert (await staff.school.pool())["available"] == 15
    assert "stella@example.com" not in await staff.read("/members")
    assert (await staff.owner.get(page, headers=visits.HTML)).status_code == 404


async def test_a_manager_withdraws_who_has_not_come_and_removes_nobody(staff: Staff) -> None:
    member_id = (await invite(staff, "new@example.com", by=staff.manager)).rpartition("=")[2]
    pages = {one: f"{staff.home}/members/{one}" for one in (member_id, staff.members["STUDENT"])}
    joined = pages[staff.members["STUDENT"]]
    assert "Remove" not in visits.text(await staff.manager.get(joined, headers=visits.HTML))
    refused = await visits.post(staff.manager, f"{joined}/remove", page=f"{staff.home}/members")
    assert refused.status_code == 403
    withdrawn = await visits.post(staff.manager, f"{pages[member_id]}/remove", page=pages[member_id])
    assert withdrawn.status_code == 303
    assert "new@example.com" not in await staff.read("/members")


async def test_the_last_owner_stays_and_is_told_why(staff: Staff) -> None:
    refused = await visits.post(staff.owner, f"{staff.home}/leave", page=f"{staff.home}/leave")
    assert refused.status_code == 409
    assert "make somebody else one first" in visits.text(refused)


async def test_anybody_leaves_and_a_student_is_told_what_goes_back(staff: Staff) -> None:
    await staff.school.fill(20)
    await staff.school.allocate("stella@example.com", 10)
    page = f"{staff.home}/leave"
    asked = visits.text(await staff.student.get(page, headers=visits.HTML))
    assert "Leave Hill School ? 10 unused sessions go back to the pool at once." in asked
    left = await visits.post(staff.student, page, page=page)
    assert (left.status_code, left.headers["location"]) == (303, "/account")
    assert (await staff.student.get(page, headers=visits.HTML)).status_code == 404
    assert (await staff.school.pool())["available"] == 20


async def test_fifty_members_are_paged_searched_and_chosen_by_role(staff: Staff, house: House) -> None:
    await institutions.run(
        house,
        """INSERT INTO memberships (id, institution_id, email, role, status)
        SELECT gen_random_uuid(), %s, 'many-' || n || '@example.com', 'STUDENT', 'INVITED'
        FROM generate_series(1, 50) n""",
        [staff.school.id],
    )
    seen: set[str] = set()
    path = f"{staff.home}/members?search=many-"
    while path:
        page = await staff.owner.get(path, headers=visits.HTML)
        found = re.findall(r"<bdi>(many-\d+)@", page.text)
        assert seen.isdisjoint(found)
        assert len(found) <= 25
        seen.update(found)
        older = re.search(rf'href="({staff.home}/members\?[^"]*cursor=[^"]+)"', page.text)
        path = older[1].replace("&amp;", "&") if older else ""
    assert len(seen) == 50
    assert "1 student and 3 staff, 50 more invited." in await staff.read("/members")
    managers = await staff.read("/members?role=MANAGER")
    assert "max@example.com" in managers
    assert "olga@example.com" not in managers


async def test_a_member_of_another_institution_is_not_there(staff: Staff, house: House) -> None:
    dale = await institutions.school(house, staff.school.owner, "Dale School")
    elsewhere = f"/institutions/{dale.id}/members/{staff.members['STUDENT']}"
    assert (await staff.owner.get(elsewhere, headers=visits.HTML)).status_code == 404
    removed = await visits.post(staff.owner, f"{elsewhere}/remove", page=f"{staff.home}/members")
    assert removed.status_code == 404
    assert "stella@example.com" in await staff.read("/members")
