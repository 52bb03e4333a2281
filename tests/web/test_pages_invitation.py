"""The page behind the mailed link, in each of its states, for everybody who may come to it."""

import httpx2
import psycopg
import pytest

from tests import institutions
from tests.web import staffing, visits
from tests.web.conftest import PASSWORD, mailed_code
from tests.web.staffing import Staff
from tests.web.test_pages_members import invite, mailed
from topup.runtime.house import House
from topup.web.pages import invitation

staff = staffing.staff
PAGE = "/invitation"
NEW = "new@example.com"


@pytest.fixture
async def token(staff: Staff, database_url: str) -> str:
    """What was mailed to somebody new."""
    await staff.school.fill(10)
    await staff.school.allocate(NEW, 4)
    return mailed(database_url, NEW)[-1]


async def opened(client: httpx2.AsyncClient, token: str) -> httpx2.Response:
    """Follow the mailed link."""
    sent = await client.get(PAGE, params={"token": token}, headers=visits.HTML)
    assert (sent.status_code, sent.headers["location"]) == (303, PAGE)
    return await client.get(PAGE, headers=visits.HTML)


async def test_the_token_goes_out_of_the_address_at_once_and_into_no_referrer(
    client: httpx2.AsyncClient, token: str
) -> None:
    """Fault 87."""
    sent = await client.get(PAGE, params={"token": token}, headers=visits.HTML)
    assert sent.headers["referrer-policy"] == "no-referrer"
    kept = next(one for one in sent.headers.get_list("set-cookie") if invitation.COOKIE in one)
    assert "HttpOnly" in kept
    assert "samesite=lax" in kept.lower()
    page = await client.get(PAGE, headers=visits.HTML)
    assert page.headers["referrer-policy"] == "no-referrer"
    assert token not in page.text


async def test_somebody_new_signs_up_comes_back_and_has_their_sessions(
    client: httpx2.AsyncClient, token: str, database_url: str
) -> None:
    seen = visits.text(await opened(client, token))
    assert "Hill School invites you Olga Example has set a place aside for you, as a student." in seen
    form = await client.get("/sign-up?next=%2Finvitation", headers=visits.HTML)
    assert f'value="{NEW}"' in form.text
    typed = {"firstName": "Nina", "lastName": "New", "email": NEW, "password": PASSWORD, "next": PAGE}
    assert (await visits.post(client, "/sign-up", page="/sign-up", **typed)).status_code == 303
    code = mailed_code(database_url, NEW)
    proven = await visits.post(client, "/verify", page="/verify", email=NEW, otp=code, next=PAGE)
    assert proven.headers["location"] == PAGE
    assert "You are in at Hill School" in visits.text(await client.get(PAGE, headers=visits.HTML))
    assert "Hill School 4 0 No end" in visits.text(await client.get("/sessions", headers=visits.HTML))


async def test_somebody_known_accepts_with_one_press(
    staff: Staff, database_url: str, transport: httpx2.ASGITransport
) -> None:
    await invite(staff, "nora@example.com", "MANAGER")
    seen = await opened(staff.stranger, mailed(database_url, "nora@example.com")[-1])
    assert "to give sessions to its students" in visits.text(seen)
    accepted = await visits.post(staff.stranger, PAGE, page=PAGE)
    assert (accepted.status_code, accepted.headers["location"]) == (303, staff.home)
    assert (await staff.stranger.get(staff.home, headers=visits.HTML)).status_code == 200


async def test_somebody_else_is_told_whose_it_is_and_cannot_take_it(staff: Staff, token: str) -> None:
    seen = visits.text(await opened(staff.stranger, token))
    assert "This invitation was sent to new@example.com, and you are signed in as nora@example.com." in seen
    refused = await visits.post(staff.stranger, PAGE, page=PAGE)
    assert refused.status_code == 403
    assert (await staff.stranger.get(staff.home, headers=visits.HTML)).status_code == 404
    out = await visits.post(staff.stranger, "/sign-out", page=PAGE, next=PAGE)
    assert out.headers["location"] == PAGE
    assert "Create an account" in visits.text(await staff.stranger.get(PAGE, headers=visits.HTML))


async def test_a_link_that_was_used_ended_withdrawn_or_replaced_says_so(
    staff: Staff, client: httpx2.AsyncClient, house: House, database_url: str, token: str
) -> None:
    await invite(staff, NEW)
    assert "There is a newer invitation" in visits.text(await opened(client, token))
    newest = mailed(database_url, NEW)[-1]
    await institutions.run(house, "UPDATE invitations SET expires_at = topup_now() WHERE revoked_at IS NULL", [])
    ended = await opened(client, newest)
    assert ended.status_code == 409
    assert "This invitation has ended" in visits.text(ended)
    await institutions.run(house, "UPDATE invitations SET used_at = topup_now() WHERE revoked_at IS NULL", [])
    used = await opened(client, newest)
    assert used.status_code == 409
    assert "This invitation has been used" in visits.text(used)
    await institutions.run(house, "UPDATE invitations SET used_at = NULL, revoked_at = topup_now()", [])
    await institutions.run(
        house, "UPDATE memberships SET status = 'LEFT', left_at = topup_now() WHERE email = %s", [NEW]
    )
    withdrawn = await opened(client, newest)
    assert withdrawn.status_code == 404
    assert "This invitation was withdrawn" in visits.text(withdrawn)


@pytest.mark.parametrize("token", ["topup_in_nothing", "\u202e", "a b"])
async def test_a_token_that_was_never_sent_is_not_known(client: httpx2.AsyncClient, token: str) -> None:
    page = await opened(client, token)
    assert page.status_code == 404
    assert "This invitation is not known" in visits.text(page)


async def test_a_form_of_another_site_accepts_nothing(staff: Staff, database_url: str) -> None:
    await invite(staff, "nora@example.com", "MANAGER")
    await opened(staff.stranger, mailed(database_url, "nora@example.com")[-1])
    assert (await staff.stranger.post(PAGE, data={"csrf": "0" * 64}, headers=visits.HTML)).status_code == 403
    with psycopg.connect(database_url) as connection:
        row = connection.execute("SELECT status FROM memberships WHERE email = 'nora@example.com'").fetchone()
    assert row == ("INVITED",)
