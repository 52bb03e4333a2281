"""My sessions: a student's own, institution by institution, and nobody else's."""

import httpx2

from tests import institutions
from tests.web import staffing, visits
from tests.web.machines import Machine
from tests.web.staffing import Staff
from topup.runtime.house import House

staff = staffing.staff


async def test_nobody_is_sent_to_sign_in(client: httpx2.AsyncClient) -> None:
    sent = await client.get("/sessions", headers=visits.HTML)
    assert sent.headers["location"] == "/sign-in?next=%2Fsessions"


async def test_a_student_sees_what_they_have_used_and_when_it_ends(
    staff: Staff, house: House, machine: Machine
) -> None:
    dale = await institutions.school(house, staff.school.owner, "<i>Dale</i> School")
    for school, count in ((staff.school, 10), (dale, 4)):
        await school.fill(20)
        given = await school.allocate("stella@example.com", count, expiresAt="2037-07-01T00:00:00Z")
        await machine.spend(given["accountId"], 3)
    page = await staff.student.get("/sessions", headers=visits.HTML)
    seen = visits.text(page)
    assert "Sessions to use 8 sessions" in seen
    assert "Hill School 7 3 30 Jun 2037" in seen
    assert "School 1 3 30 Jun 2037" in seen
    assert "<i>Dale" not in page.text


async def test_who_was_given_nothing_is_told_what_would_be_here(staff: Staff) -> None:
    assert "No sessions yet" in visits.text(await staff.stranger.get("/sessions", headers=visits.HTML))
