"""Errors as people see them, and as programs do."""

import httpx2
import psycopg
import pytest

from tests.web import visits
from topup import errors
from topup.runtime import house as houses
from topup.web import app


async def test_a_person_gets_a_page_with_a_reference_to_quote(client: httpx2.AsyncClient) -> None:
    page = await client.get("/nowhere", headers=visits.HTML)
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    assert "There is nothing at this address" in visits.text(page)
    assert page.headers["x-request-id"] in visits.text(page)


async def test_a_program_gets_a_problem(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/nowhere")
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_wrong_verb_has_its_page(client: httpx2.AsyncClient) -> None:
    page = await client.post("/account", headers=visits.HTML)
    assert page.status_code == 405
    assert "This page cannot be opened that way" in visits.text(page)


@pytest.mark.parametrize(
    ("error", "status", "title", "money"),
    [
        (errors.NotAllowed("No."), 403, "This was not allowed", "You have not been charged."),
        (errors.SlowDown("Wait.", retry_after_seconds=7), 429, "Too many tries", "You have not been charged."),
        (errors.Unavailable("Not now."), 503, "We cannot answer right now", "what is paid is credited"),
        (psycopg.OperationalError("gone"), 503, "We cannot answer right now", "what is paid is credited"),
        (errors.Broken("secret"), 500, "This did not work, and it is our fault", "what is paid is credited"),
        (ZeroDivisionError("secret"), 500, "This did not work, and it is our fault", "what is paid is credited"),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_each_kind_of_error_has_its_page_with_what_it_means_for_the_money(
    house: houses.House, error: Exception, status: int, title: str, money: str
) -> None:
    """Fault 87: and none says what went wrong inside."""
    application = app.create_app(house)

    @application.get("/raises")
    def raises() -> None:
        raise error

    transport = httpx2.ASGITransport(app=application)
    async with httpx2.AsyncClient(transport=transport, base_url=house.settings.frontend_url) as client:
        page = await client.get("/raises", headers=visits.HTML)
    seen = visits.text(page)
    assert page.status_code == status
    assert title in seen
    assert money in seen
    assert "secret" not in page.text
    assert page.headers["x-request-id"] in seen
    assert ("retry-after" in page.headers) == (status in (429, 503))


@pytest.mark.parametrize("path", ["/", "/sign-up", "/sign-in", "/forgot-password", "/demo/mailbox", "/nowhere"])
async def test_no_page_has_inline_script_or_style_or_names_another_site(client: httpx2.AsyncClient, path: str) -> None:
    """The policy would refuse the first two, and readers' addresses are nobody else's business."""
    page = (await client.get(path, headers=visits.HTML)).text
    assert "<style" not in page
    assert " style=" not in page
    assert " onclick=" not in page
    assert page.count("<script") == page.count('<script src="/static/')
    assert "http://" not in page.replace("http-equiv", "")
    assert "https://" not in page
