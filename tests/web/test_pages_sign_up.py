"""Signing up, in and out on pages, by forms alone."""

import httpx2
import pytest

from tests.web import visits
from tests.web.conftest import PASSWORD, mailed_code

EMAIL = "alice@example.com"


async def test_forms_alone_lead_from_nobody_to_an_account_with_welcome_credits(
    client: httpx2.AsyncClient, database_url: str
) -> None:
    await visits.sign_up(client, database_url, email=EMAIL)
    page = await client.get("/account")
    assert page.status_code == 200
    assert "100 credits" in visits.text(page)
    assert "Welcome credits" in visits.text(page)


async def test_a_refused_form_keeps_what_was_typed_and_names_each_field(client: httpx2.AsyncClient) -> None:
    typed = {"firstName": "Zoë", "lastName": "", "email": "zoe@", "password": "short"}
    page = await visits.post(client, "/sign-up", page="/sign-up", **typed)
    assert page.status_code == 422
    assert 'value="Zoë"' in page.text
    assert 'value="zoe@"' in page.text
    assert "short" not in page.text.partition("<main")[2]
    for name in ("lastName", "email", "password"):
        assert f'id="{name}-error"' in page.text
        assert f'href="#{name}"' in page.text
    assert 'id="firstName-error"' not in page.text
    assert 'role="alert"' in page.text


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("/sign-up", "/sign-up"),
        ("/verify", "/verify"),
        ("/verify/resend", "/verify"),
        ("/sign-in", "/sign-in"),
        ("/sign-out", "/sign-in"),
        ("/forgot-password", "/forgot-password"),
        ("/reset-password", "/reset-password"),
        ("/buy", "/sign-in"),
    ],
)
async def test_a_form_without_our_token_is_refused(client: httpx2.AsyncClient, path: str, page: str) -> None:
    """Fault 77."""
    await client.get(page)
    refused = await client.post(path, data={"csrf": "0" * 64, "email": EMAIL}, headers=visits.HTML)
    assert refused.status_code == 403
    assert "You have not been charged" in visits.text(refused)


async def test_a_wrong_code_says_so_and_the_right_one_still_works(
    client: httpx2.AsyncClient, database_url: str
) -> None:
    typed = {"firstName": "Alice", "lastName": "Arnold", "email": EMAIL, "password": PASSWORD}
    await visits.post(client, "/sign-up", page="/sign-up", **typed)
    code = mailed_code(database_url, EMAIL)
    wrong = "000000" if code != "000000" else "111111"
    refused = await visits.post(client, "/verify", page="/verify", email=EMAIL, otp=wrong)
    assert refused.status_code == 422
    assert "That code is not right" in visits.text(refused)
    spaced = f" {code[:3]} {code[3:]} "
    proven = await visits.post(client, "/verify", page="/verify", email=EMAIL, otp=spaced)
    assert proven.status_code == 303


async def test_a_new_code_can_be_asked_for(client: httpx2.AsyncClient, database_url: str) -> None:
    typed = {"firstName": "Alice", "lastName": "Arnold", "email": EMAIL, "password": PASSWORD}
    await visits.post(client, "/sign-up", page="/sign-up", **typed)
    sent = await visits.post(client, "/verify/resend", page="/verify", email=EMAIL)
    assert sent.headers["location"] == "/verify?sent=1"
    assert "A new code is on its way" in visits.text(await client.get("/verify?sent=1"))
    code = mailed_code(database_url, EMAIL)
    assert (await visits.post(client, "/verify", page="/verify", email=EMAIL, otp=code)).status_code == 303


async def test_the_address_stands_in_no_address_bar(client: httpx2.AsyncClient) -> None:
    typed = {"firstName": "Alice", "lastName": "Arnold", "email": EMAIL, "password": PASSWORD}
    sent = await visits.post(client, "/sign-up", page="/sign-up", **typed)
    assert EMAIL not in sent.headers["location"]
    assert EMAIL in visits.text(await client.get("/verify"))


async def test_signing_in_needs_the_right_password(client: httpx2.AsyncClient, database_url: str) -> None:
    await visits.sign_up(client, database_url, email=EMAIL)
    await visits.post(client, "/sign-out", page="/account")
    refused = await visits.post(client, "/sign-in", page="/sign-in", email=EMAIL, password="wrong horse battery")
    assert refused.status_code == 422
    assert "The address or the password is not right." in visits.text(refused)
    assert f'value="{EMAIL}"' in refused.text
    let_in = await visits.post(client, "/sign-in", page="/sign-in", email=EMAIL, password=PASSWORD)
    assert let_in.headers["location"] == "/account"
    assert (await client.get("/account")).status_code == 200


async def test_signing_out_ends_the_login_itself_and_not_only_the_cookie(
    client: httpx2.AsyncClient, database_url: str
) -> None:
    """Fault 70."""
    await visits.sign_up(client, database_url, email=EMAIL)
    kept = dict(client.cookies)
    out = await visits.post(client, "/sign-out", page="/account")
    assert out.headers["location"] == "/"
    client.cookies.update(kept)
    assert (await client.get("/account")).status_code == 303


async def test_a_forgotten_password_is_set_anew_with_a_code(client: httpx2.AsyncClient, database_url: str) -> None:
    await visits.sign_up(client, database_url, email=EMAIL)
    await visits.post(client, "/sign-out", page="/account")
    sent = await visits.post(client, "/forgot-password", page="/forgot-password", email=EMAIL)
    assert sent.headers["location"] == "/reset-password"
    code = mailed_code(database_url, EMAIL)
    new = {"email": EMAIL, "otp": code, "password": "another horse battery"}
    reset = await visits.post(client, "/reset-password", page="/reset-password", **new)
    assert reset.headers["location"] == "/account"
    assert (await client.get("/account")).status_code == 200


@pytest.mark.parametrize(
    "elsewhere",
    ["//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil.example", "account", "/" + "a" * 600],
)
async def test_signing_in_leads_nowhere_but_to_our_own_pages(
    client: httpx2.AsyncClient, database_url: str, elsewhere: str
) -> None:
    """An open redirect would lend our name to a look-alike."""
    await visits.sign_up(client, database_url, email=EMAIL)
    await visits.post(client, "/sign-out", page="/account")
    fields = {"email": EMAIL, "password": PASSWORD, "next": elsewhere}
    let_in = await visits.post(client, "/sign-in", page="/sign-in", **fields)
    assert let_in.headers["location"] == "/account"


async def test_signing_in_comes_back_to_the_page_that_was_asked_for(
    client: httpx2.AsyncClient, database_url: str
) -> None:
    await visits.sign_up(client, database_url, email=EMAIL)
    await visits.post(client, "/sign-out", page="/account")
    sent = await client.get("/payments?cursor=x")
    assert sent.headers["location"] == "/sign-in?next=%2Fpayments%3Fcursor%3Dx"
    assert 'name="next" value="/payments?cursor=x"' in (await client.get(sent.headers["location"])).text
