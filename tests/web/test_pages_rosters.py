"""Rosters on pages: uploaded, looked at row by row, imported by a worker, found again."""

import re
from uuid import UUID

import httpx2
import psycopg
import pytest

from tests import institutions
from tests.web import staffing, visits
from tests.web.staffing import Staff
from topup.db import roster_files, roster_imports
from topup.flows import roster_queue
from topup.runtime.house import House

staff = staffing.staff

GOOD = "email,quantity,expiresAt,name\na@example.com,10,2037-06-30,Amara\nstella@example.com,5,,佐藤 純\n"
BAD = "email,quantity\na@example.com,10\nnobody,1\na@example.com,2\nb@example.com,zero\n"


@pytest.fixture(autouse=True)
async def filled(staff: Staff) -> None:
    await staff.school.fill(50)


async def upload(staff: Staff, content: str | bytes, name: str = "class of '37.csv") -> str:
    """Send a file as the manager; where it leads."""
    page = f"{staff.home}/rosters"
    csrf = await visits.token(staff.manager, page)
    files = {"file": (name, content if isinstance(content, bytes) else content.encode(), "text/csv")}
    sent = await staff.manager.post(page, data={"csrf": csrf}, files=files, headers=visits.HTML)
    assert sent.status_code == 303, visits.text(sent)
    return sent.headers["location"]


async def seen_at(staff: Staff, path: str) -> str:
    page = await staff.manager.get(path, headers=visits.HTML)
    assert page.status_code == 200, page.text
    return visits.text(page)


async def confirm(staff: Staff, path: str) -> httpx2.Response:
    return await visits.post(staff.manager, f"{path}/import", page=path)


async def test_a_roster_is_shown_row_by_row_and_nothing_has_happened(staff: Staff, database_url: str) -> None:
    path = await upload(staff, GOOD)
    seen = await seen_at(staff, path)
    assert "gives 15 sessions to 2 students" in seen
    assert (
        "1 student is new and gets an invitation by mail. The pool then has 35 left. Nothing has happened yet." in seen
    )
    assert "Will be added 2 Already have 0 Cannot 0" in seen
    assert "2 Amara a@example.com 10 30 Jun 2037 New: is invited by mail, and the sessions wait" in seen
    assert "3 佐藤 純 stella@example.com 5 No end A member: gets them at once" in seen
    assert "Give 15 sessions to 2 students" in seen
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT 1 FROM allocations").fetchall() == []
        assert connection.execute("SELECT 1 FROM memberships WHERE status = 'INVITED'").fetchall() == []


async def test_what_is_wrong_stands_first_in_a_table_and_nothing_can_be_imported(staff: Staff, house: House) -> None:
    path = await upload(staff, BAD)
    seen = await seen_at(staff, path)
    assert "3 rows of class of '37.csv cannot be imported" in seen
    assert "3 email This must be a mail address such as name@example.com." in seen
    assert "4 email This address is in row 2 already." in seen
    assert "5 quantity This must be a whole number from 1 to 100000." in seen
    assert "Give" not in seen
    assert "Will be added 1" in await seen_at(staff, f"{path}?show=add")
    await confirm(staff, path)
    assert await roster_queue.run_next(house.pool)
    assert "Nothing was imported." in await seen_at(staff, path)
    assert (await staff.school.pool())["allocated"] == 0


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("émail,quantity\n".encode("utf-16"), "This is not UTF-8 text: save the file as CSV UTF-8."),
        ("name,quantity\nZoë,1\n".encode("latin-1"), "This is not UTF-8 text: save the file as CSV UTF-8."),
        ("email,quantity,shoe size\na@example.com,1,41\n", "shoe size This column is not known"),
        ("email\na@example.com\n", "quantity This column is missing."),
        ("email,quantity\n", "There is no row below the header."),
        ("email,quantity\n" + "a@example.com,1\n" * 10_002, "A roster has at most 10000 rows: split the file."),
    ],
)
async def test_a_file_that_cannot_be_read_says_why(staff: Staff, content: str | bytes, told: str) -> None:
    path = await upload(staff, content)
    pages = [await seen_at(staff, f"{path}?page={page}") for page in (1, 1000)]
    assert any(told in page for page in pages)


async def test_a_roster_is_imported_by_a_worker_and_the_page_says_how_far_it_is(staff: Staff, house: House) -> None:
    path = await upload(staff, GOOD)
    assert (await confirm(staff, path)).headers["location"] == path
    assert "It begins in a moment." in await seen_at(staff, path)
    institution_id, roster_id = UUID(path.split("/")[2]), path.rpartition("/")[2]
    async with house.pool.connection() as conn:
        await roster_imports.start(conn, institution_id, roster_id, rows_total=2)
        await roster_imports.advance(conn, institution_id, roster_id, rows_done=1)
    moving = await staff.manager.get(path, headers={"HX-Request": "true"})
    assert "1 of 2 rows" in re.sub(r"<[^>]+>", " ", moving.text)
    assert "every 1s" in moving.text
    assert "<html" not in moving.text
    assert await roster_queue.run_next(house.pool)
    assert "15 sessions given to 2 students" in await seen_at(staff, path)
    assert "Imported 15 sessions to 2 students" in await seen_at(staff, f"{staff.home}/rosters")
    assert "every 1s" not in (await staff.manager.get(path, headers={"HX-Request": "true"})).text
    assert (await staff.school.pool())["allocated"] == 15
    assert not await roster_queue.run_next(house.pool)


async def test_a_roster_confirmed_or_uploaded_twice_gives_once(staff: Staff, house: House) -> None:
    path = await upload(staff, GOOD)
    page = f"{staff.home}/rosters"
    for _ in range(2):
        await visits.post(staff.manager, f"{path}/import", page=page)
    while await roster_queue.run_next(house.pool):
        pass
    assert await upload(staff, GOOD, "again.csv") == path
    await visits.post(staff.manager, f"{path}/import", page=page)
    assert not await roster_queue.run_next(house.pool)
    assert (await staff.school.pool())["allocated"] == 15
    same_rows = await upload(staff, GOOD.replace("佐藤 純", "Stella"))
    assert "already has theirs" in await seen_at(staff, same_rows)


async def test_a_roster_beyond_the_pool_says_how_many_are_missing(staff: Staff, house: House) -> None:
    path = await upload(staff, "email,quantity\na@example.com,60\n")
    assert "The pool has 50, which is 10 too few. Ask for more to be bought" in await seen_at(staff, path)
    await visits.post(staff.manager, f"{path}/import", page=f"{staff.home}/rosters")
    assert await roster_queue.run_next(house.pool)
    refused = await seen_at(staff, path)
    assert "Nothing was imported. The pool has 50 sessions and this roster needs 60." in refused
    part = await staff.manager.get(path, headers={"HX-Request": "true"})
    assert "<html" not in part.text
    await staff.school.fill(10)
    await confirm(staff, path)
    assert await roster_queue.run_next(house.pool)
    assert "60 sessions given to 1 student" in await seen_at(staff, path)


async def test_who_may_no_longer_give_has_nothing_imported(staff: Staff, house: House) -> None:
    path = await upload(staff, GOOD)
    await confirm(staff, path)
    await institutions.run(
        house,
        "UPDATE memberships SET status = 'LEFT', left_at = topup_now() WHERE email = %s",
        ["max@example.com"],
    )
    assert await roster_queue.run_next(house.pool)
    page = await staff.owner.get(path, headers=visits.HTML)
    assert "Nothing was imported." in visits.text(page)
    assert (await staff.school.pool())["allocated"] == 0


async def test_a_file_whose_worker_died_is_taken_by_the_next_and_by_one_alone(staff: Staff, house: House) -> None:
    path = await upload(staff, GOOD)
    await confirm(staff, path)
    async with house.pool.connection() as conn:
        taken = await roster_files.take(conn)
        assert taken is not None
        assert not await roster_queue.run_next(house.pool)
        await conn.rollback()
    assert await roster_queue.run_next(house.pool)
    assert (await staff.school.pool())["allocated"] == 15


async def test_a_long_roster_pages(staff: Staff) -> None:
    rows = "".join(f"s{number}@example.com,1\n" for number in range(250))
    path = await upload(staff, f"email,quantity\n{rows}")
    seen = [await seen_at(staff, f"{path}?show=add&page={page}") for page in (1, 2, 3)]
    found = [re.findall(r"s(\d+)@example", page) for page in seen]
    assert [len(page) for page in found] == [100, 100, 50]
    assert "Page 2 of 3" in seen[1]
    assert len((await staff.manager.get(path)).content) < 60_000


async def test_no_file_is_asked_for_again(staff: Staff) -> None:
    page = f"{staff.home}/rosters"
    refused = await visits.post(staff.manager, page, page=page)
    assert refused.status_code == 422
    assert "Choose a file first." in visits.text(refused)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("C:\\Users\\me\\list.csv", "list.csv"),
        ("../../etc/passwd", "passwd"),
        ("<img src=x>.csv", "&lt;img src=x&gt;.csv"),
    ],
)
async def test_a_files_name_is_shown_without_its_folders_and_never_run(staff: Staff, given: str, shown: str) -> None:
    """Fault 78."""
    await upload(staff, GOOD, given)
    page = (await staff.manager.get(f"{staff.home}/rosters", headers=visits.HTML)).text
    assert f"<bdi>{shown}</bdi>" in page


async def test_a_name_in_a_roster_is_never_run(staff: Staff) -> None:
    path = await upload(staff, "email,quantity,name\na@example.com,1,<script>alert(1)</script>\n")
    page = (await staff.manager.get(path, headers=visits.HTML)).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


async def test_a_file_over_five_megabytes_is_refused(staff: Staff) -> None:
    page = f"{staff.home}/rosters"
    csrf = await visits.token(staff.manager, page)
    for size, status in ((2, 303), (6, 413)):
        files = {"file": ("big.csv", b"x" * size * 1024 * 1024, "text/csv")}
        sent = await staff.manager.post(page, data={"csrf": csrf}, files=files, headers=visits.HTML)
        assert sent.status_code == status


async def test_anothers_roster_is_not_there(staff: Staff, house: House) -> None:
    path = await upload(staff, GOOD)
    dale = await institutions.school(house, staff.school.owner, "Dale School")
    elsewhere = f"/institutions/{dale.id}/rosters/{path.rpartition('/')[2]}"
    assert (await staff.owner.get(elsewhere, headers=visits.HTML)).status_code == 404
    wanted = await visits.post(staff.owner, f"{elsewhere}/import", page=f"{staff.home}/rosters")
    assert wanted.status_code == 404


async def test_files_are_forgotten_after_thirty_days(staff: Staff, house: House, database_url: str) -> None:
    await upload(staff, GOOD)
    assert await roster_queue.forget(house.pool) == 0
    await institutions.wait(house, "31 days")
    assert await roster_queue.forget(house.pool) == 1
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT 1 FROM roster_files").fetchall() == []
