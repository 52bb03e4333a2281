"""How a browser without JavaScript goes through the pages: it reads forms, keeps cookies, follows nothing by itself."""

import re
from html import unescape

import httpx2

from tests.web.conftest import PASSWORD, mailed_code

_TOKEN = re.compile(r'name="csrf" value="([0-9a-f]{64})"')
HTML = {"Accept": "text/html"}


async def token(client: httpx2.AsyncClient, path: str) -> str:
    """The form token of a page."""
    page = await client.get(path, headers=HTML)
    found = _TOKEN.search(page.text)
    assert found is not None, f"{path} has no form: {page.status_code} {page.text[:300]}"
    return found[1]


async def post(client: httpx2.AsyncClient, path: str, *, page: str, **fields: str) -> httpx2.Response:
    """Fill in the form that `page` shows and send it to `path`."""
    return await client.post(path, data={"csrf": await token(client, page), **fields}, headers=HTML)


async def sign_up(client: httpx2.AsyncClient, database_url: str, *, email: str, first_name: str = "Alice") -> None:
    """Become somebody, by the forms alone."""
    typed = {"firstName": first_name, "lastName": "Arnold", "email": email, "password": PASSWORD, "next": "/account"}
    sent = await post(client, "/sign-up", page="/sign-up", **typed)
    assert (sent.status_code, sent.headers["location"]) == (303, "/verify")
    code = mailed_code(database_url, email)
    proven = await post(client, "/verify", page="/verify", email=email, otp=code, next="/account")
    assert (proven.status_code, proven.headers["location"]) == (303, "/account")


def text(page: httpx2.Response) -> str:
    """What a person reads of a page, in one line."""
    body = page.text.partition("<main")[2]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())
