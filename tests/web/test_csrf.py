"""What another site makes a browser send changes nothing (fault 77)."""

import re
from collections.abc import AsyncIterator

import httpx2
import pytest
from fastapi import FastAPI, Request

from tests.web.conftest import ORIGIN, PASSWORD, Visitor
from topup.core.limits import Caller
from topup.flows import sign_in
from topup.runtime.house import House
from topup.web import app as application
from topup.web import cookies, csrf

LOGIN_COOKIE = "topup-8000"
ANONYMOUS_COOKIE = "topup-anonymous-8000"
FOREIGN = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://testserver:8001"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
]


@pytest.fixture
def app(house: House) -> FastAPI:
    """The application with one more form."""
    app = application.create_app(house)

    @app.get("/form")
    async def show(request: Request) -> dict[str, str]:
        return {"token": await csrf.token(request)}

    @app.post("/form")
    async def take(_guarded: csrf.GuardDep) -> dict[str, bool]:
        return {"done": True}

    return app


@pytest.fixture
async def browser(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """A browser that has never been here."""
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=ORIGIN) as browser:
        yield browser


@pytest.fixture
async def page(browser: httpx2.AsyncClient, house: House, alice: Visitor) -> httpx2.AsyncClient:
    """A browser in which Alice is signed in."""
    opened = await sign_in.sign_in(
        house.pool, house.keys, email="alice@example.com", password=PASSWORD, kind="PAGE", caller=Caller("192.0.2.1")
    )
    browser.cookies.set(LOGIN_COOKIE, opened.secret)
    return browser


async def _token(browser: httpx2.AsyncClient) -> str:
    return (await browser.get("/form")).json()["token"]


async def test_our_own_form_is_taken_before_and_after_signing_in(
    browser: httpx2.AsyncClient, page: httpx2.AsyncClient
) -> None:
    own = {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}
    page.cookies.delete(LOGIN_COOKIE)
    anonymous = await browser.post("/form", data={"csrf": await _token(browser)}, headers=own)
    assert anonymous.status_code == 200


async def test_a_signed_in_form_carries_the_logins_token(page: httpx2.AsyncClient) -> None:
    assert (await page.post("/form", data={"csrf": await _token(page)})).status_code == 200


async def test_a_form_without_the_right_token_is_refused(page: httpx2.AsyncClient) -> None:
    for sent in ({}, {"csrf": ""}, {"csrf": "0" * 64}, {"csrf": "\u00e9"}):
        answer = await page.post("/form", data=sent)
        assert (answer.status_code, answer.json()["code"]) == (403, "cross_site")
    as_file = await page.post("/form", files={"csrf": ("csrf", b"x")})
    assert as_file.status_code == 403


async def test_a_token_from_before_signing_in_is_worth_nothing_after(
    browser: httpx2.AsyncClient, page: httpx2.AsyncClient
) -> None:
    cookie = page.cookies[LOGIN_COOKIE]
    page.cookies.delete(LOGIN_COOKIE)
    before = await _token(browser)
    page.cookies.set(LOGIN_COOKIE, cookie)
    assert (await page.post("/form", data={"csrf": before})).status_code == 403


async def test_a_token_is_bound_to_its_browser(browser: httpx2.AsyncClient, app: FastAPI) -> None:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=ORIGIN) as attacker:
        token = await _token(attacker)
    assert (await browser.post("/form", data={"csrf": token})).status_code == 403
    await _token(browser)
    assert (await browser.post("/form", data={"csrf": token})).status_code == 403


async def test_what_comes_from_another_site_is_refused_even_with_the_token(page: httpx2.AsyncClient) -> None:
    token = await _token(page)
    for headers in FOREIGN:
        answer = await page.post("/form", data={"csrf": token}, headers=headers)
        assert (headers, answer.status_code) == (headers, 403)


async def test_the_api_by_cookie_reads_freely_and_changes_only_with_the_token(page: httpx2.AsyncClient) -> None:
    assert (await page.get("/api/auth/me")).status_code == 200
    assert (await page.post("/api/auth/google/link", json={"idToken": "x"})).json()["code"] == "cross_site"
    header = {csrf.HEADER: await _token(page)}
    passed = await page.post("/api/auth/google/link", json={"idToken": "x"}, headers=header)
    assert passed.json()["code"] == "google_not_set_up"
    for headers in FOREIGN:
        answer = await page.post("/api/auth/google/link", json={"idToken": "x"}, headers={**header, **headers})
        assert answer.json()["code"] == "cross_site"


async def test_a_json_body_sent_as_plain_text_is_not_read(page: httpx2.AsyncClient) -> None:
    header = {csrf.HEADER: await _token(page), "Content-Type": "text/plain"}
    answer = await page.post("/api/auth/google/link", content='{"idToken": "x"}', headers=header)
    assert answer.status_code == 415


async def test_a_page_cookie_is_no_bearer_token_and_the_reverse(
    page: httpx2.AsyncClient, alice: Visitor, browser: httpx2.AsyncClient
) -> None:
    secret = page.cookies.get(LOGIN_COOKIE)
    page.cookies.delete(LOGIN_COOKIE)
    assert (await browser.get("/api/auth/me", headers={"Authorization": f"Bearer {secret}"})).status_code == 401
    browser.cookies.set(LOGIN_COOKIE, alice.login["refreshToken"])
    assert (await browser.get("/api/auth/me")).status_code == 401


async def test_a_bad_bearer_token_is_refused_and_not_passed_over_for_the_cookie(page: httpx2.AsyncClient) -> None:
    assert (await page.get("/api/auth/me", headers={"Authorization": "Bearer x"})).status_code == 401


async def test_cookies_are_kept_from_scripts_and_other_sites(browser: httpx2.AsyncClient) -> None:
    laid = (await browser.get("/form")).headers["set-cookie"]
    assert re.match(rf"{ANONYMOUS_COOKIE}=[A-Za-z0-9_-]{{43}}; HttpOnly; Max-Age=\d+; Path=/; SameSite=lax$", laid)


def test_on_https_a_cookie_belongs_to_this_very_host() -> None:
    jar = cookies.Jar(is_secure=True, port=443)
    assert jar.name(cookies.LOGIN) == "__Host-topup"
    assert cookies.Jar(is_secure=False, port=8123).name(cookies.LOGIN) == "topup-8123"
