"""Another site in a browser that is signed in here can make nothing of it (fault 77).

The site is a real page on another origin in a real Chromium, with every way of making a browser send something. What
the token and the headers must be is in `tests/web/test_csrf.py`.
"""

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx2
import psycopg
import pytest
from playwright import sync_api
from typing_extensions import override

from tests.browser import looking
from tests.web import served
from tests.web.conftest import PASSWORD, mailed_code
from topup.settings import Settings

EVIL_PAGE = """<!doctype html><title>Nice</title>
<form id=form method=post action="{url}/sign-out"><input name=csrf value=x></form>
<form id=text method=post enctype="text/plain" action="{url}/api/institutions">
<input name='{{"name":"Stolen","billingEmail":"x@evil.example","y":"' value='"}}'></form>
<form id=multi method=post enctype="multipart/form-data" action="{url}/institutions">
<input name=name value=Stolen><input name=billingEmail value=x@evil.example></form>
<img src="{url}/sign-out">
<script>
async function tries() {{
  const told = [];
  const body = JSON.stringify({{name: 'Stolen', billingEmail: 'x@evil.example'}});
  for (const mode of ['no-cors', 'cors']) for (const type of ['text/plain', 'application/json'])
    try {{ const answer = await fetch('{url}/api/institutions', {{method: 'POST', mode, credentials: 'include', body,
        headers: {{'Content-Type': type}}}});
      told.push(answer.type + ' ' + answer.status); }} catch (error) {{ told.push('refused'); }}
  try {{ told.push('read ' + (await (await fetch('{url}/api/auth/me', {{credentials: 'include'}})).text())); }}
  catch (error) {{ told.push('unread'); }}
  navigator.sendBeacon('{url}/sign-out', 'csrf=x');
  return told;
}}
</script>"""


@contextlib.contextmanager
def evil(url: str) -> Iterator[str]:
    """A page of another origin: the same machine under another name, as another site would be."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(EVIL_PAGE.format(url=url).encode())

        @override
        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def running(settings: Settings) -> Iterator[str]:
    with served.running(settings) as url:
        yield url


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[sync_api.Browser]:
    with sync_api.sync_playwright() as playwright, looking.launched(playwright, chromium_path) as browser:
        yield browser


@pytest.mark.browser
def test_a_page_of_another_site_can_do_nothing_in_a_browser_that_is_signed_in(
    running: str, browser: sync_api.Browser, database_url: str
) -> None:
    """Fault 77: forms of each kind, fetches of each kind, a picture, a beacon."""
    who = {"email": "alice@example.com", "password": PASSWORD, "firstName": "Alice", "lastName": "A"}
    httpx2.post(f"{running}/api/auth/register", json=who)
    proof = {"email": who["email"], "otp": mailed_code(database_url, who["email"])}
    assert httpx2.post(f"{running}/api/auth/verify-otp", json=proof).status_code == 200
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{running}/sign-in")
    page.fill("input[name=email]", who["email"])
    page.fill("input[name=password]", PASSWORD)
    page.click("main button[type=submit]")
    page.wait_for_url("**/account")
    with evil(running) as site:
        page.goto(site)
        told = page.evaluate("tries()")
        assert [word for word in told if word not in {"opaque 0", "refused", "unread"}] == []
        for form in ("form", "text", "multi"):
            page.goto(site)
            with page.expect_navigation():
                page.evaluate(f"document.getElementById('{form}').submit()")
    page.goto(f"{running}/account")
    assert page.url == f"{running}/account", "she was signed out"
    context.close()
    with psycopg.connect(database_url) as conn:
        assert conn.execute("SELECT count(*) FROM institutions").fetchone() == (0,)
        assert conn.execute("SELECT count(*) FROM logins WHERE ended_at IS NULL AND kind = 'PAGE'").fetchone() == (1,)
