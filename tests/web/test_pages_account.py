"""The account page: figures, the statement that opens into why, and paging."""

import re
from uuid import UUID

import httpx2
import psycopg
import pytest

from tests.web import visits
from topup.core import ids
from topup.flows import show_account
from topup.ledger import commands, journal
from topup.runtime import house as houses
from topup.web.pages import figures

EMAIL = "alice@example.com"


@pytest.fixture
async def account_id(client: httpx2.AsyncClient, database_url: str) -> UUID:
    """The account of somebody who is signed in with `client`."""
    await visits.sign_up(client, database_url, email=EMAIL)
    with psycopg.connect(database_url) as connection:
        row = connection.execute("SELECT id FROM accounts WHERE email = %s", [EMAIL]).fetchone()
    assert row is not None
    return row[0]


async def post(house: houses.House, *asked: commands.Command) -> None:
    async with house.pool.connection() as conn:
        await journal.post(conn, asked)


def spend(account_id: UUID, count: int, description: str = "Essay marked") -> commands.Spend:
    cause = commands.Cause("test", str(ids.new()))
    return commands.Spend(account_id, count, cause, "application:test", commands.Text(description, "essay-1"))


async def test_nobody_is_sent_to_sign_in(client: httpx2.AsyncClient) -> None:
    sent = await client.get("/account")
    assert (sent.status_code, sent.headers["location"]) == (303, "/sign-in?next=%2Faccount")


async def test_each_line_says_its_sign_the_balance_after_it_and_why(
    client: httpx2.AsyncClient, house: houses.House, account_id: UUID
) -> None:
    await post(house, spend(account_id, 30))
    seen = visits.text(await client.get("/account"))
    assert "70 credits" in seen
    line = seen[seen.index("Essay marked") : seen.index("Welcome credits")]
    assert f"{figures.MINUS}30" in line
    assert "balance after: 70" in line
    assert "An application used these credits for you." in line
    assert "Taken from 30 credits of your welcome, without an end" in line
    assert "essay-1" in line


async def test_what_is_held_is_told_apart_from_what_can_be_spent(
    client: httpx2.AsyncClient, house: houses.House, account_id: UUID
) -> None:
    await post(house, commands.PlaceHold(account_id, 40, ids.new(), 600, "application:test"))
    seen = visits.text(await client.get("/account"))
    assert "Available 60 credits" in seen
    assert "60 to spend" in seen
    assert "40 held for work in progress" in seen


async def test_what_expires_soon_is_said_with_its_day(
    client: httpx2.AsyncClient, house: houses.House, account_id: UUID
) -> None:
    cause = commands.Cause("test", str(ids.new()))
    gift = commands.Credit(account_id, 25, "PROMOTION", cause, "application:test", valid_days=10)
    await post(house, gift)
    seen = visits.text(await client.get("/account"))
    assert "25 to spend, expiring within 30 days" in seen
    assert "Expiring next 25 credits" in seen


async def test_older_lines_come_by_a_link_and_none_is_lost_or_twice(
    client: httpx2.AsyncClient, house: houses.House, account_id: UUID
) -> None:
    await post(house, *[spend(account_id, 1, f"Essay {number}") for number in range(45)])
    path, seen = "/account", []
    for _ in range(3):
        page = (await client.get(path)).text
        seen += re.findall(r"Essay \d+", page)
        older = re.search(r'href="(/account\?cursor=\d+)"', page)
        path = older[1] if older else ""
    assert seen == [f"Essay {number}" for number in reversed(range(45))]
    assert path == ""


async def test_htmx_gets_the_older_lines_alone_under_the_heading_that_is_there(
    client: httpx2.AsyncClient, house: houses.House, account_id: UUID
) -> None:
    await post(house, *[spend(account_id, 1, f"Essay {number}") for number in range(show_account.PAGE_LINES + 1)])
    asked = re.search(r'hx-get="([^"]+)"', (await client.get("/account")).text)
    assert asked is not None
    part = await client.get(asked[1].replace("&amp;", "&"), headers={"HX-Request": "true"})
    assert "<html" not in part.text
    assert "Today" not in part.text
    assert "Essay 0" in part.text


@pytest.mark.parametrize("cursor", ["x", "-1", "9" * 40, "٣", ""])
async def test_a_cursor_that_is_none_shows_the_newest(
    client: httpx2.AsyncClient, account_id: UUID, cursor: str
) -> None:
    page = await client.get("/account", params={"cursor": cursor})
    assert page.status_code == 200
    assert "Welcome credits" in visits.text(page)


async def test_what_an_application_wrote_is_shown_and_never_run(
    client: httpx2.AsyncClient, house: houses.House, account_id: UUID
) -> None:
    """Fault 68."""
    await post(house, spend(account_id, 1, "<script>alert(1)</script> 練習 مقال"))
    page = await client.get("/account")
    assert "<script>alert(1)" not in page.text
    assert "&lt;script&gt;alert(1)" in page.text
    assert "練習 مقال" in page.text


async def test_a_login_that_ended_sends_htmx_to_sign_in_as_a_whole_page(client: httpx2.AsyncClient) -> None:
    part = await client.get("/account/older?cursor=5", headers={"HX-Request": "true"})
    assert part.headers["hx-redirect"] == "/sign-in?next=%2Faccount"
    assert part.text == ""
