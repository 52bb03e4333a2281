"""The pool's page: what there is to give, where the others are, and what a role may do next."""

import pytest

from tests.web import staffing, visits
from tests.web.staffing import Staff
from topup.core import roles
from topup.core.roles import Role

staff = staffing.staff


async def test_an_empty_pool_says_how_to_begin(staff: Staff) -> None:
    assert "Available to give 0 sessions Buy sessions" in await staff.read("")
    assert "Buy the first pack to start." in await staff.read("")
    assert "Ask an owner or somebody from billing" in await staff.read("", "MANAGER")


async def test_the_figures_are_the_ledgers(staff: Staff) -> None:
    await staff.school.fill(1250)
    await staff.school.allocate("a@example.com", 200)
    seen = await staff.read("")
    assert "Available to give 1 050 sessions Allocate sessions Buy sessions" in seen
    assert "1 050 available to give" in seen
    assert "200 with students, not used yet" in seen
    assert "1 250 sessions came in so far." in seen


async def test_the_newest_allocations_are_shown_to_those_who_give(staff: Staff) -> None:
    await staff.school.fill(20)
    await staff.school.allocate("stella@example.com", 3)
    await staff.school.allocate("new@example.com", 4, expiresAt="2037-07-01T00:00:00Z")
    seen = await staff.read("", "MANAGER")
    assert "new@example.com 4 0 30 Jun 2037 Stella Example stella@example.com 3 0 No end" in seen
    assert "stella@example.com" not in await staff.read("", "BILLING")


@pytest.mark.parametrize(
    ("role", "acts"),
    [("OWNER", ["allocations", "buy"]), ("BILLING", ["buy"]), ("MANAGER", ["allocations"])],
)
async def test_a_role_is_offered_what_it_may_do(staff: Staff, role: Role, acts: list[str]) -> None:
    await staff.school.fill(5)
    page = await staff.browsers[role].get(staff.home, headers=visits.HTML)
    acts_part = page.text.partition('<div class="acts">')[2].partition("</div>")[0]
    assert [act for act in ("allocations", "buy") if f"{staff.home}/{act}" in acts_part] == acts


async def test_every_role_of_staff_sees_it_and_a_student_does_not(staff: Staff) -> None:
    for role in roles.ROLES:
        page = await staff.browsers[role].get(staff.home, headers=visits.HTML)
        assert page.status_code == (200 if roles.may(role, "see_pool") else 403)


@pytest.mark.parametrize("which", ["another", "none", "nonsense"])
async def test_another_institution_is_not_there(staff: Staff, which: str) -> None:
    paths = {
        "another": staff.home,
        "none": "/institutions/0198a5a0-0000-7000-8000-000000000000",
        "nonsense": "/institutions/%00",
    }
    page = await staff.stranger.get(paths[which], headers=visits.HTML)
    assert page.status_code == 404
    assert "Hill School" not in page.text
